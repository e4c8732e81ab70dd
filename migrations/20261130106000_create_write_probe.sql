-- One row, written again and again: whether this database takes writes (the readiness check).
CREATE TABLE write_probe (
    id BIGINT PRIMARY KEY,
    written_at BIGINT NOT NULL
);
