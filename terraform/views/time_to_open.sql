-- How soon people open messages: one row per day of the send (UTC), message and channel. Counts are messages, by the time from
-- the send to the first open by a person, and can be summed. seconds_to_open is their sum: divide it by opened for the mean.
-- Messages whose send is not in the table are left out.
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
  WHERE metric IN ('sent', 'opened') AND delivery_id IS NOT NULL
  QUALIFY ROW_NUMBER() OVER (PARTITION BY event_id, timestamp, metric ORDER BY truncated IS NOT NULL) = 1
),
deliveries AS (
  SELECT
    delivery_id,
    object_type AS channel,
    campaign_id,
    broadcast_id,
    newsletter_id,
    transactional_message_id,
    MAX(COALESCE(campaign_name, broadcast_name)) AS name,
    MAX(action_id) AS action_id,
    MAX(content_id) AS content_id,
    MIN(IF(metric = 'sent', timestamp, NULL)) AS sent_at,
    MIN(IF(metric = 'opened' AND NOT by_machine, timestamp, NULL)) AS opened_at
  FROM events
  GROUP BY delivery_id, channel, campaign_id, broadcast_id, newsletter_id, transactional_message_id
),
timed AS (
  SELECT
    *,
    -- Times are of the second, and of two systems: an open is never before its send.
    IF(opened_at < sent_at, 0, TIMESTAMP_DIFF(opened_at, sent_at, SECOND)) AS seconds
  FROM deliveries
  WHERE sent_at IS NOT NULL
),
cohorts AS (
  SELECT
    DATE(sent_at) AS sent_on,
    CASE
      WHEN campaign_id IS NOT NULL THEN 'campaign'
      WHEN broadcast_id IS NOT NULL THEN 'broadcast'
      WHEN newsletter_id IS NOT NULL THEN 'newsletter'
      WHEN transactional_message_id IS NOT NULL THEN 'transactional'
    END AS origin,
    COALESCE(campaign_id, broadcast_id, newsletter_id, transactional_message_id) AS origin_id,
    MAX(name) AS origin_name,
    action_id,
    content_id,
    channel,
    COUNT(*) AS sent,
    COUNT(seconds) AS opened,
    COUNTIF(seconds <= 600) AS within_10_minutes,
    COUNTIF(seconds <= 3600) AS within_1_hour,
    COUNTIF(seconds <= 86400) AS within_1_day,
    COUNTIF(seconds <= 259200) AS within_3_days,
    COALESCE(SUM(seconds), 0) AS seconds_to_open
  FROM timed
  GROUP BY sent_on, origin, origin_id, action_id, content_id, channel
)
SELECT
  cohorts.* REPLACE (COALESCE(cohorts.origin_name, origin_names.name) AS origin_name),
  action_names.name AS action_name
FROM cohorts
LEFT JOIN origin_names ON origin_names.kind = origin AND origin_names.id = CAST(origin_id AS STRING)
LEFT JOIN action_names
  ON action_names.parent = CONCAT(origin, '/', CAST(origin_id AS STRING)) AND action_names.id = CAST(action_id AS STRING)
