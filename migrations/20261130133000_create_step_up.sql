-- Fresh signatures that guards have asked for: one that waits for each session. What was asked says
-- what the card's holder was shown; it goes soon after it has expired.
CREATE TABLE step_up (
    -- The challenge's id.
    jti             TEXT   NOT NULL PRIMARY KEY,
    session_id      TEXT   NOT NULL,
    presence_jkt    TEXT   NOT NULL,
    guard_client_id TEXT   NOT NULL,
    -- The client whose token it was, and its name for the session.
    client_id       TEXT   NOT NULL,
    sid             TEXT   NOT NULL,
    service         TEXT   NOT NULL,
    patients        BIGINT NOT NULL,
    -- The whole challenge: whichever node has the connection sends it.
    challenge       TEXT   NOT NULL,
    nonce           TEXT   NOT NULL,
    asked_at        BIGINT NOT NULL,
    expires_at      BIGINT NOT NULL,
    answered_at     BIGINT,
    -- The word of what came of it.
    outcome         TEXT
);
CREATE UNIQUE INDEX step_up_open ON step_up (session_id) WHERE answered_at IS NULL;
CREATE INDEX step_up_by_session ON step_up (session_id, asked_at);
CREATE INDEX step_up_by_expiry ON step_up (expires_at);
