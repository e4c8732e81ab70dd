//! The log on real databases: growing, being tampered with, erasing.
#![expect(clippy::unwrap_used, reason = "tests stop at what they did not expect")]

#[path = "log/database.rs"]
mod database;
#[path = "log/erasure.rs"]
mod erasure;
#[path = "log/growth.rs"]
mod growth;
#[path = "log/mutation.rs"]
mod mutation;
#[path = "../../storage/tests/records/postgres_cluster.rs"]
mod postgres_cluster;
