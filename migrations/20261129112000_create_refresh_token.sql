-- Refresh tokens. All that a redeemed code led to belong to one family, which dies as a whole.
-- One text for SQLite and PostgreSQL.

-- What was granted once and for all, and how the person had logged in then.
CREATE TABLE refresh_token_family (
    id             TEXT   NOT NULL PRIMARY KEY,
    sid            TEXT   NOT NULL REFERENCES client_session (sid),
    client_id      TEXT   NOT NULL,
    code_sha256    TEXT,
    scope          TEXT   NOT NULL,
    resources      TEXT   NOT NULL,
    claims         TEXT,
    dpop_jkt       TEXT,
    auth_time      BIGINT NOT NULL,
    acr            TEXT   NOT NULL,
    revocation_age BIGINT,
    issued_at      BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL,
    used_at        BIGINT NOT NULL,
    revoked_at     BIGINT
);
CREATE INDEX refresh_token_family_by_sid ON refresh_token_family (sid);
CREATE INDEX refresh_token_family_by_code ON refresh_token_family (code_sha256);
CREATE INDEX refresh_token_family_by_expiry ON refresh_token_family (expires_at);

-- The row outlives its redemption, so that a second use is noticed.
CREATE TABLE refresh_token (
    token_sha256 TEXT   NOT NULL PRIMARY KEY,
    family_id    TEXT   NOT NULL REFERENCES refresh_token_family (id),
    issued_at    BIGINT NOT NULL,
    redeemed_at  BIGINT
);
CREATE INDEX refresh_token_by_family ON refresh_token (family_id);

-- The family that an access token belongs to, if its client may refresh.
ALTER TABLE access_grant ADD COLUMN family_id TEXT;
CREATE INDEX access_grant_by_family ON access_grant (family_id);
