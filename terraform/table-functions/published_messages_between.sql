-- published_messages of the messages that were published on these days (UTC, both included), with what became of them until now.
-- A replay of a message that was published before from_day is shown as a message of the day of the replay.
WITH message_outcomes AS (
  SELECT *
  FROM `${dataset}.message_outcomes`
  WHERE publish_time >= TIMESTAMP(from_day)
)
SELECT *
FROM (
${view}
)
WHERE publish_time >= TIMESTAMP(from_day) AND publish_time < TIMESTAMP(DATE_ADD(to_day, INTERVAL 1 DAY))
