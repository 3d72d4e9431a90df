-- One row per message, under the id of its first publish: what became of it in the end, and its first and last failed attempt.
-- A replay, a move to the bulk lane and what an operator did with the dead letter belong to the message that they are about.
-- publish_time is that of the first publish, or of the earliest that the record still has.
WITH outcomes AS (
  SELECT
    *,
    COALESCE(source_message_id, message_id) AS first_message_id,
    function != 'cio-gcp' AS is_attempt,
    -- An operator's doing is no attempt.
    function != 'cio-gcp' AND outcome != 'delivered' AS is_failure
  FROM `${dataset}.message_outcomes`
  WHERE message_id IS NOT NULL
  -- The same line, written twice.
  QUALIFY ROW_NUMBER() OVER (PARTITION BY message_id, function, publish_time, ended_at, outcome) = 1
),
numbered AS (
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY topic, first_message_id, is_failure ORDER BY ended_at) AS nth,
    ROW_NUMBER() OVER (PARTITION BY topic, first_message_id, is_failure ORDER BY ended_at DESC) AS nth_last,
    -- The last line that is final, else the last line.
    ROW_NUMBER() OVER (PARTITION BY topic, first_message_id ORDER BY final DESC, ended_at DESC) = 1 AS is_outcome
  FROM outcomes
)
SELECT
  topic,
  first_message_id AS message_id,
  MIN(IF(is_attempt, publish_time, NULL)) AS publish_time,
  MAX(action) AS action,
  MAX(event_name) AS event_name,
  MAX(channel) AS channel,
  MAX(template) AS template,
  MAX(IF(is_outcome, outcome, NULL)) AS outcome,
  MAX(IF(is_outcome, reason, NULL)) AS reason,
  MAX(IF(is_outcome, http_status, NULL)) AS http_status,
  MAX(IF(is_outcome, ended_at, NULL)) AS ended_at,
  LOGICAL_OR(is_outcome AND final AND outcome != 'replayed') AS final,
  MAX(delivery_id) AS delivery_id,
  COUNTIF(is_attempt) AS attempts,
  COUNTIF(is_failure) AS failed_attempts,
  MAX(IF(is_failure AND nth = 1, ended_at, NULL)) AS first_failed_at,
  MAX(IF(is_failure AND nth = 1, reason, NULL)) AS first_failed_reason,
  MAX(IF(is_failure AND nth = 1, http_status, NULL)) AS first_failed_http_status,
  MAX(IF(is_failure AND nth_last = 1, ended_at, NULL)) AS last_failed_at,
  MAX(IF(is_failure AND nth_last = 1, reason, NULL)) AS last_failed_reason,
  MAX(IF(is_failure AND nth_last = 1, http_status, NULL)) AS last_failed_http_status
FROM numbered
GROUP BY topic, first_message_id
