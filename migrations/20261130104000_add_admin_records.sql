-- Clients that registered themselves, the tokens that let them, and trust anchors that were added
-- while servers run. One text for SQLite and PostgreSQL.

-- What a registration was let in by, its own limits (JSON), SHA-256 of the token that manages it,
-- and what its name looks like. None of it for a client that an operator registered.
ALTER TABLE client ADD COLUMN initial_access_token_id TEXT;
ALTER TABLE client ADD COLUMN registration_limits TEXT;
ALTER TABLE client ADD COLUMN registration_token_sha256 TEXT;
ALTER TABLE client ADD COLUMN name_key TEXT;
CREATE INDEX client_by_name_key ON client (name_key) WHERE name_key IS NOT NULL;

-- RFC 7591 section 3: what somebody needs to register a client. limits is JSON.
CREATE TABLE initial_access_token (
    id           TEXT   NOT NULL PRIMARY KEY,
    token_sha256 TEXT   NOT NULL UNIQUE,
    note         TEXT   NOT NULL,
    limits       TEXT   NOT NULL,
    uses_left    BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    revoked_at   BIGINT
);

-- Certificates beside those of the files that a [[trust_anchor]] names; certificate is base64url of
-- DER, added_by JSON.
CREATE TABLE trust_anchor (
    rules       TEXT   NOT NULL,
    sha256      TEXT   NOT NULL,
    role        TEXT   NOT NULL,
    certificate TEXT   NOT NULL,
    added_at    BIGINT NOT NULL,
    added_by    TEXT   NOT NULL,
    PRIMARY KEY (rules, sha256)
);

-- As client_revision: counted up by every change, for running servers to look at.
CREATE TABLE trust_anchor_revision (
    id       BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    revision BIGINT NOT NULL
);
INSERT INTO trust_anchor_revision (id, revision) VALUES (1, 0);
