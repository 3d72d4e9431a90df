-- What attempts came to, by the hour of the publish (UTC), topic, function, channel, outcome and reason. Attempts can be summed.
-- Messages can be summed over hours, and not over outcomes: one that failed and was delivered later counts in both.
WITH outcomes AS (
  SELECT *
  FROM `${dataset}.message_outcomes`
  WHERE message_id IS NOT NULL
  -- The same line, written twice.
  QUALIFY ROW_NUMBER() OVER (PARTITION BY message_id, function, publish_time, ended_at, outcome) = 1
)
SELECT
  TIMESTAMP_TRUNC(publish_time, HOUR) AS hour,
  topic,
  function,
  channel,
  outcome,
  reason,
  COUNT(*) AS attempts,
  COUNT(DISTINCT message_id) AS messages,
  -- Divide it by attempts for the mean.
  SUM(TIMESTAMP_DIFF(ended_at, publish_time, MILLISECOND)) AS ms_since_publish,
  MAX(TIMESTAMP_DIFF(ended_at, publish_time, MILLISECOND)) AS most_ms_since_publish
FROM outcomes
GROUP BY hour, topic, function, channel, outcome, reason
