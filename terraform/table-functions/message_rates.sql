-- The rates of each message over the days of its send (UTC, both included): the sums of message_funnel, and their ratios to
-- `sent` (between 0 and 1, NULL where nothing was sent). Opens and clicks are those of people.
-- Reads from a week before from_day, since a message can be drafted or tried before the day of its send.
WITH webhook_events AS (
  SELECT *
  FROM `${dataset}.webhook_events`
  WHERE timestamp >= TIMESTAMP(DATE_SUB(from_day, INTERVAL 7 DAY))
)
SELECT
  origin,
  origin_id,
  MAX(origin_name) AS origin_name,
  action_id,
  MAX(action_name) AS action_name,
  content_id,
  channel,
  SUM(sent) AS sent,
  SAFE_DIVIDE(SUM(delivered), SUM(sent)) AS delivery_rate,
  SAFE_DIVIDE(SUM(opened_by_people), SUM(sent)) AS open_rate,
  SAFE_DIVIDE(SUM(clicked_by_people), SUM(sent)) AS click_rate,
  SAFE_DIVIDE(SUM(converted), SUM(sent)) AS conversion_rate,
  SAFE_DIVIDE(SUM(unsubscribed), SUM(sent)) AS unsubscribe_rate,
  SAFE_DIVIDE(SUM(spammed), SUM(sent)) AS complaint_rate,
  SAFE_DIVIDE(SUM(bounced), SUM(sent)) AS bounce_rate
FROM (
${view}
)
WHERE sent_on BETWEEN from_day AND to_day
GROUP BY origin, origin_id, action_id, content_id, channel
