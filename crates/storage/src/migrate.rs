//! Brings the schema up to date at start; the SQL files are part of the program.
//!
//! A database may be ahead of the program, as in a rolling upgrade: older programs go on, and
//! start, over migrations that only add. One that they would mind raises the floor
//! (`_schema_floor`), and who does not know the schema at the floor does not start.

use std::borrow::Cow;

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migrate as _, MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, Connection as _, Row as _};

use crate::Error;

include!(concat!(env!("OUT_DIR"), "/migrations.rs"));

const TABLE: &str = "_sqlx_migrations";
/// The migration that makes the table of the floor.
const FLOOR_SINCE: i64 = 20_261_130_108_000;

/// The version of the last file.
pub(crate) fn newest_version() -> i64 {
    EMBEDDED.last().map_or(0, |&(version, _, _)| version)
}

/// Runs what is missing, in order, each file in a transaction of its own.
///
/// # Errors
/// [`Error::MigrationFailed`] when a file fails, when a file that was run before has changed since,
/// or when a file was run that neither this program nor a newer one has; [`Error::SchemaTooNew`]
/// when this program is too old for the database: nothing is changed then.
pub(crate) async fn migrate(pool: &sqlx::AnyPool) -> Result<(), Error> {
    let mut connection = pool.acquire().await?;
    // One program at a time decides and acts; SQLite does without.
    connection.lock().await?;
    let outcome = look_and_migrate(&mut connection).await;
    if connection.unlock().await.is_err() {
        // The lock would stay with the connection.
        connection.detach().close().await?;
    }
    outcome
}

async fn look_and_migrate(connection: &mut AnyConnection) -> Result<(), Error> {
    connection.ensure_migrations_table(TABLE).await?;
    check_known(connection).await?;
    let migrations: Vec<Migration> = EMBEDDED
        .iter()
        .map(|&(version, description, sql)| {
            let name = Cow::Borrowed(description);
            Migration::new(
                version,
                name,
                MigrationType::Simple,
                sql.into_sql_str(),
                false,
            )
        })
        .collect();
    let migrator = Migrator {
        migrations: Cow::Owned(migrations),
        // Those that are not ours were looked at above.
        ignore_missing: true,
        locking: false,
        ..Migrator::DEFAULT
    };
    migrator.run_direct(None, connection, false).await?;
    sqlx::query("UPDATE _schema_floor SET program = $1 WHERE program IS NULL")
        .bind(env!("CARGO_PKG_VERSION"))
        .execute(connection)
        .await?;
    Ok(())
}

/// Whether this program may work with what other programs made of the database.
async fn check_known(connection: &mut AnyConnection) -> Result<(), Error> {
    let applied = connection.list_applied_migrations(TABLE).await?;
    let is_ours = |version: i64| EMBEDDED.iter().any(|&(ours, _, _)| ours == version);
    let foreign: Vec<i64> = applied
        .iter()
        .map(|migration| migration.version)
        .filter(|&version| !is_ours(version))
        .collect();
    let (Some(&first), Some(&found)) = (foreign.iter().min(), foreign.iter().max()) else {
        return Ok(());
    };
    let known = newest_version();
    if first < known {
        // No release has it: a file of ours was taken away, or the database is somebody else's.
        return Err(MigrateError::VersionMissing(first).into());
    }
    if !applied.iter().any(|it| it.version == FLOOR_SINCE) {
        return Err(MigrateError::VersionMissing(found).into());
    }
    let row = sqlx::query("SELECT version, program FROM _schema_floor WHERE id = 1")
        .fetch_one(connection)
        .await?;
    let needed: i64 = row.try_get("version")?;
    if needed <= known {
        return Ok(());
    }
    let program: Option<String> = row.try_get("program")?;
    Err(Error::SchemaTooNew {
        found,
        needed,
        known,
        program: program.unwrap_or_else(|| "a newer version".to_owned()),
    })
}
