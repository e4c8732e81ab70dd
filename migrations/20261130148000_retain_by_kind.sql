-- What is personal in the log's entries goes at the end of its kind's time (docs/privacy.md). One
-- text for SQLite and PostgreSQL.

-- How far the walk over the log has come, for each group of kinds: below, everything of the group
-- is erased, or held back. The log's places are dense and nearly in the order of time, so that no
-- index by age is needed, which every login would pay for.
CREATE TABLE retention_cursor (
    event_group TEXT   NOT NULL PRIMARY KEY,
    next_place  BIGINT NOT NULL
);

-- Entries whose time is over and that an open incident needs. checked_at: when this was last seen
-- to.
CREATE TABLE retention_hold (
    ledger_index BIGINT NOT NULL PRIMARY KEY,
    event_group  TEXT   NOT NULL,
    checked_at   BIGINT NOT NULL
);
CREATE INDEX retention_hold_by_check ON retention_hold (checked_at);

-- By these a row is found to be needed by an open incident, and incidents that are over by their
-- age.
CREATE INDEX incident_unclosed_of_person ON incident (sub) WHERE state <> 'closed';
CREATE INDEX incident_unclosed_of_session ON incident (session_id) WHERE state <> 'closed';
CREATE INDEX incident_closed ON incident (closed_at) WHERE closed_at IS NOT NULL;
CREATE INDEX not_me_of_incident ON not_me (incident_id);
