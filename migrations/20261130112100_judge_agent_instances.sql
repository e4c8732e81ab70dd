-- Whether a workstation may sign people in. revoked_at: its person said that it is not hers any
-- more. instance_standing: what operators say of one, for everybody; instance_name and note are
-- their own words.
ALTER TABLE agent_instance ADD COLUMN revoked_at BIGINT;
CREATE TABLE instance_standing (
    instance_jkt  TEXT   NOT NULL PRIMARY KEY,
    standing      TEXT   NOT NULL CHECK (standing IN ('managed', 'revoked')),
    instance_name TEXT,
    note          TEXT,
    decided_at    BIGINT NOT NULL
);
-- For operators, who ask for one workstation and for the newest.
CREATE INDEX agent_instance_by_jkt ON agent_instance (instance_jkt);
-- An older program would sign people in at a workstation that was revoked.
UPDATE _schema_floor SET version = 20261130112100, program = NULL;
