-- How many of the witnesses that the configuration names have cosigned a checkpoint
-- (docs/witness.md). The newest of those that they have cosigned stays, however the log grows
-- meanwhile. Only adds: a program that does not know it makes checkpoints that nobody has cosigned.
ALTER TABLE ledger_checkpoint ADD COLUMN cosignatures BIGINT NOT NULL DEFAULT 0;
