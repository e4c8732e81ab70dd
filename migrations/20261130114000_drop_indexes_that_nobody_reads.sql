-- Each index costs every write a page. Of these nobody reads one: states are found by the indexes
-- that begin with the state, and no statement looks for events by session or person. What will
-- brings its index back. One text for SQLite and PostgreSQL.

DROP INDEX session_by_state;
DROP INDEX event_by_session;
DROP INDEX event_by_sub;
