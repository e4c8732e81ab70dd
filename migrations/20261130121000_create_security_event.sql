-- Resource servers that listen for the end of sessions and tokens. One receiver may run several
-- times, each with a stream of its own name.
CREATE TABLE security_event_stream (
    id        TEXT   NOT NULL PRIMARY KEY,
    client_id TEXT   NOT NULL,
    name      TEXT   NOT NULL,
    -- The resource servers that it is, as a JSON list; '' for tokens without a resource.
    resources TEXT   NOT NULL,
    begun_at  BIGINT NOT NULL,
    polled_at BIGINT NOT NULL,
    -- The highest number that was acknowledged.
    sequence  BIGINT NOT NULL
);
CREATE UNIQUE INDEX security_event_stream_by_name ON security_event_stream (client_id, name);
CREATE INDEX security_event_stream_by_poll ON security_event_stream (polled_at);

-- What a stream is still to be told; deleted when it is acknowledged. No foreign key: the end of a
-- session must not fail because a stream is forgotten at the same moment.
CREATE TABLE security_event (
    jti         TEXT   NOT NULL PRIMARY KEY,
    stream_id   TEXT   NOT NULL,
    sequence    BIGINT NOT NULL,
    kind        TEXT   NOT NULL,
    client_id   TEXT   NOT NULL,
    sid         TEXT,
    token_jti   TEXT,
    reason      TEXT   NOT NULL,
    occurred_at BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL
);
CREATE INDEX security_event_by_stream ON security_event (stream_id, sequence);
CREATE INDEX security_event_by_expiry ON security_event (expires_at);
