-- Which fresh signature a guard is told of, and what it was asked for: guards that share their
-- accounts hear of one signature by several streams, and it answers one question. Only adds: a
-- program that does not know it tells of signatures without.
ALTER TABLE security_event ADD COLUMN txn TEXT;
-- When the guard refused the act that the signature was asked for, by its clock.
ALTER TABLE security_event ADD COLUMN asked_at_ms BIGINT;
ALTER TABLE step_up ADD COLUMN refused_at_ms BIGINT NOT NULL DEFAULT 0;
