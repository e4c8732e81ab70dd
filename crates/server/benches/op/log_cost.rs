//! What the tamper-evident log costs a login: the same program beside itself without the log's
//! part.
//!
//! No setting turns the log off. It is taken out of the one database from outside, after the start:
//! without the row that says how far the tree has grown nothing gets a place, is hashed or signed,
//! and without their indexes rows cost what they cost before there was a log. What stays on both
//! sides is the salt, 32 random bytes and 43 characters a row, and once a second a look at what
//! waits, which without its index reads the whole table: the log's share is a little larger than it
//! is told here, by some thousandths.

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};

use crate::load::{Load, Measured, Work};
use crate::{Failure, say};

/// Each side has its turn so often.
pub(crate) const TURNS: u32 = 5;
const HEADER: &str = "\
| the log's part of a login | at once | with it, CPU ms (p50 ms) | without | the log costs |\n\
|---|---:|---:|---:|---:|";

/// Takes the log out of the database of a running server.
pub(crate) async fn take_the_log_out(file: &Path) -> Result<(), Failure> {
    let options = SqliteConnectOptions::new().filename(file);
    let mut database = SqliteConnection::connect_with(&options).await?;
    for statement in [
        "DELETE FROM ledger_state",
        "DROP INDEX event_without_place",
        "DROP INDEX event_by_place",
    ] {
        sqlx::query(statement).execute(&mut database).await?;
    }
    Ok(database.close().await?)
}

/// A row for each number at once: the means of turns that follow each other.
pub(crate) async fn compare(with: &Load, without: &Load, turns: u32) -> Result<(), Failure> {
    say(HEADER)?;
    for work in [Work::LoginRsa, Work::LoginP256] {
        for concurrency in [1, 16] {
            let (mut one, mut other) = (Side::default(), Side::default());
            for _ in 0..turns {
                one.add(&with.run(work, concurrency).await?, turns);
                other.add(&without.run(work, concurrency).await?, turns);
            }
            say(&format!(
                "| {} | {concurrency} | {} | {} | **{:.1} %** |",
                work.name(),
                one.told(),
                other.told(),
                (one.cpu / other.cpu - 1.0) * 100.0
            ))?;
        }
    }
    Ok(())
}

#[derive(Default)]
struct Side {
    cpu: f64,
    median: f64,
}

impl Side {
    fn add(&mut self, measured: &Measured, turns: u32) {
        self.cpu += measured.cpu_millis() / f64::from(turns);
        self.median += measured.median_millis() / f64::from(turns);
    }

    fn told(&self) -> String {
        format!("{:.3} ({:.1})", self.cpu, self.median)
    }
}
