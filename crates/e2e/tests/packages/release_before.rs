//! The database as the release before left it: its schema is older, and the people who were signed
//! in are.
//!
//! No program of that release is at hand. So the database that the running program made is taken
//! back: the older migrations alone make a new file, and of each table that they know the rows come
//! along, as far as they had columns for them then.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use cardea_xtask::workspace;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Row as _, SqlSafeStr as _};

/// The last migration of that release, which knew no floor of the schema, no cards, no devices
/// without a screen and no event stream.
const LAST_MIGRATION: i64 = 20_261_129_182_000;

/// Puts the older database in the place of `file`, which no program has open.
pub(crate) async fn take_back(file: &Path) -> Result<()> {
    sqlx::any::install_default_drivers();
    let older = file.with_extension("older");
    let address = format!("sqlite://{}?mode=rwc", older.display());
    let mut connection = AnyConnection::connect(&address).await?;
    let older_ones = Migrator {
        migrations: migrations()?.into(),
        ..Migrator::DEFAULT
    };
    older_ones.run(&mut connection).await?;
    take_rows(&mut connection, file).await?;
    connection.close().await?;
    let owner = fs::metadata(file)?;
    for aside in ["sqlite-wal", "sqlite-shm"] {
        let _ = fs::remove_file(file.with_extension(aside));
    }
    fs::rename(&older, file)?;
    std::os::unix::fs::chown(file, Some(owner.uid()), Some(owner.gid()))?;
    Ok(fs::set_permissions(file, owner.permissions())?)
}

/// The number of migrations that a database has seen.
pub(crate) async fn migrations_seen(file: &Path) -> Result<usize> {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(&format!("sqlite://{}", file.display())).await?;
    let rows = sqlx::query("SELECT version FROM _sqlx_migrations")
        .fetch_all(&mut connection)
        .await?;
    connection.close().await?;
    Ok(rows.len())
}

fn migrations() -> Result<Vec<Migration>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(workspace::root().join("migrations"))? {
        let path = entry?.path();
        let Some(name) = path.file_stem().and_then(|name| name.to_str()) else {
            continue;
        };
        let Some((version, what)) = name.split_once('_') else {
            continue;
        };
        let version = version.parse()?;
        if version > LAST_MIGRATION {
            continue;
        }
        let sql = AssertSqlSafe(fs::read_to_string(&path)?).into_sql_str();
        let kind = MigrationType::Simple;
        all.push(Migration::new(
            version,
            what.to_owned().into(),
            kind,
            sql,
            false,
        ));
    }
    all.sort_by_key(|migration| migration.version);
    ensure!(!all.is_empty(), "no migration is old enough");
    Ok(all)
}

/// Brings the rows of the database in `file`.
async fn take_rows(connection: &mut AnyConnection, file: &Path) -> Result<()> {
    let run = async |connection: &mut AnyConnection, statement: String| {
        let query = sqlx::query(AssertSqlSafe(statement.clone()));
        query
            .execute(connection)
            .await
            .with_context(|| statement.clone())
    };
    run(connection, "PRAGMA foreign_keys = OFF".to_owned()).await?;
    run(connection, format!("ATTACH '{}' AS live", file.display())).await?;
    let statement = "SELECT name FROM main.sqlite_master WHERE type = 'table'
                     AND name NOT LIKE 'sqlite%' AND substr(name, 1, 1) <> '_'";
    let mut sessions = 0;
    for table in names(connection, statement).await? {
        // No word of SQL is among them.
        let columns = format!(
            "SELECT name FROM pragma_table_info('{table}', 'main') WHERE name IN
             (SELECT name FROM pragma_table_info('{table}', 'live'))"
        );
        let columns = names(connection, &columns).await?.join(", ");
        ensure!(!columns.is_empty(), "{table} is gone");
        let statement = format!(
            "INSERT OR REPLACE INTO main.{table} ({columns}) SELECT {columns} FROM live.{table}"
        );
        let taken = run(connection, statement).await?.rows_affected();
        if table == "session" {
            sessions = taken;
        }
    }
    ensure!(sessions > 0, "nobody was signed in");
    run(connection, "DETACH live".to_owned()).await?;
    Ok(())
}

async fn names(connection: &mut AnyConnection, statement: &str) -> Result<Vec<String>> {
    let query = sqlx::query(AssertSqlSafe(statement.to_owned()));
    let rows = query.fetch_all(connection).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}
