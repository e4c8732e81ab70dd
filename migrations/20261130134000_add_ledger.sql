-- The tamper-evident log over the events (docs/ledger.md). Only adds: programs that do not know it
-- go on writing events without a salt, and whoever puts events into the tree gives those one.

-- salt: 32 random bytes, base64url, of the commitment to what is personal; written with the row.
-- commitment: only where the personal part and its salt were erased.
-- ledger_index: the row's place in the tree; none while it has not got one, -1 where it gets none,
-- -2 where it could not be read.
ALTER TABLE event ADD COLUMN salt TEXT;
ALTER TABLE event ADD COLUMN commitment TEXT;
ALTER TABLE event ADD COLUMN ledger_index BIGINT;

-- Finds the rows without a place, and the one row of a place.
CREATE INDEX event_without_place ON event (ledger_index) WHERE ledger_index IS NULL;
CREATE UNIQUE INDEX event_by_place ON event (ledger_index) WHERE ledger_index >= 0;

-- The leaves, in their order. A leaf outlives its event; it says nothing about anybody. flags: 1
-- where the event may be forgotten, 2 where the leaf was made after the event; entry_sha256 is
-- base64.
CREATE TABLE ledger_leaf (
    leaf_index   BIGINT NOT NULL PRIMARY KEY,
    flags        BIGINT NOT NULL,
    entry_sha256 TEXT   NOT NULL
);

-- Complete subtrees, from the level on below which they are quickly made from the leaves.
CREATE TABLE ledger_node (
    level      BIGINT NOT NULL,
    node_index BIGINT NOT NULL,
    hash       TEXT   NOT NULL,
    PRIMARY KEY (level, node_index)
);

-- Signed notes; note is the whole text with its signatures.
CREATE TABLE ledger_checkpoint (
    size    BIGINT NOT NULL PRIMARY KEY,
    note    TEXT   NOT NULL,
    made_at BIGINT NOT NULL
);

-- How far the tree has grown, its right edge, and who may make it grow: fence is counted up with
-- each change of hands, and whoever was overtaken writes nothing any more.
CREATE TABLE ledger_state (
    id         BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    size       BIGINT NOT NULL,
    frontier   TEXT   NOT NULL,
    holder     TEXT,
    fence      BIGINT NOT NULL,
    held_until BIGINT NOT NULL
);
INSERT INTO ledger_state (id, size, frontier, holder, fence, held_until)
VALUES (1, 0, '', NULL, 0, 0);

-- The key that signs checkpoints, encrypted or held by a PKCS#11 token, as token keys are. The
-- newest signs.
CREATE TABLE ledger_key (
    kid               TEXT   NOT NULL PRIMARY KEY,
    public_jwk        TEXT   NOT NULL,
    sealed            TEXT,
    encryption_key_id TEXT,
    created_at        BIGINT NOT NULL
);
