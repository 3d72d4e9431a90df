-- Transactional sends of today and yesterday (UTC) that Customer.io accepted, that were due more than an hour ago, and that no
-- webhook has told of since. A send is due when it is accepted, one with send_at at that time, and a draft never. Only of
-- channels of which Customer.io reports transactional sends: a channel without a "sent" webhook in these two days has no row.
-- Older ones, also those that are due later than the day after their publish: message_journey.
WITH accepted AS (
  SELECT
    *,
    IF(send_at > ended_at, send_at, ended_at) AS due_at
  FROM `${dataset}.message_outcomes`
  WHERE publish_time >= TIMESTAMP_SUB(TIMESTAMP_TRUNC(CURRENT_TIMESTAMP(), DAY), INTERVAL 1 DAY)
    AND topic = 'transactional' AND outcome = 'delivered' AND delivery_id IS NOT NULL
    AND NOT IFNULL(queue_draft, FALSE)
  QUALIFY ROW_NUMBER() OVER (PARTITION BY delivery_id ORDER BY ended_at) = 1
),
events AS (
  SELECT *
  FROM `${dataset}.webhook_events`
  WHERE timestamp >= TIMESTAMP_SUB(TIMESTAMP_TRUNC(CURRENT_TIMESTAMP(), DAY), INTERVAL 1 DAY)
    AND delivery_id IS NOT NULL
)
SELECT
  delivery_id,
  message_id,
  channel,
  template,
  publish_time,
  ended_at AS accepted_at,
  send_at,
  TIMESTAMP_DIFF(CURRENT_TIMESTAMP(), due_at, MINUTE) AS minutes_without_outcome,
  trace
FROM accepted
WHERE due_at < TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 60 MINUTE)
  AND delivery_id NOT IN (SELECT delivery_id FROM events)
  AND channel IN (
    SELECT object_type
    FROM events
    WHERE metric = 'sent' AND transactional_message_id IS NOT NULL
  )
