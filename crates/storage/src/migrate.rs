//! Brings the schema up to date at start; the SQL files are part of the program.

use std::borrow::Cow;

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use crate::Error;

include!(concat!(env!("OUT_DIR"), "/migrations.rs"));

/// The version of the last file.
pub(crate) fn newest_version() -> i64 {
    EMBEDDED.last().map_or(0, |&(version, _, _)| version)
}

/// Runs what is missing, in order, each file in a transaction of its own.
///
/// # Errors
/// [`Error::MigrationFailed`] when a file fails, when a file that was run before has changed since,
/// or when the database knows a migration that this program does not (it is older than its data).
pub(crate) async fn migrate(pool: &sqlx::AnyPool) -> Result<(), Error> {
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
        ..Migrator::DEFAULT
    };
    migrator.run(pool).await?;
    Ok(())
}
