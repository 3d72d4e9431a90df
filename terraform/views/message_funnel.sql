-- How far the messages of each campaign, broadcast, newsletter and transactional message got, day by day (UTC, the day of
-- the event) and channel by channel. Numbers are messages to one person each, not events: opened twice on a day counts
-- once, and a message that a machine and a person opened counts in both columns.
WITH events AS (
  SELECT
    *,
    IFNULL(proxied, FALSE) OR IFNULL(prefetched, FALSE) OR IFNULL(synthetic, FALSE) OR IFNULL(machine, FALSE) AS by_machine,
    COALESCE(delivery_id, event_id) AS delivery
  FROM `${dataset}.webhook_events`
  WHERE COALESCE(campaign_id, broadcast_id, newsletter_id, transactional_message_id) IS NOT NULL
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY event_id, timestamp
    ORDER BY truncated IS NOT NULL, received_at
  ) = 1
)
SELECT
  DATE(timestamp) AS day,
  CASE
    WHEN campaign_id IS NOT NULL THEN 'campaign'
    WHEN broadcast_id IS NOT NULL THEN 'broadcast'
    WHEN newsletter_id IS NOT NULL THEN 'newsletter'
    WHEN transactional_message_id IS NOT NULL THEN 'transactional'
  END AS origin,
  COALESCE(campaign_id, broadcast_id, newsletter_id, transactional_message_id) AS origin_id,
  object_type AS channel,
  COUNT(DISTINCT IF(metric = 'drafted', delivery, NULL)) AS drafted,
  COUNT(DISTINCT IF(metric = 'attempted', delivery, NULL)) AS attempted,
  COUNT(DISTINCT IF(metric = 'sent', delivery, NULL)) AS sent,
  COUNT(DISTINCT IF(metric = 'delivered', delivery, NULL)) AS delivered,
  COUNT(DISTINCT IF(metric = 'opened' AND NOT by_machine, delivery, NULL)) AS opened_by_people,
  COUNT(DISTINCT IF(metric = 'opened' AND by_machine, delivery, NULL)) AS opened_by_machines,
  COUNT(DISTINCT IF(metric = 'clicked' AND NOT by_machine, delivery, NULL)) AS clicked_by_people,
  COUNT(DISTINCT IF(metric = 'clicked' AND by_machine, delivery, NULL)) AS clicked_by_machines,
  COUNT(DISTINCT IF(metric = 'converted', delivery, NULL)) AS converted,
  COUNT(DISTINCT IF(metric = 'replied', delivery, NULL)) AS replied,
  COUNT(DISTINCT IF(metric = 'unsubscribed', delivery, NULL)) AS unsubscribed,
  COUNT(DISTINCT IF(metric = 'spammed', delivery, NULL)) AS spammed,
  COUNT(DISTINCT IF(metric = 'bounced', delivery, NULL)) AS bounced,
  COUNT(DISTINCT IF(metric = 'deferred', delivery, NULL)) AS deferred,
  COUNT(DISTINCT IF(metric = 'dropped', delivery, NULL)) AS dropped,
  COUNT(DISTINCT IF(metric = 'failed', delivery, NULL)) AS failed,
  COUNT(DISTINCT IF(metric = 'undeliverable', delivery, NULL)) AS undeliverable
FROM events
GROUP BY day, origin, origin_id, channel
