-- How far messages got: one row per day of the send (UTC), message and channel. A message is one delivery to one person, and
-- counts in the row of its own day whatever came of it later, so that rows can be summed: opened on three days, it is opened
-- once. A message that was never sent counts on the day of its first event. sent_on is NULL where the send is not in the table.
-- Rates cannot be summed: divide sums (message_rates does).
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
    IFNULL(proxied, FALSE) OR IFNULL(prefetched, FALSE) OR IFNULL(synthetic, FALSE) OR IFNULL(machine, FALSE) AS by_machine
  FROM `${dataset}.webhook_events`
  WHERE COALESCE(campaign_id, broadcast_id, newsletter_id, transactional_message_id) IS NOT NULL
  QUALIFY ROW_NUMBER() OVER (PARTITION BY event_id, timestamp, metric ORDER BY truncated IS NOT NULL) = 1
),
deliveries AS (
  SELECT
    COALESCE(delivery_id, event_id) AS delivery,
    object_type AS channel,
    campaign_id,
    broadcast_id,
    newsletter_id,
    transactional_message_id,
    MAX(campaign_name) AS campaign_name,
    MAX(broadcast_name) AS broadcast_name,
    MAX(action_id) AS action_id,
    MAX(content_id) AS content_id,
    DATE(COALESCE(
      MIN(IF(metric = 'sent', timestamp, NULL)),
      MIN(IF(metric IN ('drafted', 'attempted', 'bounced', 'deferred', 'dropped', 'failed', 'undeliverable'), timestamp, NULL))
    )) AS sent_on,
    LOGICAL_OR(metric = 'drafted') AS drafted,
    LOGICAL_OR(metric = 'attempted') AS attempted,
    LOGICAL_OR(metric = 'sent') AS sent,
    LOGICAL_OR(metric = 'delivered') AS delivered,
    LOGICAL_OR(metric = 'opened' AND NOT by_machine) AS opened_by_people,
    LOGICAL_OR(metric = 'opened' AND by_machine) AS opened_by_machines,
    LOGICAL_OR(metric = 'clicked' AND NOT by_machine) AS clicked_by_people,
    LOGICAL_OR(metric = 'clicked' AND by_machine) AS clicked_by_machines,
    LOGICAL_OR(metric = 'converted') AS converted,
    LOGICAL_OR(metric = 'replied') AS replied,
    LOGICAL_OR(metric = 'unsubscribed') AS unsubscribed,
    LOGICAL_OR(metric = 'spammed') AS spammed,
    LOGICAL_OR(metric = 'bounced') AS bounced,
    LOGICAL_OR(metric = 'deferred') AS deferred,
    LOGICAL_OR(metric = 'dropped') AS dropped,
    LOGICAL_OR(metric = 'failed') AS failed,
    LOGICAL_OR(metric = 'undeliverable') AS undeliverable
  FROM events
  GROUP BY delivery, channel, campaign_id, broadcast_id, newsletter_id, transactional_message_id
),
cohorts AS (
  SELECT
    sent_on,
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
    channel,
    COUNT(*) AS messages,
    COUNTIF(drafted) AS drafted,
    COUNTIF(attempted) AS attempted,
    COUNTIF(sent) AS sent,
    COUNTIF(delivered) AS delivered,
    COUNTIF(opened_by_people) AS opened_by_people,
    COUNTIF(opened_by_machines) AS opened_by_machines,
    COUNTIF(clicked_by_people) AS clicked_by_people,
    COUNTIF(clicked_by_machines) AS clicked_by_machines,
    COUNTIF(converted) AS converted,
    COUNTIF(replied) AS replied,
    COUNTIF(unsubscribed) AS unsubscribed,
    COUNTIF(spammed) AS spammed,
    COUNTIF(bounced) AS bounced,
    COUNTIF(deferred) AS deferred,
    COUNTIF(dropped) AS dropped,
    COUNTIF(failed) AS failed,
    COUNTIF(undeliverable) AS undeliverable
  FROM deliveries
  GROUP BY sent_on, origin, origin_id, action_id, content_id, channel
)
SELECT
  cohorts.* REPLACE (COALESCE(cohorts.origin_name, origin_names.name) AS origin_name),
  action_names.name AS action_name
FROM cohorts
LEFT JOIN origin_names ON origin_names.kind = origin AND origin_names.id = CAST(origin_id AS STRING)
LEFT JOIN action_names
  ON action_names.parent = CONCAT(origin, '/', CAST(origin_id AS STRING)) AND action_names.id = CAST(action_id AS STRING)
