//! Reading a backup: first all of it, against its digest; then into the database.

use std::io::{BufRead, Read as _};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::sha::Sha256;
use serde::de::DeserializeOwned;

use super::catalogue::{Table, quoted, tables};
use super::writing::{bound, hexadecimal};
use super::{About, FORM, Header, LINE_BYTES_MAX, Row, Trailer, Value};
use crate::sql;
use crate::{Error, Store, Transaction};

/// A backup that was read whole, and is what it was when it was written.
#[derive(Debug)]
pub struct VerifiedBackup {
    header: Header,
    rows: u64,
    /// Of everything but the last line, in base64url.
    of_rows: String,
    sha256: String,
}

impl VerifiedBackup {
    /// What it is of.
    #[must_use]
    pub fn about(&self) -> &About {
        &self.header.about
    }

    /// How many rows it has.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// SHA-256 of the whole file, in hexadecimal digits.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }
}

/// Reads a whole backup and checks it: its form, its rows, its digest.
///
/// # Errors
/// [`Error::BackupInvalid`], [`Error::BackupOfOtherVersion`], [`Error::BackupFailed`].
pub fn verify(mut input: impl BufRead) -> Result<VerifiedBackup, Error> {
    let mut digest = Sha256::new();
    let first = next_line(&mut input)?.ok_or(invalid("it is empty"))?;
    digest.update(&first);
    let header: Header = parse(&first)?;
    if header.cardea_backup != FORM {
        return Err(invalid("its form is of another version"));
    }
    if header.schema != Store::schema_version() {
        return Err(Error::BackupOfOtherVersion {
            of: format!("the backup, which {} made,", header.about.program),
            found: header.schema,
            expected: Store::schema_version(),
        });
    }
    let mut rows = 0;
    loop {
        let line = next_line(&mut input)?.ok_or(invalid("its end is missing"))?;
        if line.first() == Some(&b'{') {
            let trailer: Trailer = parse(&line)?;
            let of_rows = URL_SAFE_NO_PAD.encode(digest.clone().finish());
            digest.update(&line);
            if trailer.sha256 != of_rows || trailer.rows != rows {
                return Err(invalid("its digest or its count of rows is another"));
            }
            if next_line(&mut input)?.is_some() {
                return Err(invalid("something stands behind its end"));
            }
            return Ok(VerifiedBackup {
                header,
                rows,
                of_rows,
                sha256: hexadecimal(&digest.finish()),
            });
        }
        digest.update(&line);
        let row: Row = parse(&line)?;
        check_row(&header.tables, &row)?;
        rows += 1;
    }
}

/// Replaces everything in the database by a verified backup's rows, in the caller's transaction.
/// `input` is the same file again, and must not have changed since.
///
/// # Errors
/// [`Error::BackupInvalid`], [`Error::BackupOfOtherVersion`], [`Error::BackupFailed`],
/// [`Error::Unavailable`].
pub async fn restore(
    store: &Store,
    transaction: &mut Transaction,
    backup: &VerifiedBackup,
    mut input: impl BufRead,
) -> Result<(), Error> {
    let header = &backup.header;
    let here = tables(store, transaction).await?;
    if !is_same(&here, &header.tables) {
        return Err(invalid("its tables are not those of this database"));
    }
    for table in here.iter().rev() {
        let statement = format!("DELETE FROM {}", quoted(&table.name));
        sql::query_built(statement)
            .execute(transaction.connection())
            .await?;
    }
    let changed = || invalid("it has changed while it was read");
    let mut digest = Sha256::new();
    digest.update(&next_line(&mut input)?.ok_or_else(changed)?);
    for _ in 0..backup.rows {
        let line = next_line(&mut input)?.ok_or_else(changed)?;
        digest.update(&line);
        let row: Row = parse(&line)?;
        let table = check_row(&header.tables, &row)?;
        insert(transaction, table, &row.1).await?;
    }
    let sha256 = URL_SAFE_NO_PAD.encode(digest.finish());
    if sha256 == backup.of_rows {
        Ok(())
    } else {
        Err(changed())
    }
}

async fn insert(
    transaction: &mut Transaction,
    table: &Table,
    values: &[Value],
) -> Result<(), Error> {
    let mut number = 0;
    let places: Vec<_> = values
        .iter()
        .map(|value| {
            // PostgreSQL would have to be told the type of what is missing.
            if *value == Value::Null {
                return "NULL".to_owned();
            }
            number += 1;
            format!("${number}")
        })
        .collect();
    let (name, columns, places) = (quoted(&table.name), table.list(), places.join(", "));
    let statement = format!("INSERT INTO {name} ({columns}) VALUES ({places})");
    let mut query = sql::query_built(statement);
    for value in values.iter().filter(|value| **value != Value::Null) {
        query = bound(query, value);
    }
    query.execute(transaction.connection()).await?;
    Ok(())
}

/// The table of a row whose values are of its columns' kinds.
fn check_row<'a>(tables: &'a [Table], row: &Row) -> Result<&'a Table, Error> {
    let table = tables.get(row.0).ok_or(invalid("a row has no table"))?;
    let mut pairs = table.columns.iter().zip(&row.1);
    let fits = table.columns.len() == row.1.len()
        && pairs.all(|(column, value)| match value {
            Value::Integer(_) => column.integer,
            Value::Text(_) => !column.integer,
            Value::Null => true,
        });
    if fits {
        Ok(table)
    } else {
        Err(invalid("a row does not fit its table"))
    }
}

/// Whether the tables are the same; the two databases may list columns in another order where a
/// migration has made a table anew.
fn is_same(here: &[Table], there: &[Table]) -> bool {
    let sorted = |tables: &[Table]| {
        let mut tables: Vec<Table> = tables.to_vec();
        for table in &mut tables {
            table
                .columns
                .sort_by(|one, other| one.name.cmp(&other.name));
        }
        tables.sort_by(|one, other| one.name.cmp(&other.name));
        tables
    };
    sorted(here) == sorted(there)
}

/// The next line with its end; none at the end of the file.
fn next_line(input: &mut impl BufRead) -> Result<Option<Vec<u8>>, Error> {
    let mut line = Vec::new();
    input
        .by_ref()
        .take(LINE_BYTES_MAX)
        .read_until(b'\n', &mut line)
        .map_err(|source| Error::BackupFailed { source })?;
    match line.last() {
        None => Ok(None),
        Some(b'\n') => Ok(Some(line)),
        Some(_) => Err(invalid("a line has no end")),
    }
}

fn parse<T: DeserializeOwned>(line: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(line).map_err(|_| invalid("a line is not what it should be"))
}

fn invalid(reason: &'static str) -> Error {
    Error::BackupInvalid { reason }
}
