-- The hundred messages of each day (UTC, by their publish) and topic that took longest from the publish to the end, slowest
-- first by place. It says what the time went into: earlier attempts, the wait within the function, the request.
WITH ended AS (
  SELECT
    *,
    DATE(publish_time) AS day,
    TIMESTAMP_DIFF(ended_at, publish_time, MILLISECOND) AS ms_to_outcome
  FROM `${dataset}.message_outcomes`
  WHERE final AND message_id IS NOT NULL AND function != 'cio-gcp'
  -- The first end counts: a message that was acknowledged can be delivered once more.
  QUALIFY ROW_NUMBER() OVER (PARTITION BY message_id, publish_time ORDER BY ended_at) = 1
),
placed AS (
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY day, topic ORDER BY ms_to_outcome DESC, message_id) AS place
  FROM ended
)
SELECT
  day,
  topic,
  place,
  message_id,
  source_message_id,
  publish_time,
  ended_at,
  ms_to_outcome,
  attempt,
  latency_ms,
  queue_wait_ms,
  request_ms,
  outcome,
  reason,
  action,
  event_name,
  channel,
  template,
  delivery_id,
  trace
FROM placed
WHERE place <= 100
