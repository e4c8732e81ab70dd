-- Stops of accounts are told to the guards of their service, by the name that stands in the tokens,
-- and numbered, so that a lift says which of them it lifts.
ALTER TABLE account_stop ADD COLUMN subject TEXT NOT NULL DEFAULT '';
-- The resource servers of the token that the guard is, as a JSON list.
ALTER TABLE account_stop ADD COLUMN audience TEXT NOT NULL DEFAULT '[]';
-- Rises from stop to stop of an account.
ALTER TABLE account_stop ADD COLUMN sequence BIGINT NOT NULL DEFAULT 0;
-- Nobody knows any more by which name these were stopped.
UPDATE account_stop SET subject = id;
DROP INDEX account_stop_open;
CREATE UNIQUE INDEX account_stop_open_by_name ON account_stop (subject, service, audience)
    WHERE lifted_at IS NULL;
CREATE INDEX account_stop_by_name ON account_stop (subject, service);
CREATE INDEX account_stop_by_person ON account_stop (sub);
CREATE INDEX account_stop_by_lift ON account_stop (lifted_at);

-- Whether the receiver is a guard.
ALTER TABLE security_event_stream ADD COLUMN hears_stops BIGINT NOT NULL DEFAULT 0;
-- The stop of an account that an event is about.
ALTER TABLE security_event ADD COLUMN stop_id TEXT;

-- What a person is told of guards' stops, until she says that she has seen it.
CREATE TABLE guard_notice (
    id          TEXT   NOT NULL PRIMARY KEY,
    sub         TEXT   NOT NULL,
    -- The session that ended, or in which the account was stopped.
    session_id  TEXT   NOT NULL,
    client_id   TEXT   NOT NULL,
    service     TEXT   NOT NULL,
    -- The stop of the account; none where the session alone was ended.
    stop_id     TEXT,
    occurred_at BIGINT NOT NULL,
    told_at     BIGINT
);
CREATE INDEX guard_notice_by_person ON guard_notice (sub, occurred_at);
CREATE INDEX guard_notice_by_age ON guard_notice (occurred_at);
-- How many patients somebody has looked up at a service.
CREATE INDEX guard_report_by_person ON guard_report (sub, service, received_at);
