-- How many reports of a day are about forgotten tokens, of one guard and of all, is counted before
-- another one is taken. Only adds.
CREATE INDEX guard_report_unproven ON guard_report (received_at, guard_client_id)
    WHERE said_sub IS NOT NULL;
