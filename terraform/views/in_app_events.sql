-- Every event of in-app messages.
-- Customer.io may send an event more than once: one row per event_id, an untruncated one before a truncated one.
WITH origin_names AS (
  SELECT kind, id, name
  FROM `${dataset}.names`
  WHERE kind IN ('campaign', 'broadcast', 'newsletter', 'transactional')
  QUALIFY ROW_NUMBER() OVER (PARTITION BY kind, id ORDER BY fetched_at DESC, name) = 1
),
action_names AS (
  SELECT parent, id, name
  FROM `${dataset}.names`
  WHERE kind = 'action'
  QUALIFY ROW_NUMBER() OVER (PARTITION BY parent, id ORDER BY fetched_at DESC, name) = 1
),
events AS (
  SELECT
    *,
    CASE
      WHEN campaign_id IS NOT NULL THEN 'campaign'
      WHEN broadcast_id IS NOT NULL THEN 'broadcast'
      WHEN newsletter_id IS NOT NULL THEN 'newsletter'
      WHEN transactional_message_id IS NOT NULL THEN 'transactional'
    END AS origin,
    COALESCE(campaign_id, broadcast_id, newsletter_id, transactional_message_id) AS origin_id,
    MIN(received_at) OVER (PARTITION BY event_id, timestamp, metric) AS first_received_at
  FROM `${dataset}.webhook_events`
  WHERE object_type = 'in_app'
  QUALIFY ROW_NUMBER() OVER (PARTITION BY event_id, timestamp, metric ORDER BY truncated IS NOT NULL) = 1
)
SELECT
  event_id,
  timestamp,
  first_received_at AS received_at,
  metric,
  person_id,
  person_email,
  person_cio_id,
  person_phone,
  delivery_id,
  origin,
  origin_id,
  COALESCE(campaign_name, broadcast_name, origin_names.name) AS origin_name,
  IF(ARRAY_LENGTH(campaign_tags) > 0, campaign_tags, broadcast_tags) AS origin_tags,
  action_id,
  action_names.name AS action_name,
  template_id,
  journey_id,
  recipient,
  href,
  link_id,
  tracked_response,
  failure_message,
  data
FROM events
LEFT JOIN origin_names ON origin_names.kind = origin AND origin_names.id = CAST(origin_id AS STRING)
LEFT JOIN action_names
  ON action_names.parent = CONCAT(origin, '/', CAST(origin_id AS STRING)) AND action_names.id = CAST(action_id AS STRING)
