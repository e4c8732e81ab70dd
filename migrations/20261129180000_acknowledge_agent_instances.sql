-- A new workstation is announced to its person at her next logins until she says that it is hers.
-- acknowledged_at: she said so at a workstation that she had known before, or it was her first.
-- confirmed_here_at: she said so at the new workstation itself, which says nothing to the others:
-- whoever uses her card there would say it too. instance_name is what the agent calls itself.
ALTER TABLE agent_instance ADD COLUMN acknowledged_at BIGINT;
ALTER TABLE agent_instance ADD COLUMN confirmed_here_at BIGINT;
ALTER TABLE agent_instance ADD COLUMN instance_name TEXT;
-- Those of before this column are no news.
UPDATE agent_instance SET acknowledged_at = first_seen_at;
