-- What became of each message to a person, step by step: to be filtered by person_id, person_email or person_cio_id.
-- Not every event names a person in the same way, so each event of a delivery carries all that the delivery's events say.
-- Steps of the same second are in the order of a message's life.
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
  SELECT *
  FROM `${dataset}.webhook_events`
  WHERE delivery_id IS NOT NULL
  QUALIFY ROW_NUMBER() OVER (PARTITION BY event_id, timestamp ORDER BY truncated IS NOT NULL) = 1
),
ordered AS (
  SELECT
    *,
    CASE metric
      WHEN 'drafted' THEN 1
      WHEN 'attempted' THEN 2
      WHEN 'sent' THEN 3
      WHEN 'deferred' THEN 4
      WHEN 'delivered' THEN 5
      WHEN 'opened' THEN 6
      WHEN 'clicked' THEN 7
      WHEN 'converted' THEN 8
      ELSE 9
    END AS stage,
    CASE
      WHEN campaign_id IS NOT NULL THEN 'campaign'
      WHEN broadcast_id IS NOT NULL THEN 'broadcast'
      WHEN newsletter_id IS NOT NULL THEN 'newsletter'
      WHEN transactional_message_id IS NOT NULL THEN 'transactional'
    END AS origin,
    COALESCE(campaign_id, broadcast_id, newsletter_id, transactional_message_id) AS origin_id
  FROM events
)
SELECT
  FIRST_VALUE(person_id IGNORE NULLS) OVER delivery AS person_id,
  FIRST_VALUE(person_email IGNORE NULLS) OVER delivery AS person_email,
  FIRST_VALUE(person_cio_id IGNORE NULLS) OVER delivery AS person_cio_id,
  delivery_id,
  object_type AS channel,
  origin,
  origin_id,
  COALESCE(campaign_name, broadcast_name, origin_names.name) AS origin_name,
  action_id,
  action_names.name AS action_name,
  journey_id,
  ROW_NUMBER() OVER (PARTITION BY delivery_id ORDER BY timestamp, stage, event_id) AS step,
  timestamp,
  TIMESTAMP_DIFF(timestamp, MIN(timestamp) OVER (PARTITION BY delivery_id), SECOND) AS seconds_since_first,
  metric,
  IFNULL(proxied, FALSE) OR IFNULL(prefetched, FALSE) OR IFNULL(synthetic, FALSE) OR IFNULL(machine, FALSE) AS is_machine,
  recipient,
  subject,
  href,
  failure_message,
  event_id
FROM ordered
LEFT JOIN origin_names ON origin_names.kind = origin AND origin_names.id = CAST(origin_id AS STRING)
LEFT JOIN action_names
  ON action_names.parent = CONCAT(origin, '/', CAST(origin_id AS STRING)) AND action_names.id = CAST(action_id AS STRING)
WINDOW delivery AS (
  PARTITION BY delivery_id
  ORDER BY timestamp, stage, event_id
  ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
)
