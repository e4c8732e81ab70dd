-- The cards that persons have signed in with: whether each is suspended, and the code that suspends
-- it. One row a person and card, made by a login that was judged good. `code_digest` is a slow
-- digest, and `code_lookup` the part of the code by which its row is found. `suspended_by` is
-- 'code' or 'operator'.
CREATE TABLE card (
    id                TEXT   NOT NULL PRIMARY KEY,
    sub               TEXT   NOT NULL REFERENCES subject (sub),
    family            TEXT   NOT NULL,
    number            TEXT   NOT NULL,
    first_seen_at     BIGINT NOT NULL,
    last_seen_at      BIGINT NOT NULL,
    code_lookup       TEXT   UNIQUE,
    code_digest       TEXT,
    code_made_at      BIGINT,
    code_offered_at   BIGINT,
    ticket_sha256     TEXT   UNIQUE,
    ticket_expires_at BIGINT,
    suspended_at      BIGINT,
    suspended_by      TEXT,
    told_at           BIGINT,
    refused_at        BIGINT,
    UNIQUE (sub, family, number)
);
CREATE INDEX card_by_number ON card (number);
CREATE INDEX card_by_suspension ON card (suspended_at);

-- None for sessions that an older program opened.
ALTER TABLE session_card ADD COLUMN card_id TEXT;
CREATE INDEX session_card_by_card ON session_card (card_id);

-- An older program would let a suspended card in.
UPDATE _schema_floor SET version = 20261130113000, program = NULL;
