-- Changes that take two operators: proposed by one, confirmed by another. What became of each
-- stands in the log as well; rows are kept for half a year.
CREATE TABLE approval (
    id          TEXT   NOT NULL PRIMARY KEY,
    -- What it changes.
    target      TEXT   NOT NULL,
    -- The change, as JSON.
    change      TEXT   NOT NULL,
    -- Who proposed it, as JSON: an operator or a command.
    proposed_by TEXT   NOT NULL,
    -- The person who stands for it, as JSON; none of a command's, until an operator takes it over.
    proposer    TEXT,
    proposed_at BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    -- open, confirmed, cancelled or expired.
    state       TEXT   NOT NULL,
    decided_by  TEXT,
    decided_at  BIGINT
);
CREATE UNIQUE INDEX approval_open ON approval (target) WHERE state = 'open';
CREATE INDEX approval_decided ON approval (decided_at) WHERE decided_at IS NOT NULL;

-- What operators look for in the log, newest first: a portal's events, logins by day, refusals by
-- their codes.
CREATE INDEX event_by_client ON event (client_id, id) WHERE client_id IS NOT NULL;
CREATE INDEX event_of_login ON event (occurred_at)
    WHERE kind IN ('login.accepted', 'card_grant.accepted', 'agentless_login.accepted');
CREATE INDEX event_of_refusal ON event (occurred_at, code)
    WHERE kind IN ('login.refused', 'card_grant.refused', 'agent_instance.refused');
