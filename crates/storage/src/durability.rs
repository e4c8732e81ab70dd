//! Whether what is committed survives a power cut: asked of the database itself, not supposed.

use sqlx::any::AnyPoolOptions;
use sqlx::{AnyConnection, Connection as _, Row as _};

use crate::Error;
use crate::sql::Connection;

/// Has a connection wait for its commits, whatever the cluster, the database or the role say, and
/// gives what holds then. `remote_apply` is stricter still, and stays.
const WAIT_FOR_COMMITS: &str = "SELECT set_config('synchronous_commit',
     CASE current_setting('synchronous_commit') WHEN 'remote_apply'
     THEN 'remote_apply' ELSE 'on' END, false) AS kept";

/// Sees that PostgreSQL lets commits wait, on a connection of its own: a pool does not say what was
/// wrong.
///
/// # Errors
/// [`Error::CommitsNotDurable`], [`Error::Unavailable`].
pub(crate) async fn check_postgres(url: &str) -> Result<(), Error> {
    let mut connection = AnyConnection::connect(url).await?;
    let kept = wait_for_commits(&mut connection).await?;
    connection.close().await?;
    judge_postgres(&kept)
}

/// Connections to PostgreSQL of which none gives a commit back before it is durable.
pub(crate) fn durable_pool(connections_max: u32) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(connections_max)
        .after_connect(|connection, _| {
            Box::pin(async move {
                let kept = wait_for_commits(connection).await?;
                judge_postgres(&kept).map_err(|error| sqlx::Error::Configuration(error.into()))
            })
        })
}

async fn wait_for_commits(connection: &mut AnyConnection) -> Result<String, sqlx::Error> {
    let row = sqlx::query(WAIT_FOR_COMMITS).fetch_one(connection).await?;
    row.try_get("kept")
}

fn judge_postgres(kept: &str) -> Result<(), Error> {
    match kept {
        "on" | "remote_apply" => Ok(()),
        _ => Err(Error::CommitsNotDurable {
            setting: "synchronous_commit",
        }),
    }
}

/// The cluster's own settings by which a power cut may take what it said to have committed.
pub(crate) async fn faults_of_postgres(
    connection: &mut Connection,
) -> Result<Vec<&'static str>, Error> {
    let statement = "SELECT current_setting('fsync') AS fsync,
                            current_setting('full_page_writes') AS full_page_writes";
    let row = crate::sql::query(statement).fetch_one(connection).await?;
    let mut faults = Vec::new();
    for setting in ["fsync", "full_page_writes"] {
        let value: String = row.try_get(setting)?;
        if value != "on" {
            faults.push(setting);
        }
    }
    Ok(faults)
}

/// What a connection to a file of SQLite must say of itself: a log that is written ahead, and as
/// many flushes as whoever opened it relies on: 1 (`NORMAL`) where [`crate::flush`] flushes each
/// commit, 2 (`FULL`) where SQLite does.
///
/// # Errors
/// [`Error::CommitsNotDurable`].
pub(crate) fn judge_sqlite(journal_mode: &str, synchronous: i64, least: i64) -> Result<(), Error> {
    if journal_mode != "wal" {
        return Err(Error::CommitsNotDurable {
            setting: "journal_mode",
        });
    }
    if synchronous < least {
        return Err(Error::CommitsNotDurable {
            setting: "synchronous",
        });
    }
    Ok(())
}

/// A connection to SQLite whose commits SQLite flushes itself.
pub(crate) fn flushing_sqlite_pool() -> AnyPoolOptions {
    const FULL: i64 = 2;
    AnyPoolOptions::new()
        .max_connections(1)
        .after_connect(|connection, _| {
            Box::pin(async move {
                sqlx::query("PRAGMA synchronous = FULL")
                    .execute(&mut *connection)
                    .await?;
                let row = sqlx::query("PRAGMA synchronous")
                    .fetch_one(&mut *connection)
                    .await?;
                let synchronous: i64 = row.try_get(0)?;
                let row = sqlx::query("PRAGMA journal_mode")
                    .fetch_one(&mut *connection)
                    .await?;
                let journal_mode: String = row.try_get(0)?;
                // A database in memory is durable nowhere.
                if journal_mode == "memory" {
                    return Ok(());
                }
                judge_sqlite(&journal_mode, synchronous, FULL)
                    .map_err(|error| sqlx::Error::Configuration(error.into()))
            })
        })
}

#[cfg(test)]
mod tests {
    use super::{judge_postgres, judge_sqlite};

    #[test]
    fn only_what_waits_for_the_disk_is_taken() {
        for kept in ["on", "remote_apply"] {
            judge_postgres(kept).unwrap();
        }
        for kept in ["off", "local", "remote_write", ""] {
            let refused = judge_postgres(kept).unwrap_err();
            assert_eq!(refused.code(), "storage.commits_not_durable", "{kept}");
        }
        for (mode, synchronous, least, is_taken) in [
            ("wal", 1, 1, true),
            ("wal", 2, 1, true),
            ("wal", 2, 2, true),
            ("wal", 0, 1, false),
            ("wal", 1, 2, false),
            ("delete", 2, 1, false),
            ("off", 2, 1, false),
            ("memory", 2, 1, false),
        ] {
            let judged = judge_sqlite(mode, synchronous, least);
            assert_eq!(judged.is_ok(), is_taken, "{mode} {synchronous}");
            if let Err(refused) = judged {
                assert_eq!(refused.code(), "storage.commits_not_durable");
            }
        }
    }
}
