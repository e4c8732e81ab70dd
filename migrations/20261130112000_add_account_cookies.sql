-- The page where people look after their own account is a client inside the server. Its part in a
-- session holds the digest of the browser's cookie, so that the cookie dies with the session, and
-- since when it is open, for it lasts no longer than half an hour.
ALTER TABLE client_session ADD COLUMN account_cookie_sha256 TEXT;
ALTER TABLE client_session ADD COLUMN account_opened_at BIGINT;
CREATE UNIQUE INDEX client_session_by_account_cookie ON client_session (account_cookie_sha256)
    WHERE account_cookie_sha256 IS NOT NULL;
