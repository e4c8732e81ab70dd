-- Clients that an operator registered by command. One text for SQLite and PostgreSQL.
-- registration is JSON in the form of a [[client]] table, without any secret; secrets are SHA-256.
CREATE TABLE client (
    client_id              TEXT   NOT NULL PRIMARY KEY,
    registration           TEXT   NOT NULL,
    secret_sha256          TEXT,
    previous_secret_sha256 TEXT,
    previous_secret_until  BIGINT,
    created_at             BIGINT NOT NULL,
    changed_at             BIGINT NOT NULL
);

-- One row, counted up by every change of a client: what running servers look at to know that they
-- have to read the table anew.
CREATE TABLE client_revision (
    id       BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    revision BIGINT NOT NULL
);
INSERT INTO client_revision (id, revision) VALUES (1, 0);
