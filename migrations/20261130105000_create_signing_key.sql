-- Keys that sign tokens, shared by all nodes. One text for SQLite and PostgreSQL.
-- A key that the database holds is encrypted (sealed, base64url); one that a PKCS#11 token holds is
-- named by its kid there, and has neither of the two columns.
CREATE TABLE signing_key (
    kid               TEXT   NOT NULL PRIMARY KEY,
    algorithm         TEXT   NOT NULL,
    generation        BIGINT NOT NULL,
    public_jwk        TEXT   NOT NULL,
    sealed            TEXT,
    encryption_key_id TEXT,
    created_at        BIGINT NOT NULL,
    signs_from        BIGINT NOT NULL,
    signs_until       BIGINT,
    verifies_until    BIGINT
);
CREATE UNIQUE INDEX signing_key_order ON signing_key (algorithm, generation);

-- One row, counted up by every change: what running servers look at to know that they have to read
-- the table anew, and what makes those who change it wait for one another.
CREATE TABLE signing_key_revision (
    id       BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    revision BIGINT NOT NULL
);
INSERT INTO signing_key_revision (id, revision) VALUES (1, 0);
