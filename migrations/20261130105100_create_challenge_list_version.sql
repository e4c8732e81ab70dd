-- One row: the highest version of the challenge-key list that any node has given out. Agents that
-- have seen it refuse an older one for ever. One text for SQLite and PostgreSQL.
CREATE TABLE challenge_list_version (
    id      BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    version BIGINT NOT NULL
);
