-- When a client was taken out: whoever gets its id one day is not in the sessions that it was in.
-- One text for SQLite and PostgreSQL.
ALTER TABLE client_session ADD COLUMN ended_at BIGINT;
CREATE INDEX client_session_by_client ON client_session (client_id) WHERE ended_at IS NULL;
CREATE INDEX consent_by_client ON consent (client_id);
