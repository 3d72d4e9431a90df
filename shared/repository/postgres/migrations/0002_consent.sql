-- Choices about channels, every address of a user by itself, deletions that outlast the row, webhooks that could not be read.

ALTER TABLE customerio.preferences DROP CONSTRAINT preferences_name_check;
ALTER TABLE customerio.preferences ADD CONSTRAINT preferences_name_check
  CHECK (name ~ '^(marketing|transactional|topic_[1-9][0-9]*|channel_[a-z][a-z0-9_]*)$');

-- A bounce of one address says nothing about another.
ALTER TABLE customerio.addresses DROP CONSTRAINT addresses_pkey;
ALTER TABLE customerio.addresses ADD PRIMARY KEY (user_id, address);

-- Set once Customer.io has been told. The row stays, without the address, until the user's own row is gone: a sync in
-- between must not publish the person again.
ALTER TABLE customerio.deletions ADD COLUMN told_at bigint; -- unix seconds

-- Webhooks about somebody's choices that could not be read. To be read again by a later release.
CREATE TABLE customerio.unread_webhooks (
  key         text   PRIMARY KEY, -- the event's id, else a hash of the body
  received_at bigint NOT NULL,    -- unix seconds
  reason      text   NOT NULL,
  error       text   NOT NULL,
  attributes  text   NOT NULL,    -- JSON; jsonb has no NUL
  body        bytea  NOT NULL
);

INSERT INTO customerio.schema_version (version) VALUES (2);
