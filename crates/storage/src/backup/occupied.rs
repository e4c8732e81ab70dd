//! What is in a database before anything is done to it: whoever is about to replace one looks
//! first, and changes nothing by looking.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::catalogue::quoted;
use crate::database::sqlite_file;
use crate::sql;
use crate::{Error, Store};

/// Tables that every version of Cardea has.
const OURS: [&str; 3] = ["challenge", "event", "session"];
/// Tables of which one at least has a row once a server has run, or an operator has changed
/// something.
const FILLED: [&str; 4] = ["event", "signing_key", "subject", "client"];

const OF_SQLITE: &str =
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'";
const OF_POSTGRESQL: &str = "SELECT CAST(table_name AS TEXT) AS name FROM information_schema.tables
     WHERE table_schema = current_schema()";

/// What is in a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Occupied {
    /// Nothing: it was not made yet, has no tables, or our tables without rows.
    No,
    /// Rows of Cardea.
    ByCardea,
    /// Tables of another program.
    ByOthers,
}

/// Looks into a database.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::UrlInvalid`].
pub async fn occupied(url: &str) -> Result<Occupied, Error> {
    if url.starts_with("postgres:") || url.starts_with("postgresql:") {
        let store = Store::open_as_it_is(url).await?;
        let found = in_postgres(&store).await;
        store.close().await;
        return found;
    }
    in_sqlite(&sqlite_file(url)?)
}

fn in_sqlite(file: &Path) -> Result<Occupied, Error> {
    if std::fs::metadata(file).map_or(0, |it| it.len()) == 0 {
        return Ok(Occupied::No);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    let mut statement = connection.prepare(OF_SQLITE)?;
    let names = statement.query_map([], |row| row.get(0))?;
    let names: Vec<String> = names.collect::<Result<_, _>>()?;
    if let Some(found) = by_names(&names) {
        return Ok(found);
    }
    for name in FILLED
        .iter()
        .filter(|it| names.iter().any(|own| own == *it))
    {
        if connection.prepare(&first_of(name))?.exists([])? {
            return Ok(Occupied::ByCardea);
        }
    }
    Ok(Occupied::No)
}

async fn in_postgres(store: &Store) -> Result<Occupied, Error> {
    let mut transaction = store.begin_read().await?;
    let rows = sql::query(OF_POSTGRESQL);
    let rows = rows.fetch_all(transaction.connection()).await?;
    let names = rows.iter().map(|row| row.try_get("name"));
    let names: Vec<String> = names.collect::<Result<_, _>>()?;
    if let Some(found) = by_names(&names) {
        return Ok(found);
    }
    for name in FILLED
        .iter()
        .filter(|it| names.iter().any(|own| own == *it))
    {
        let row = sql::query_built(first_of(name));
        let row = row.fetch_optional(transaction.connection()).await?;
        if row.is_some() {
            return Ok(Occupied::ByCardea);
        }
    }
    Ok(Occupied::No)
}

/// What the names of the tables say by themselves.
fn by_names(names: &[String]) -> Option<Occupied> {
    if names.is_empty() {
        return Some(Occupied::No);
    }
    let is_ours = OURS.iter().all(|name| names.iter().any(|it| it == name));
    (!is_ours).then_some(Occupied::ByOthers)
}

fn first_of(table: &str) -> String {
    format!("SELECT 1 AS one FROM {} LIMIT 1", quoted(table))
}
