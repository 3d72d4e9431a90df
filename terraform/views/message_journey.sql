-- Each transactional send from its publish to what the person did: one row per delivery that Customer.io accepted, with the
-- time of each step, NULL for one that no webhook told of. Opens and clicks are those of people. Filter on publish_time.
-- A message that was published again under its key has a row for each publish, with the same delivery.
-- A send that was never accepted has no row here: see unsettled_sends and outcomes_by_hour.
WITH accepted AS (
  SELECT *
  FROM `${dataset}.message_outcomes`
  WHERE topic = 'transactional' AND outcome = 'delivered' AND delivery_id IS NOT NULL
  -- A line can be written twice, and a message that was acknowledged can be delivered once more.
  QUALIFY ROW_NUMBER() OVER (PARTITION BY delivery_id, publish_time ORDER BY ended_at) = 1
),
events AS (
  SELECT
    *,
    IFNULL(proxied, FALSE) OR IFNULL(prefetched, FALSE) OR IFNULL(synthetic, FALSE) OR IFNULL(machine, FALSE) AS by_machine
  FROM `${dataset}.webhook_events`
  WHERE delivery_id IS NOT NULL
),
steps AS (
  SELECT
    delivery_id,
    MIN(IF(metric = 'sent', timestamp, NULL)) AS sent_at,
    MIN(IF(metric = 'delivered', timestamp, NULL)) AS delivered_at,
    MIN(IF(metric = 'opened' AND NOT by_machine, timestamp, NULL)) AS opened_at,
    MIN(IF(metric = 'clicked' AND NOT by_machine, timestamp, NULL)) AS clicked_at,
    MIN(IF(metric = 'bounced', timestamp, NULL)) AS bounced_at,
    MIN(IF(metric IN ('dropped', 'failed', 'undeliverable'), timestamp, NULL)) AS failed_at,
    MIN(IF(metric IN ('unsubscribed', 'spammed'), timestamp, NULL)) AS unsubscribed_at
  FROM events
  GROUP BY delivery_id
)
SELECT
  delivery_id,
  message_id,
  channel,
  template,
  send_at,
  queue_draft,
  publish_time,
  ended_at AS accepted_at,
  attempt,
  sent_at,
  delivered_at,
  opened_at,
  clicked_at,
  bounced_at,
  failed_at,
  unsubscribed_at,
  CASE
    WHEN unsubscribed_at IS NOT NULL THEN 'unsubscribed'
    WHEN bounced_at IS NOT NULL THEN 'bounced'
    WHEN failed_at IS NOT NULL THEN 'failed'
    WHEN clicked_at IS NOT NULL THEN 'clicked'
    WHEN opened_at IS NOT NULL THEN 'opened'
    WHEN delivered_at IS NOT NULL THEN 'delivered'
    WHEN sent_at IS NOT NULL THEN 'sent'
    ELSE 'accepted'
  END AS furthest_step,
  TIMESTAMP_DIFF(ended_at, publish_time, MILLISECOND) AS ms_to_accept,
  -- Customer.io tells the second only: what it did within that of the publish took no time.
  IF(sent_at < publish_time, 0, TIMESTAMP_DIFF(sent_at, publish_time, SECOND)) AS seconds_to_send,
  IF(opened_at < sent_at, 0, TIMESTAMP_DIFF(opened_at, sent_at, SECOND)) AS seconds_to_open
FROM accepted
LEFT JOIN steps USING (delivery_id)
