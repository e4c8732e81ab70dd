-- Proofs and assertions that were used, so that none is used twice on any node, and which client a
-- DPoP key belongs to. Both are small: rows go as soon as they expire.

CREATE TABLE spent_jti (
    -- SHA-256 of whose it was and of its jti.
    jti_sha256 TEXT   NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX spent_jti_by_expiry ON spent_jti (expires_at);

CREATE TABLE dpop_key (
    jkt        TEXT   NOT NULL PRIMARY KEY,
    client_id  TEXT   NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX dpop_key_by_expiry ON dpop_key (expires_at);
