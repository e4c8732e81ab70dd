-- Challenges for business software without a browser: each is answered once, by the client that
-- asked for it. The row outlives its redemption, so that a replay is told from a guess.
-- One text for SQLite and PostgreSQL.
CREATE TABLE grant_challenge (
    jti              TEXT   NOT NULL PRIMARY KEY,
    client_id        TEXT   NOT NULL,
    challenge_sha256 TEXT   NOT NULL,
    nonce            TEXT   NOT NULL,
    scope            TEXT   NOT NULL,
    resources        TEXT   NOT NULL,
    issued_at        BIGINT NOT NULL,
    expires_at       BIGINT NOT NULL,
    redeemed_at      BIGINT
);
CREATE INDEX grant_challenge_by_client ON grant_challenge (client_id, expires_at);
CREATE INDEX grant_challenge_by_expiry ON grant_challenge (expires_at);
