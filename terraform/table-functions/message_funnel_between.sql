-- message_funnel of the messages that were sent on these days (UTC, both included), with what came of them until now.
-- Reads from a week before from_day, since a message can be drafted or tried before the day of its send.
WITH webhook_events AS (
  SELECT *
  FROM `${dataset}.webhook_events`
  WHERE timestamp >= TIMESTAMP(DATE_SUB(from_day, INTERVAL 7 DAY))
)
SELECT *
FROM (
${view}
)
WHERE sent_on BETWEEN from_day AND to_day
