-- What a card's answer to a TLS handshake led to, on its way through the browser from the host that
-- took the card's certificate to the issuer's. The row outlives its redemption, so that a second
-- use is told from a guess. It refers to its login and session by their ids alone: it is forgotten
-- before them. One text for SQLite and PostgreSQL.
CREATE TABLE agentless_code (
    code_sha256              TEXT   NOT NULL PRIMARY KEY,
    authorization_request_id TEXT   NOT NULL,
    session_id               TEXT   NOT NULL,
    issued_at                BIGINT NOT NULL,
    expires_at               BIGINT NOT NULL,
    redeemed_at              BIGINT
);
CREATE INDEX agentless_code_by_expiry ON agentless_code (expires_at);
CREATE INDEX agentless_code_by_request ON agentless_code (authorization_request_id);

-- Sessions that no presence key answers for have a shorter limit; the sweep finds them here.
CREATE INDEX session_unwatched
    ON session (authenticated_at) WHERE state = 'active' AND present_at IS NULL;
