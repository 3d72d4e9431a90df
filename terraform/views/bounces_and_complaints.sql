-- Every hard bounce and every complaint, of all channels. From the table that never expires, one row per event_id.
SELECT
  event_id,
  timestamp,
  kind,
  object_type AS channel,
  person_id,
  person_email,
  person_cio_id,
  recipient,
  failure_message,
  delivery_id,
  CASE
    WHEN campaign_id IS NOT NULL THEN 'campaign'
    WHEN broadcast_id IS NOT NULL THEN 'broadcast'
    WHEN newsletter_id IS NOT NULL THEN 'newsletter'
    WHEN transactional_message_id IS NOT NULL THEN 'transactional'
  END AS origin,
  COALESCE(campaign_id, broadcast_id, newsletter_id, transactional_message_id) AS origin_id,
  COALESCE(campaign_name, broadcast_name) AS origin_name,
  action_id
FROM `${dataset}.subscription_changes`
WHERE kind IN ('hard_bounce', 'complaint')
QUALIFY ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY received_at) = 1
