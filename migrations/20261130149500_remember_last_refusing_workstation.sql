-- A refused use at another workstation than the one before is news at once, whatever she has not
-- been told of that day.
ALTER TABLE refused_use ADD COLUMN last_instance_jkt TEXT;
ALTER TABLE refused_use ADD COLUMN last_instance_name TEXT;
UPDATE refused_use SET last_instance_jkt = instance_jkt, last_instance_name = instance_name;
