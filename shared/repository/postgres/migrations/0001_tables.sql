-- What the repository keeps beside the application's own users table.
-- Users are named by text, whatever the type of the application's key, and not by foreign keys: the application's table
-- may be a view or another role's, and deleting there must never be stopped by this.

CREATE SCHEMA IF NOT EXISTS customerio;

-- Which of these files were run.
CREATE TABLE IF NOT EXISTS customerio.schema_version (
  version    integer     PRIMARY KEY,
  applied_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO customerio.schema_version (version) VALUES (1) ON CONFLICT DO NOTHING;

-- One choice of one person: value, time, origin and "must be told" in one row, so that they change together.
CREATE TABLE IF NOT EXISTS customerio.preferences (
  user_id    text    NOT NULL,
  name       text    NOT NULL CHECK (name ~ '^(marketing|transactional|topic_[1-9][0-9]*)$'),
  value      boolean NOT NULL,
  changed_at bigint  NOT NULL, -- unix seconds: when the person chose
  timestamp  bigint  NOT NULL, -- unix seconds: of the message that tells it
  origin     text    NOT NULL CHECK (origin IN ('application', 'customerio')),
  pending    boolean NOT NULL,
  in_flight  jsonb   NOT NULL DEFAULT '[]',
  PRIMARY KEY (user_id, name)
);
CREATE INDEX IF NOT EXISTS preferences_pending ON customerio.preferences (user_id) WHERE pending;

-- The newest word on a person's address: undeliverable after a hard bounce or a complaint.
CREATE TABLE IF NOT EXISTS customerio.addresses (
  user_id     text    PRIMARY KEY,
  address     text    NOT NULL, -- lower case
  deliverable boolean NOT NULL,
  changed_at  bigint  NOT NULL  -- unix seconds
);

-- What Pub/Sub last accepted of a person's attributes. No hash: must be published.
CREATE TABLE IF NOT EXISTS customerio.sync_state (
  user_id      text   PRIMARY KEY,
  content_hash text,
  begun_at     bigint NOT NULL -- unix seconds: the timestamp of the newest message, begun or accepted
);

-- Deletions that Customer.io has not been told of for sure. Empty most of the time.
CREATE TABLE IF NOT EXISTS customerio.deletions (
  user_id text PRIMARY KEY,
  email   text
);
