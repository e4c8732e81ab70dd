-- Uses of a person's card that were refused: one row for each person, day and code, until she says
-- that she has seen it.
CREATE TABLE refused_use (
    id            TEXT   NOT NULL PRIMARY KEY,
    sub           TEXT   NOT NULL,
    -- Days since 1970-01-01, UTC.
    day           BIGINT NOT NULL,
    -- What the login page said, never the precise reason.
    code          TEXT   NOT NULL,
    client_id     TEXT,
    -- Where the first of them was tried; none without an agent.
    instance_jkt  TEXT,
    instance_name TEXT,
    -- Whether others were tried at other workstations.
    is_mixed      BIGINT NOT NULL DEFAULT 0,
    uses          BIGINT NOT NULL,
    first_at      BIGINT NOT NULL,
    last_at       BIGINT NOT NULL,
    -- Since when it is news: agents are told once.
    news_at       BIGINT NOT NULL,
    told_at       BIGINT
);
CREATE UNIQUE INDEX refused_use_of_day ON refused_use (sub, day, code);
CREATE INDEX refused_use_by_news ON refused_use (news_at);
CREATE INDEX refused_use_by_age ON refused_use (last_at);
-- Agents are told of workstations that are new.
CREATE INDEX agent_instance_by_age ON agent_instance (first_seen_at);

-- Lines of which their person has said that it was not she: each opened one incident.
CREATE TABLE not_me (
    sub         TEXT   NOT NULL,
    -- The event's id, or what else the line stands for.
    line        TEXT   NOT NULL,
    incident_id TEXT   NOT NULL,
    said_at     BIGINT NOT NULL,
    PRIMARY KEY (sub, line)
);
CREATE INDEX not_me_by_time ON not_me (sub, said_at);
