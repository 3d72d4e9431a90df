-- Sends of which nobody knows whether they happened, and which no operator has decided: cio-gcp dlq settle does. A send that
-- ran out of attempts may be uncertain too; only the send ledger knows, and dlq settle shows it.
WITH outcomes AS (
  SELECT
    *,
    -- A replay, and what an operator does with a dead letter, keep the id of the message that was first published.
    COALESCE(source_message_id, message_id) AS first_message_id
  FROM `${dataset}.message_outcomes`
  WHERE topic = 'transactional' AND final AND message_id IS NOT NULL
),
last_outcomes AS (
  SELECT *
  FROM outcomes
  QUALIFY ROW_NUMBER() OVER (PARTITION BY first_message_id ORDER BY ended_at DESC) = 1
)
SELECT
  first_message_id AS message_id,
  publish_time,
  ended_at AS uncertain_since,
  TIMESTAMP_DIFF(CURRENT_TIMESTAMP(), ended_at, MINUTE) AS minutes_uncertain,
  channel,
  template,
  attempt,
  trace
FROM last_outcomes
WHERE reason = 'uncertain'
