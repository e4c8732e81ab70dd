-- What a code and an access token carry on to the resource server, and tokens without a session.
-- One text for SQLite and PostgreSQL; both tables are small and short-lived.

-- code_challenge '' means that the client sent none (pkce = "optional").
ALTER TABLE authorization_code ADD COLUMN claims TEXT;
ALTER TABLE authorization_code ADD COLUMN resources TEXT NOT NULL DEFAULT '[]';
ALTER TABLE authorization_code ADD COLUMN dpop_jkt TEXT;

-- An access token of a service has no code and no session behind it; one of a refresh belongs to a
-- family that a code began. SQLite cannot drop NOT NULL, so the table is made anew.
CREATE TABLE access_grant_anew (
    jti         TEXT   NOT NULL PRIMARY KEY,
    code_sha256 TEXT,
    sid         TEXT   REFERENCES client_session (sid),
    client_id   TEXT   NOT NULL,
    scope       TEXT   NOT NULL,
    audience    TEXT   NOT NULL DEFAULT '[]',
    claims      TEXT,
    dpop_jkt    TEXT,
    issued_at   BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    revoked_at  BIGINT
);
INSERT INTO access_grant_anew
    (jti, code_sha256, sid, client_id, scope, issued_at, expires_at, revoked_at)
    SELECT jti, code_sha256, sid, client_id, scope, issued_at, expires_at, revoked_at
    FROM access_grant;
DROP TABLE access_grant;
ALTER TABLE access_grant_anew RENAME TO access_grant;
CREATE INDEX access_grant_by_code ON access_grant (code_sha256);
CREATE INDEX access_grant_by_sid ON access_grant (sid);
