-- Whatever is forgotten is found by an index, and so is whatever still refers to it: a delete must
-- not read a whole table while it holds the only writer. One text for SQLite and PostgreSQL.

CREATE INDEX access_grant_by_expiry ON access_grant (expires_at);
CREATE INDEX authorization_code_by_expiry ON authorization_code (expires_at);

-- Few logins have a session, and a session is deleted after them.
CREATE INDEX authorization_request_by_session
    ON authorization_request (session_id) WHERE session_id IS NOT NULL;
