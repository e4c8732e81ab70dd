//! Whether the database can be used now, and what is in it, for whoever watches the server.

use std::sync::OnceLock;
use std::time::Duration;

use time::OffsetDateTime;

use crate::sql;
use crate::{Error, Transaction};

/// What is told of the time that a commit took.
type Observer = Box<dyn Fn(Duration) + Send + Sync>;

static OBSERVER: OnceLock<Observer> = OnceLock::new();

/// How many connections a pool has, and how many of them nobody uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolUse {
    /// Which pool: `writer` or `reader`; both are one on PostgreSQL, called `shared`.
    pub name: &'static str,
    /// Connections that are open.
    pub open: u32,
    /// Of these, connections that wait for work.
    pub idle: u32,
}

/// What waits or lives at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// Sessions that are open.
    pub sessions_active: i64,
    /// Sessions whose agent has not shown itself yet.
    pub sessions_pending: i64,
    /// Clients that are still to be told that a session is over.
    pub logouts_waiting: i64,
}

/// Has every commit of this process timed, from now on; only the first observer is heard.
pub fn observe_commits(observer: impl Fn(Duration) + Send + Sync + 'static) {
    let _ = OBSERVER.set(Box::new(observer));
}

pub(crate) fn note_commit(took: Duration) {
    if let Some(observer) = OBSERVER.get() {
        observer(took);
    }
}

/// Writes one row, always the same: a database that only reads fails here.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn write_probe(transaction: &mut Transaction, now: OffsetDateTime) -> Result<(), Error> {
    sql::query(
        "INSERT INTO write_probe (id, written_at) VALUES (1, $1)
         ON CONFLICT (id) DO UPDATE SET written_at = $1",
    )
    .bind(now.unix_timestamp())
    .execute(transaction.connection())
    .await?;
    Ok(())
}

/// The highest migration that was run here; none where there is no schema.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn find_schema_version(transaction: &mut Transaction) -> Result<Option<i64>, Error> {
    let row = sql::query("SELECT MAX(version) AS version FROM _sqlx_migrations WHERE success")
        .fetch_one(transaction.connection())
        .await?;
    row.try_get("version")
}

/// The oldest schema that a program must know to work with this database.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn find_schema_floor(transaction: &mut Transaction) -> Result<i64, Error> {
    let row = sql::query("SELECT version FROM _schema_floor WHERE id = 1")
        .fetch_one(transaction.connection())
        .await?;
    row.try_get("version")
}

/// Counts what waits or lives.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn count_amounts(transaction: &mut Transaction) -> Result<Amounts, Error> {
    let row = sql::query(
        "SELECT (SELECT COUNT(*) FROM session WHERE state = 'active') AS active,
                (SELECT COUNT(*) FROM session WHERE state = 'pending') AS pending,
                (SELECT COUNT(*) FROM logout_delivery) AS logouts",
    )
    .fetch_one(transaction.connection())
    .await?;
    Ok(Amounts {
        sessions_active: row.try_get("active")?,
        sessions_pending: row.try_get("pending")?,
        logouts_waiting: row.try_get("logouts")?,
    })
}
