-- What guards in front of portals' APIs have answered, each once: whoever reports a second time
-- names the same event. For a while only: it says which patients a session looked up.
CREATE TABLE guard_report (
    -- A digest of the guard's client id and its event id: no guard speaks for another's events.
    id              TEXT   NOT NULL PRIMARY KEY,
    guard_client_id TEXT   NOT NULL,
    sub             TEXT,
    session_id      TEXT,
    client_id       TEXT   NOT NULL,
    token_jti       TEXT   NOT NULL,
    service         TEXT   NOT NULL,
    kind            TEXT   NOT NULL,
    answer          TEXT   NOT NULL,
    -- A JSON list of codes, each with what was counted and what it was held against.
    reasons         TEXT   NOT NULL,
    patient_present BIGINT NOT NULL,
    patients        BIGINT NOT NULL,
    -- Milliseconds, by the guard's clock.
    occurred_at     BIGINT NOT NULL,
    received_at     BIGINT NOT NULL
);
CREATE INDEX guard_report_by_session ON guard_report (session_id);
CREATE INDEX guard_report_by_receipt ON guard_report (received_at);

-- The pseudonyms of one report, as the portal's adapter made them.
CREATE TABLE guard_report_patient (
    report_id TEXT NOT NULL,
    patient   TEXT NOT NULL,
    PRIMARY KEY (report_id, patient)
);

-- Accounts that a guard has stopped at a service, until an operator lifts it.
CREATE TABLE account_stop (
    id              TEXT   NOT NULL PRIMARY KEY,
    sub             TEXT   NOT NULL,
    service         TEXT   NOT NULL,
    guard_client_id TEXT   NOT NULL,
    client_id       TEXT   NOT NULL,
    report_id       TEXT   NOT NULL,
    reasons         TEXT   NOT NULL,
    stopped_at      BIGINT NOT NULL,
    lifted_at       BIGINT
);
CREATE UNIQUE INDEX account_stop_open ON account_stop (sub, service, guard_client_id)
    WHERE lifted_at IS NULL;
