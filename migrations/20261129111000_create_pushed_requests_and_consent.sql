-- Requests that wait for a browser, and what people have agreed to.
-- One text for SQLite and PostgreSQL. No column holds a request_uri, only its SHA-256.

CREATE TABLE pushed_authorization_request (
    id                 TEXT   NOT NULL PRIMARY KEY,
    request_uri_sha256 TEXT   NOT NULL UNIQUE,
    client_id          TEXT   NOT NULL,
    parameters         TEXT   NOT NULL,
    signed             BIGINT NOT NULL,
    created_at         BIGINT NOT NULL,
    expires_at         BIGINT NOT NULL,
    opened             BIGINT NOT NULL DEFAULT 0,
    spent_at           BIGINT
);
CREATE INDEX pushed_authorization_request_by_client
    ON pushed_authorization_request (client_id, expires_at);
CREATE INDEX pushed_authorization_request_by_expiry
    ON pushed_authorization_request (expires_at);

-- covered holds the sorted names of the claims that the person agreed to, parted by spaces.
CREATE TABLE consent (
    sub        TEXT   NOT NULL REFERENCES subject (sub),
    client_id  TEXT   NOT NULL,
    covered    TEXT   NOT NULL,
    given_at   BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (sub, client_id, covered)
);
CREATE INDEX consent_by_expiry ON consent (expires_at);
