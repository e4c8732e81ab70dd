-- Security events that are pushed (RFC 8935), and outputs to a SIEM. Only adds: programs that do
-- not know it keep the rows, and push nothing.

-- Whether the stream is pushed to its client; such a stream hears of the client's own sessions and
-- tokens, too. Nodes that know the registration note it as asked for, so that it is not forgotten.
ALTER TABLE security_event_stream ADD COLUMN is_push BIGINT NOT NULL DEFAULT 0;

-- due_at: when it is pushed next; until then it is some node's, or waits. attempts: tries so far,
-- the one under way included. give_up_at: when it is given up, on record; the row stays longer.
ALTER TABLE security_event ADD COLUMN due_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE security_event ADD COLUMN attempts BIGINT NOT NULL DEFAULT 0;
ALTER TABLE security_event ADD COLUMN give_up_at BIGINT;
CREATE INDEX security_event_by_due ON security_event (stream_id, due_at);

-- How far each output of the log's events has come: everything below next_place is there. The row
-- is held by the node that sends; fence is counted up with each change of hands.
CREATE TABLE siem_output (
    name       TEXT   NOT NULL PRIMARY KEY,
    next_place BIGINT NOT NULL,
    holder     TEXT,
    fence      BIGINT NOT NULL,
    held_until BIGINT NOT NULL
);
