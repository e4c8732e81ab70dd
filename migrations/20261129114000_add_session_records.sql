-- What a session needs beyond its login: names for clients that must not be linked, the card that
-- is looked at again while it lasts, clients that are still to be told of its end, and the alarm
-- that keeps a fault of ours from ending everybody's.

-- A person's name in one sector of pairwise clients (OIDC Core section 8.1): random, so that
-- nothing leads from one sector's name to another's. Kept as long as the person.
CREATE TABLE pairwise_subject (
    pairwise   TEXT   NOT NULL PRIMARY KEY,
    sub        TEXT   NOT NULL REFERENCES subject (sub),
    sector     TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (sub, sector)
);

-- The certificates that a session's card sent, as a JSON list of base64url DER, leaf first; deleted
-- when the session ends.
CREATE TABLE session_card (
    session_id TEXT   NOT NULL PRIMARY KEY REFERENCES session (id),
    chain      TEXT   NOT NULL,
    recheck_at BIGINT NOT NULL
);
CREATE INDEX session_card_by_recheck ON session_card (recheck_at);

-- A client that is still to be told that a session is over. due_at is also the lease of the node
-- that is telling it. It outlives the session's own row, so that it refers to none.
CREATE TABLE logout_delivery (
    id         TEXT   NOT NULL PRIMARY KEY,
    client_id  TEXT   NOT NULL,
    session_id TEXT   NOT NULL,
    sub        TEXT   NOT NULL,
    sid        TEXT   NOT NULL,
    client_sub TEXT   NOT NULL,
    attempts   BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    due_at     BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX logout_delivery_by_due ON logout_delivery (due_at);
CREATE INDEX logout_delivery_by_client ON logout_delivery (client_id, due_at);

-- One row while many agents are silent at once.
CREATE TABLE mass_loss (
    id           BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    began_at     BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL
);

-- Silent sessions, and those that ended lately, are counted every few seconds.
CREATE INDEX session_by_presence ON session (state, present_at);
CREATE INDEX session_by_end ON session (ended_at);

-- All sessions of a person end together when she says so.
CREATE INDEX session_by_sub ON session (sub);
