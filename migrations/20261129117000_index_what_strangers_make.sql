-- What anybody can make is counted and swept often: each has an index of its own, which holds
-- nothing else. One text for SQLite and PostgreSQL.

-- Logins that wait for a card.
CREATE INDEX authorization_request_unanswered
    ON authorization_request (expires_at) WHERE completed_at IS NULL;

-- The events that such logins began; they go together.
CREATE INDEX event_of_begun_login
    ON event (authorization_request_id) WHERE kind = 'authorization.begun';

-- What concerns no person and no session.
CREATE INDEX event_of_nobody
    ON event (kind, occurred_at) WHERE sub IS NULL AND session_id IS NULL;
