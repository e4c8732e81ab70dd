-- Device authorizations (RFC 8628): a host without a browser asks, a person answers at her
-- workstation. The row outlives its answer, so that a second use is told from a guess.
-- One text for SQLite and PostgreSQL.
CREATE TABLE device_authorization (
    id                 TEXT   NOT NULL PRIMARY KEY,
    device_code_sha256 TEXT   NOT NULL,
    user_code_sha256   TEXT   NOT NULL,
    client_id          TEXT   NOT NULL,
    address            TEXT   NOT NULL,
    parameters         TEXT   NOT NULL,
    created_at         BIGINT NOT NULL,
    expires_at         BIGINT NOT NULL,
    interval_seconds   BIGINT NOT NULL,
    polled_at          BIGINT,
    request_id         TEXT,
    code_sha256        TEXT,
    refused_at         BIGINT
);
CREATE UNIQUE INDEX device_authorization_by_device_code
    ON device_authorization (device_code_sha256);
CREATE UNIQUE INDEX device_authorization_by_user_code
    ON device_authorization (user_code_sha256);
CREATE INDEX device_authorization_by_client ON device_authorization (client_id, expires_at);
CREATE INDEX device_authorization_by_expiry ON device_authorization (expires_at);
