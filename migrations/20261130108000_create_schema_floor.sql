-- The oldest schema that a program must know to work with this database. A migration that older
-- programs mind (one that contracts, or whose meaning they would get wrong) raises it to its own
-- version in the same file: UPDATE _schema_floor SET version = <its version>, program = NULL. The
-- program that runs it then signs with its own version. A name like this one's is in no backup.
CREATE TABLE _schema_floor (
    id      BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    version BIGINT NOT NULL,
    program TEXT
);
INSERT INTO _schema_floor (id, version, program) VALUES (1, 20261130108000, NULL);
