//! Every record's statements, the same cases on SQLite and on a real PostgreSQL.

// Marked as test code so that the lints' exceptions for tests hold in shared parts too.
#[cfg(test)]
mod records {
    mod access;
    mod account_stops;
    mod administration;
    mod agentless_codes;
    mod approvals;
    mod backups;
    mod baseline;
    mod cards;
    mod challenges;
    mod clients;
    mod consents;
    mod cosigned_checkpoints;
    mod databases;
    mod device_authorizations;
    mod durability;
    mod erased_persons;
    mod event_pushes;
    mod events;
    mod grant_challenges;
    mod guard_reports;
    mod health;
    mod history;
    mod incidents;
    mod instances;
    mod logout_deliveries;
    mod looked_for_events;
    mod mass_losses;
    mod notices;
    mod pairwise_subjects;
    mod postgres_cluster;
    mod proofs;
    mod pushed_requests;
    mod refresh_tokens;
    mod released_database;
    mod requests;
    mod retention;
    mod retention_walk;
    mod rolling_upgrade;
    mod searches;
    mod security_events;
    mod session_cards;
    mod sessions;
    mod shared_flushes;
    mod signing_keys;
    mod sqlite_file;
    mod step_ups;
    mod subjects;
}
