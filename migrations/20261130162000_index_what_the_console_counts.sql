-- The console's overview counts two weeks at each look: each count is answered by its index alone,
-- in which therefore all stands that the question names. They take the places of indexes that began
-- alike; an older program's questions are answered by them as well.
CREATE INDEX event_of_login_day ON event (occurred_at, kind)
    WHERE kind IN ('login.accepted', 'card_grant.accepted', 'agentless_login.accepted');
DROP INDEX event_of_login;
CREATE INDEX event_of_refusal_code ON event (occurred_at, code, kind)
    WHERE kind IN ('login.refused', 'card_grant.refused', 'agent_instance.refused');
DROP INDEX event_of_refusal;
CREATE INDEX guard_report_of_time ON guard_report (occurred_at, id, answer, part);
DROP INDEX guard_report_by_time;

-- Why a guard last held somebody up, however often it let her through since.
CREATE INDEX guard_report_held_up ON guard_report (sub, occurred_at) WHERE answer <> 'allow';

-- What guards alone say, in a span of time: few among many.
CREATE INDEX guard_report_as_said_in_time ON guard_report (occurred_at)
    WHERE said_sub IS NOT NULL;
