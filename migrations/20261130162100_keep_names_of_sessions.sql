-- What portals called the sessions that are over (their `sid`): a portal tells such a name weeks
-- later, when the session's own row is gone and what is on record of it is looked for. Filled when
-- the row goes, and kept as long as look-ups. Only adds.
CREATE TABLE session_name (
    sid        TEXT   NOT NULL PRIMARY KEY,
    session_id TEXT   NOT NULL,
    client_id  TEXT   NOT NULL,
    sub        TEXT   NOT NULL,
    ended_at   BIGINT NOT NULL
);
CREATE INDEX session_name_by_age ON session_name (ended_at);
CREATE INDEX session_name_of_person ON session_name (sub);
