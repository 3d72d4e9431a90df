-- The links of each message and how often they were clicked. A link is known by its address without what stands behind "?" or
-- "#", which often names the person. *_by_people counts clicks, messages_clicked the messages with a click of a person.
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
clicks AS (
  SELECT
    *,
    IFNULL(proxied, FALSE) OR IFNULL(prefetched, FALSE) OR IFNULL(synthetic, FALSE) OR IFNULL(machine, FALSE) AS by_machine,
    REGEXP_EXTRACT(href, '^([^?#]*)') AS address
  FROM `${dataset}.webhook_events`
  WHERE metric = 'clicked' AND href IS NOT NULL
  QUALIFY ROW_NUMBER() OVER (PARTITION BY event_id, timestamp, metric ORDER BY truncated IS NOT NULL) = 1
),
links AS (
  SELECT
    CASE
      WHEN campaign_id IS NOT NULL THEN 'campaign'
      WHEN broadcast_id IS NOT NULL THEN 'broadcast'
      WHEN newsletter_id IS NOT NULL THEN 'newsletter'
      WHEN transactional_message_id IS NOT NULL THEN 'transactional'
    END AS origin,
    COALESCE(campaign_id, broadcast_id, newsletter_id, transactional_message_id) AS origin_id,
    MAX(COALESCE(campaign_name, broadcast_name)) AS origin_name,
    action_id,
    content_id,
    object_type AS channel,
    link_id,
    address,
    COUNTIF(NOT by_machine) AS clicks_by_people,
    COUNTIF(by_machine) AS clicks_by_machines,
    COUNT(DISTINCT IF(by_machine, NULL, COALESCE(delivery_id, event_id))) AS messages_clicked,
    MIN(timestamp) AS first_clicked_at,
    MAX(timestamp) AS last_clicked_at
  FROM clicks
  GROUP BY origin, origin_id, action_id, content_id, channel, link_id, address
)
SELECT
  links.* REPLACE (COALESCE(links.origin_name, origin_names.name) AS origin_name),
  action_names.name AS action_name
FROM links
LEFT JOIN origin_names ON origin_names.kind = origin AND origin_names.id = CAST(origin_id AS STRING)
LEFT JOIN action_names
  ON action_names.parent = CONCAT(origin, '/', CAST(origin_id AS STRING)) AND action_names.id = CAST(action_id AS STRING)
