-- An answer that names more patients than one report has room for comes in several: what they have
-- in common, and which of them it is. A look-up is counted by the reports without a part, and by
-- those of the first.
ALTER TABLE guard_report ADD COLUMN part_of TEXT;
ALTER TABLE guard_report ADD COLUMN part BIGINT;

-- Of a report about a token that was forgotten before it came: the token's names, as the guard says
-- and nobody has checked. Where they stand, sub and session_id do not.
ALTER TABLE guard_report ADD COLUMN said_sub TEXT;
ALTER TABLE guard_report ADD COLUMN said_sid TEXT;
