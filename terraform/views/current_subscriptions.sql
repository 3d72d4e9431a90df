-- The subscription state of each person now, for each topic that ever changed; the row without a topic is about all messages.
-- From the table that never expires: an opt-out is not forgotten.
--
-- A person is known by Customer.io's own id (cio_id), else by the sender's id, else by the e-mail address. A change that
-- names only one of the latter two belongs to whoever was ever seen with it. When those are several people, an opt-out
-- counts for all of them and an opt-in for none.
--
-- The latest change counts. Among changes of the same second an opt-out wins.
WITH changes AS (
  SELECT *, LOWER(person_email) AS email
  FROM `${dataset}.subscription_changes`
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY event_id, kind, topic_id ORDER BY received_at) = 1
),
ids AS (
  SELECT DISTINCT person_id, person_cio_id
  FROM changes
  WHERE person_id IS NOT NULL AND person_cio_id IS NOT NULL
),
named AS (
  SELECT changes.*, CONCAT('cio_id:', person_cio_id) AS person
  FROM changes
  WHERE person_cio_id IS NOT NULL
  UNION ALL
  SELECT changes.*, COALESCE(CONCAT('cio_id:', ids.person_cio_id), CONCAT('id:', changes.person_id)) AS person
  FROM changes
  LEFT JOIN ids ON ids.person_id = changes.person_id
  WHERE changes.person_cio_id IS NULL AND changes.person_id IS NOT NULL
),
emails AS (
  SELECT DISTINCT email, person
  FROM named
  WHERE email IS NOT NULL
),
attributed AS (
  SELECT *
  FROM named
  UNION ALL
  SELECT changes.*, COALESCE(emails.person, CONCAT('email:', changes.email)) AS person
  FROM changes
  LEFT JOIN emails ON emails.email = changes.email
  WHERE changes.person_cio_id IS NULL AND changes.person_id IS NULL AND changes.email IS NOT NULL
),
described AS (
  SELECT
    *,
    COUNT(*) OVER (PARTITION BY event_id, kind, topic_id) AS people,
    FIRST_VALUE(person_id IGNORE NULLS) OVER latest AS last_person_id,
    FIRST_VALUE(person_email IGNORE NULLS) OVER latest AS last_person_email,
    FIRST_VALUE(person_cio_id IGNORE NULLS) OVER latest AS last_person_cio_id,
    MAX(IF(kind = 'hard_bounce' AND object_type = 'email', timestamp, NULL)) OVER (PARTITION BY person) AS email_bounced_at
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
  WHERE subscribed IS NOT NULL AND (people = 1 OR NOT subscribed)
  QUALIFY ROW_NUMBER() OVER (PARTITION BY person, topic_id ORDER BY timestamp DESC, subscribed, event_id DESC) = 1
)
SELECT
  states.person,
  states.last_person_id AS person_id,
  states.last_person_email AS person_email,
  states.last_person_cio_id AS person_cio_id,
  states.topic_id,
  states.subscribed,
  states.subscribed AND COALESCE(overall.subscribed, TRUE) AS may_receive,
  states.timestamp AS changed_at,
  states.kind AS changed_by,
  states.event_id,
  states.email_bounced_at
FROM current_states AS states
LEFT JOIN current_states AS overall ON overall.person = states.person AND overall.topic_id IS NULL
