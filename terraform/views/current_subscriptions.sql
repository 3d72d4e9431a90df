-- The subscription state of each person now. One row for each topic and for each channel that ever changed, one for each
-- pair of them, and one without either, which is about all messages. may_receive says whether a message of that topic,
-- on that channel, may be sent: a person must be subscribed to everything, to the topic and to the channel.
-- From the table that never expires: an opt-out is not forgotten.
--
-- A person is known by Customer.io's own id (cio_id), else by the sender's id, else by the e-mail address. A change that
-- names only one of the latter two belongs to whoever was ever seen with it. When those are several people, an opt-out
-- counts for all of them and an opt-in for none. A person who was deleted and created again has a new cio_id: only the
-- newer life counts, from its first change on.
--
-- The latest change counts. Among changes of the same second an opt-out wins.
WITH topic_names AS (
  SELECT id, name
  FROM `${dataset}.names`
  WHERE kind = 'topic'
  QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY fetched_at DESC, name) = 1
),
changes AS (
  SELECT
    *,
    LOWER(person_email) AS email,
    -- Of the address that the person has, as far as the webhook says: in doubt it is theirs.
    kind = 'hard_bounce' AND object_type = 'email' AND (
      person_email IS NULL OR recipient IS NULL OR recipient LIKE '%,%'
      OR LOWER(person_email) IN (LOWER(recipient), LOWER(REGEXP_EXTRACT(recipient, '<([^<>]*)>')))
    ) AS is_bounce_of_theirs
  FROM `${dataset}.subscription_changes`
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY event_id, kind, topic_id, channel ORDER BY received_at) = 1
),
latest_names AS (
  SELECT
    person_cio_id,
    MIN(timestamp) OVER (PARTITION BY person_cio_id) AS began_at,
    FIRST_VALUE(person_id IGNORE NULLS) OVER latest AS last_id,
    FIRST_VALUE(email IGNORE NULLS) OVER latest AS last_email
  FROM changes
  WHERE person_cio_id IS NOT NULL
  WINDOW latest AS (
    PARTITION BY person_cio_id
    ORDER BY timestamp DESC, event_id DESC, kind, topic_id
    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
  )
),
lives AS (
  SELECT DISTINCT
    person_cio_id, began_at, COALESCE(CONCAT('id:', last_id), CONCAT('email:', last_email), person_cio_id) AS name
  FROM latest_names
),
-- ended_at: when the same person began a newer life. NULL for the life that counts.
people AS (
  SELECT
    person_cio_id,
    IF(ROW_NUMBER() OVER newest_first = 1, NULL, MAX(began_at) OVER (PARTITION BY name)) AS ended_at
  FROM lives
  WINDOW newest_first AS (PARTITION BY name ORDER BY began_at DESC, person_cio_id DESC)
),
ids AS (
  SELECT DISTINCT changes.person_id, changes.person_cio_id, people.ended_at
  FROM changes
  JOIN people ON people.person_cio_id = changes.person_cio_id
  WHERE changes.person_id IS NOT NULL
),
named AS (
  SELECT changes.*, CONCAT('cio_id:', changes.person_cio_id) AS person, people.ended_at
  FROM changes
  JOIN people ON people.person_cio_id = changes.person_cio_id
  UNION ALL
  SELECT
    changes.*,
    COALESCE(CONCAT('cio_id:', ids.person_cio_id), CONCAT('id:', changes.person_id)) AS person,
    ids.ended_at
  FROM changes
  LEFT JOIN ids
    ON ids.person_id = changes.person_id AND (ids.ended_at IS NULL OR changes.timestamp < ids.ended_at)
  WHERE changes.person_cio_id IS NULL AND changes.person_id IS NOT NULL
),
emails AS (
  SELECT DISTINCT email, person, ended_at
  FROM named
  WHERE email IS NOT NULL
),
attributed AS (
  SELECT *
  FROM named
  UNION ALL
  SELECT changes.*, COALESCE(emails.person, CONCAT('email:', changes.email)) AS person, emails.ended_at
  FROM changes
  LEFT JOIN emails
    ON emails.email = changes.email AND (emails.ended_at IS NULL OR changes.timestamp < emails.ended_at)
  WHERE changes.person_cio_id IS NULL AND changes.person_id IS NULL AND changes.email IS NOT NULL
),
described AS (
  SELECT
    *,
    COUNT(*) OVER (PARTITION BY event_id, kind, topic_id, channel) AS people,
    FIRST_VALUE(person_id IGNORE NULLS) OVER latest AS last_person_id,
    FIRST_VALUE(person_email IGNORE NULLS) OVER latest AS last_person_email,
    FIRST_VALUE(person_cio_id IGNORE NULLS) OVER latest AS last_person_cio_id,
    MAX(IF(is_bounce_of_theirs, timestamp, NULL)) OVER (PARTITION BY person) AS email_bounced_at
  FROM attributed
  WINDOW latest AS (
    PARTITION BY person
    ORDER BY timestamp DESC, event_id DESC, kind, topic_id
    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
  )
),
current_states AS (
  SELECT *
  FROM described
  WHERE subscribed IS NOT NULL AND (people = 1 OR NOT subscribed) AND ended_at IS NULL
  QUALIFY ROW_NUMBER() OVER (PARTITION BY person, topic_id, channel ORDER BY timestamp DESC, subscribed, event_id DESC) = 1
),
-- Each state by itself, and each topic with each channel: such a pair has the state of the topic.
subjects AS (
  SELECT
    person, topic_id, channel, subscribed, timestamp, kind, event_id,
    last_person_id, last_person_email, last_person_cio_id, email_bounced_at
  FROM current_states
  UNION ALL
  SELECT
    of_topic.person, of_topic.topic_id, of_channel.channel, of_topic.subscribed, of_topic.timestamp, of_topic.kind,
    of_topic.event_id, of_topic.last_person_id, of_topic.last_person_email, of_topic.last_person_cio_id,
    of_topic.email_bounced_at
  FROM current_states AS of_topic
  JOIN current_states AS of_channel ON of_channel.person = of_topic.person
  WHERE of_topic.topic_id IS NOT NULL AND of_channel.channel IS NOT NULL
)
SELECT
  states.person,
  states.last_person_id AS person_id,
  states.last_person_email AS person_email,
  states.last_person_cio_id AS person_cio_id,
  states.topic_id,
  topic_names.name AS topic_name,
  states.channel,
  states.subscribed,
  states.subscribed AND COALESCE(overall.subscribed, TRUE) AND COALESCE(of_channel.subscribed, TRUE) AS may_receive,
  states.timestamp AS changed_at,
  states.kind AS changed_by,
  states.event_id,
  states.email_bounced_at
FROM subjects AS states
LEFT JOIN current_states AS overall
  ON overall.person = states.person AND overall.topic_id IS NULL AND overall.channel IS NULL
LEFT JOIN current_states AS of_channel
  ON of_channel.person = states.person AND of_channel.topic_id IS NULL AND of_channel.channel = states.channel
LEFT JOIN topic_names ON topic_names.id = states.topic_id
