-- message_journey of the sends that were published on these days (UTC, both included), with what came of them until now.
WITH webhook_events AS (
  SELECT *
  FROM `${dataset}.webhook_events`
  WHERE timestamp >= TIMESTAMP(from_day)
)
SELECT *
FROM (
${view}
)
WHERE publish_time >= TIMESTAMP(from_day) AND publish_time < TIMESTAMP(DATE_ADD(to_day, INTERVAL 1 DAY))
