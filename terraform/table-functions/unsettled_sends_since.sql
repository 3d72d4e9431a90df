-- unsettled_sends of the messages that were published since from_day (UTC).
WITH message_outcomes AS (
  SELECT *
  FROM `${dataset}.message_outcomes`
  WHERE publish_time >= TIMESTAMP(from_day)
)
SELECT *
FROM (
${view}
)
