-- The records of one login, from the authorization request to the tokens it ends in.
-- One text for SQLite and PostgreSQL: ids and digests are base64url TEXT, times are unix seconds,
-- amounts BIGINT, structured values JSON in TEXT. No column holds a secret, only its SHA-256.

-- A person, known to clients by a random sub that outlives every card of that person.
CREATE TABLE subject (
    sub           TEXT   NOT NULL PRIMARY KEY,
    person_scheme TEXT   NOT NULL,
    person_value  TEXT   NOT NULL,
    created_at    BIGINT NOT NULL,
    last_seen_at  BIGINT NOT NULL,
    UNIQUE (person_scheme, person_value)
);

-- Which agent instances a person has used; the first use of one is announced to that person.
CREATE TABLE agent_instance (
    sub           TEXT   NOT NULL REFERENCES subject (sub),
    instance_jkt  TEXT   NOT NULL,
    first_seen_at BIGINT NOT NULL,
    last_seen_at  BIGINT NOT NULL,
    PRIMARY KEY (sub, instance_jkt)
);

-- One authentication by card. pending until the presence key has answered, then active, then ended.
CREATE TABLE session (
    id               TEXT   NOT NULL PRIMARY KEY,
    sub              TEXT   NOT NULL REFERENCES subject (sub),
    identity         TEXT   NOT NULL,
    card_sha256      TEXT   NOT NULL,
    instance_jkt     TEXT   NOT NULL,
    presence_jkt     TEXT   NOT NULL UNIQUE,
    acr              TEXT   NOT NULL,
    revocation_age   BIGINT,
    state            TEXT   NOT NULL CHECK (state IN ('pending', 'active', 'ended')),
    cookie_sha256    TEXT   UNIQUE,
    authenticated_at BIGINT NOT NULL,
    present_at       BIGINT,
    used_at          BIGINT NOT NULL,
    ended_at         BIGINT,
    end_reason       TEXT
);
CREATE INDEX session_by_card ON session (card_sha256);
CREATE INDEX session_by_state ON session (state);

-- What a client asked for at the authorization endpoint, tied to one browser by a cookie.
CREATE TABLE authorization_request (
    id            TEXT   NOT NULL PRIMARY KEY,
    cookie_sha256 TEXT   NOT NULL,
    client_id     TEXT   NOT NULL,
    parameters    TEXT   NOT NULL,
    session_id    TEXT   REFERENCES session (id),
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    completed_at  BIGINT
);
CREATE INDEX authorization_request_by_expiry ON authorization_request (expires_at);

-- A login challenge. The row outlives its redemption, so that a replay is told from a guess.
CREATE TABLE challenge (
    jti                      TEXT   NOT NULL PRIMARY KEY,
    authorization_request_id TEXT   NOT NULL REFERENCES authorization_request (id),
    challenge_sha256         TEXT   NOT NULL,
    nonce                    TEXT   NOT NULL,
    issued_at                BIGINT NOT NULL,
    expires_at               BIGINT NOT NULL,
    redeemed_at              BIGINT
);
CREATE INDEX challenge_by_authorization_request ON challenge (authorization_request_id);

-- A client's part in a session: its own sid, so that clients cannot be linked through it.
CREATE TABLE client_session (
    sid        TEXT   NOT NULL PRIMARY KEY,
    session_id TEXT   NOT NULL REFERENCES session (id),
    client_id  TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (session_id, client_id)
);

-- An authorization code. The row outlives its redemption, so that a second use is noticed.
CREATE TABLE authorization_code (
    code_sha256    TEXT   NOT NULL PRIMARY KEY,
    sid            TEXT   NOT NULL REFERENCES client_session (sid),
    client_id      TEXT   NOT NULL,
    redirect_uri   TEXT   NOT NULL,
    code_challenge TEXT   NOT NULL,
    scope          TEXT   NOT NULL,
    nonce          TEXT,
    issued_at      BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL,
    redeemed_at    BIGINT
);
CREATE INDEX authorization_code_by_sid ON authorization_code (sid);

-- An access token that was given out, by its jti, so that it can be taken back before it expires.
CREATE TABLE access_grant (
    jti         TEXT   NOT NULL PRIMARY KEY,
    code_sha256 TEXT   NOT NULL,
    sid         TEXT   NOT NULL REFERENCES client_session (sid),
    client_id   TEXT   NOT NULL,
    scope       TEXT   NOT NULL,
    issued_at   BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    revoked_at  BIGINT
);
CREATE INDEX access_grant_by_code ON access_grant (code_sha256);
CREATE INDEX access_grant_by_sid ON access_grant (sid);

-- What was decided, written in the transaction of the decision. id sorts by time.
CREATE TABLE event (
    id                       TEXT   NOT NULL PRIMARY KEY,
    kind                     TEXT   NOT NULL,
    occurred_at              BIGINT NOT NULL,
    authorization_request_id TEXT,
    session_id               TEXT,
    sub                      TEXT,
    client_id                TEXT,
    code                     TEXT,
    details                  TEXT   NOT NULL
);
CREATE INDEX event_by_session ON event (session_id);
CREATE INDEX event_by_sub ON event (sub);
