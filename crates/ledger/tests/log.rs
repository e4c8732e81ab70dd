//! The log on real databases: growing, being tampered with, erasing.

// Marked as test code so that the lints' exceptions for tests hold in shared parts too.
#[cfg(test)]
mod log {
    mod appended;
    mod database;
    mod erasure;
    mod growth;
    mod insertion;
    mod mutation;
    #[path = "../../../storage/tests/records/postgres_cluster.rs"]
    mod postgres_cluster;
    mod restored;
    mod rewriting;
}
