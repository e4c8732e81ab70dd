-- How often a client that registered itself has changed its registration, and since when that is
-- counted. One text for SQLite and PostgreSQL.
ALTER TABLE client ADD COLUMN own_changes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE client ADD COLUMN own_changes_since BIGINT NOT NULL DEFAULT 0;
