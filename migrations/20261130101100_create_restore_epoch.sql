-- The moment of the last restore: what was made before it, and may have been used since the backup
-- was made, is refused. No row: never restored.
CREATE TABLE restore_epoch (
    id          BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    restored_at BIGINT NOT NULL
);
