-- The sweep looks every two seconds for sessions that are past a limit: by indexes, whatever number
-- of them is in order. One text for SQLite and PostgreSQL.

CREATE INDEX session_by_use ON session (state, used_at);
CREATE INDEX session_by_authentication ON session (state, authenticated_at);
