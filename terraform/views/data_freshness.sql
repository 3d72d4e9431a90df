-- How new the newest rows are: compare newest_received_at with CURRENT_TIMESTAMP(). One row per table, and for webhook_events
-- one per object type. The quarantine does not know when an event happened. Names are received when they are fetched.
SELECT
  'webhook_events' AS source_table,
  object_type,
  MAX(timestamp) AS newest_event_at,
  MAX(received_at) AS newest_received_at
FROM `${dataset}.webhook_events`
WHERE object_type IS NULL OR object_type != 'probe'
GROUP BY object_type
UNION ALL
SELECT
  'subscription_changes',
  CAST(NULL AS STRING),
  MAX(timestamp),
  MAX(received_at)
FROM `${dataset}.subscription_changes`
HAVING COUNT(*) > 0
UNION ALL
SELECT
  'webhook_quarantine',
  CAST(NULL AS STRING),
  CAST(NULL AS TIMESTAMP),
  MAX(received_at)
FROM `${dataset}.webhook_quarantine`
HAVING COUNT(*) > 0
UNION ALL
SELECT
  'names',
  CAST(NULL AS STRING),
  CAST(NULL AS TIMESTAMP),
  MAX(fetched_at)
FROM `${dataset}.names`
HAVING COUNT(*) > 0
