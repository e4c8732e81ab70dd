-- What somebody has to look into: opened by a person who says that it was not her, by an operator,
-- or by a guard that stopped an account. One text for SQLite and PostgreSQL.

-- kind: 'not_me', 'operator', 'guard_stop' or a later program's. opened_by: JSON. words: what
-- whoever opened it said. event_id: the event that it is about. stop_id: the stop of an account.
CREATE TABLE incident (
    id           TEXT   NOT NULL PRIMARY KEY,
    kind         TEXT   NOT NULL,
    state        TEXT   NOT NULL CHECK (state IN ('open', 'in_work', 'closed')),
    sub          TEXT,
    session_id   TEXT,
    card_sha256  TEXT,
    event_id     TEXT,
    client_id    TEXT,
    stop_id      TEXT,
    words        TEXT,
    opened_by    TEXT   NOT NULL,
    opened_at    BIGINT NOT NULL,
    changed_at   BIGINT NOT NULL,
    closed_at    BIGINT,
    close_reason TEXT
);
CREATE INDEX incident_by_state ON incident (state, opened_at);
CREATE INDEX incident_by_person ON incident (sub, opened_at);
CREATE INDEX incident_by_age ON incident (opened_at);

-- What operators wrote about it, in its order.
CREATE TABLE incident_note (
    incident_id TEXT   NOT NULL REFERENCES incident (id),
    number      BIGINT NOT NULL,
    written_by  TEXT   NOT NULL,
    words       TEXT   NOT NULL,
    written_at  BIGINT NOT NULL,
    PRIMARY KEY (incident_id, number)
);

-- Which card a session is of, for as long as the session's row stands: its certificates go when it
-- ends, and guards report later than that.
ALTER TABLE session ADD COLUMN card_id TEXT;

-- From where a look-up came.
ALTER TABLE guard_report ADD COLUMN card_id TEXT;
ALTER TABLE guard_report ADD COLUMN card_sha256 TEXT;
ALTER TABLE guard_report ADD COLUMN instance_jkt TEXT;
-- The event that has it on record in the log, and the salt of the digest that stands there: with
-- the row goes what the digest was made of. None where an older program took the report.
ALTER TABLE guard_report ADD COLUMN event_id TEXT;
ALTER TABLE guard_report ADD COLUMN salt TEXT;

-- By these an incident report reads what it tells of and nothing else.
DROP INDEX guard_report_by_session;
DROP INDEX guard_report_by_person;
CREATE INDEX guard_report_of_session ON guard_report (session_id, occurred_at);
CREATE INDEX guard_report_of_person ON guard_report (sub, occurred_at);
CREATE INDEX guard_report_of_card ON guard_report (card_id, occurred_at) WHERE card_id IS NOT NULL;
CREATE INDEX guard_report_as_said ON guard_report (said_sub, occurred_at)
    WHERE said_sub IS NOT NULL;
CREATE INDEX guard_report_as_said_of_session ON guard_report (said_sid)
    WHERE said_sid IS NOT NULL;
CREATE INDEX guard_report_by_time ON guard_report (occurred_at, id);

-- What happened in a session, for its timeline; ids sort by time.
CREATE INDEX event_of_session ON event (session_id, id) WHERE session_id IS NOT NULL;
