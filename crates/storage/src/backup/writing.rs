//! Writing a backup, page by page, from one snapshot.

use std::io::Write;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::sha::Sha256;

use super::catalogue::{Table, quoted, tables};
use super::{About, FORM, Header, Row, Trailer, Value};
use crate::sql::{self, Query};
use crate::{Error, Store, Transaction};

/// Rows that are held at once.
const PAGE: i64 = 500;

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Rows of all tables.
    pub rows: u64,
    /// SHA-256 of the whole file, in hexadecimal digits.
    pub sha256: String,
}

/// Writes every row as it is at one moment; whoever writes meanwhile is not held up. Only of a
/// database that has this program's schema.
///
/// # Errors
/// [`Error::BackupOfOtherVersion`], [`Error::BackupFailed`], [`Error::Unavailable`].
pub async fn write(store: &Store, about: About, out: impl Write) -> Result<Written, Error> {
    let mut transaction = store.begin_snapshot().await?;
    check_schema(&mut transaction).await?;
    let tables = tables(store, &mut transaction).await?;
    let mut file = Digested::new(out);
    file.line(&Header {
        cardea_backup: FORM,
        schema: Store::schema_version(),
        database: store.engine_name().to_owned(),
        about,
        tables: tables.clone(),
    })?;
    let mut rows = 0;
    for (place, table) in tables.iter().enumerate() {
        rows += write_table(&mut transaction, place, table, &mut file).await?;
    }
    file.finish(rows)
}

/// A backup says which schema it has, and must be right.
async fn check_schema(transaction: &mut Transaction) -> Result<(), Error> {
    let statement = "SELECT CAST(MAX(version) AS BIGINT) AS version FROM _sqlx_migrations";
    let row = sql::query(statement)
        .fetch_one(transaction.connection())
        .await?;
    let found: Option<i64> = row.try_get("version")?;
    match found {
        Some(version) if version == Store::schema_version() => Ok(()),
        found => Err(Error::BackupOfOtherVersion {
            of: "the database".to_owned(),
            found: found.unwrap_or_default(),
            expected: Store::schema_version(),
        }),
    }
}

async fn write_table<W: Write>(
    transaction: &mut Transaction,
    place: usize,
    table: &Table,
    file: &mut Digested<W>,
) -> Result<u64, Error> {
    let mut last: Option<Vec<Value>> = None;
    let mut count = 0;
    loop {
        let statement = page_of(table, last.is_some());
        let mut query = sql::query_built(statement);
        for value in last.iter().flatten() {
            query = bound(query, value);
        }
        let rows = query.bind(PAGE).fetch_all(transaction.connection()).await?;
        for row in &rows {
            let mut values = Vec::new();
            for column in &table.columns {
                values.push(if column.integer {
                    let value: Option<i64> = row.try_get(&column.name)?;
                    value.map_or(Value::Null, Value::Integer)
                } else {
                    let value: Option<String> = row.try_get(&column.name)?;
                    value.map_or(Value::Null, Value::Text)
                });
            }
            last = Some(key_of(table, &values));
            file.line(&Row(place, values))?;
            count += 1;
        }
        if i64::try_from(rows.len()).is_ok_and(|found| found < PAGE) {
            return Ok(count);
        }
    }
}

/// The next rows by the primary key, which is an index on both databases.
fn page_of(table: &Table, is_later: bool) -> String {
    let columns = table.list();
    let name = quoted(&table.name);
    let key: Vec<_> = table.key.iter().map(|it| quoted(it)).collect();
    let key = key.join(", ");
    if !is_later {
        return format!("SELECT {columns} FROM {name} ORDER BY {key} LIMIT $1");
    }
    let places: Vec<_> = (1..=table.key.len()).map(|it| format!("${it}")).collect();
    let (places, limit) = (places.join(", "), table.key.len() + 1);
    format!("SELECT {columns} FROM {name} WHERE ({key}) > ({places}) ORDER BY {key} LIMIT ${limit}")
}

fn key_of(table: &Table, values: &[Value]) -> Vec<Value> {
    let value_of = |name: &String| {
        let place = table.columns.iter().position(|it| it.name == *name)?;
        values.get(place).cloned()
    };
    table.key.iter().filter_map(value_of).collect()
}

/// Gives a statement the value of its next place.
pub(super) fn bound<'q>(query: Query<'q>, value: &'q Value) -> Query<'q> {
    match value {
        Value::Integer(value) => query.bind(*value),
        Value::Text(value) => query.bind(value.as_str()),
        Value::Null => query.bind(None::<String>),
    }
}

/// A digest as `sha256sum` prints it.
pub(super) fn hexadecimal(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A file whose lines are counted into its digest.
struct Digested<W> {
    out: W,
    digest: Sha256,
}

impl<W: Write> Digested<W> {
    fn new(out: W) -> Self {
        Self {
            out,
            digest: Sha256::new(),
        }
    }

    fn line(&mut self, value: &impl serde::Serialize) -> Result<(), Error> {
        let failed = |source: std::io::Error| Error::BackupFailed { source };
        let mut line = serde_json::to_vec(value).map_err(|error| failed(error.into()))?;
        line.push(b'\n');
        self.digest.update(&line);
        self.out.write_all(&line).map_err(failed)
    }

    fn finish(mut self, rows: u64) -> Result<Written, Error> {
        let sha256 = URL_SAFE_NO_PAD.encode(self.digest.clone().finish());
        self.line(&Trailer { rows, sha256 })?;
        self.out
            .flush()
            .map_err(|source| Error::BackupFailed { source })?;
        let sha256 = hexadecimal(&self.digest.finish());
        Ok(Written { rows, sha256 })
    }
}
