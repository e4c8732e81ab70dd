-- Who stops accounts or lifts stops takes the account's place here first: two guards of one API may
-- stop an account at the same moment, each for another part of the audience, and neither would see
-- the other's stop before its own is durable. Accounts share a few places. Only adds: a program
-- that does not know it stops as before.
CREATE TABLE account_stop_lock (
    place BIGINT NOT NULL PRIMARY KEY,
    taken BIGINT NOT NULL DEFAULT 0
);
INSERT INTO account_stop_lock (place)
VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9), (10), (11), (12), (13), (14), (15);
