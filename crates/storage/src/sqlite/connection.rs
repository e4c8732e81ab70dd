//! One connection to SQLite, and what it reads.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{OpenFlags, Statement};

use crate::Error;
use crate::durability::judge_sqlite;
use crate::flush::Flushes;
use crate::sql::Value;

/// Statements that one connection keeps prepared: more than there are.
const STATEMENTS_MAX: usize = 256;

/// What every connection sets: SQLite forgets all but `journal_mode` when a connection closes.
///
/// `synchronous = NORMAL` because the flush is ours, after the commit and shared. A checkpoint
/// still flushes the log before and the file afterwards, and the header of a log that begins again.
/// `secure_delete` overwrites what is forgotten, such as the person's name when a session ends;
/// the write-ahead log keeps older pages until the next checkpoint. The timeout serves who opens
/// the file; afterwards nobody waits inside SQLite.
const PRAGMAS: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; \
     PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; \
     PRAGMA secure_delete = ON; PRAGMA wal_autocheckpoint = 0;";
/// Page caches in KiB, as minus. What they miss, the system's own cache has: a copy of a page costs
/// a microsecond. A reader's is of use within one transaction alone, for each commit empties it.
pub(super) const WRITER_CACHE: &str = "PRAGMA cache_size = -4000;";
pub(super) const READER_CACHE: &str = "PRAGMA cache_size = -256;";

/// A statement's text: one that is static is kept prepared.
pub(super) type Text = Cow<'static, str>;

/// One connection, and what it knows of the statements that it keeps prepared.
pub(crate) struct Database {
    connection: rusqlite::Connection,
    known: HashMap<(usize, usize), Known>,
    /// None of a database in memory.
    pub(super) flushes: Option<Arc<Flushes>>,
}

impl Database {
    pub(super) fn open(
        file: &Path,
        cache: &str,
        flushes: Option<&Arc<Flushes>>,
    ) -> Result<Self, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = rusqlite::Connection::open_with_flags(file, flags)?;
        let database = Self::prepare(connection, cache, flushes)?;
        database.check_durable()?;
        Ok(database)
    }

    /// Reads back what [`PRAGMAS`] asked for: where SQLite cannot write ahead, or does not flush a
    /// checkpoint, no flush of ours makes a commit durable.
    pub(super) fn check_durable(&self) -> Result<(), Error> {
        const NORMAL: i64 = 1;
        let own = &self.connection;
        let synchronous = own.query_row("PRAGMA synchronous", [], |row| row.get(0))?;
        let journal_mode: String = own.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
        judge_sqlite(&journal_mode, synchronous, NORMAL)
    }

    pub(super) fn prepare(
        connection: rusqlite::Connection,
        cache: &str,
        flushes: Option<&Arc<Flushes>>,
    ) -> Result<Self, Error> {
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        // A plan never depends on a value: with `LIMIT $1`, SQLite would look at the value, and
        // plan the statement anew for each.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.execute_batch(PRAGMAS)?;
        connection.execute_batch(cache)?;
        connection.busy_timeout(Duration::ZERO)?;
        Ok(Self {
            connection,
            known: HashMap::new(),
            flushes: flushes.cloned(),
        })
    }

    /// Copies the log into the file, as far as nobody reads older pages.
    pub(crate) fn fold(&self) -> Result<(), Error> {
        let statement = "PRAGMA wal_checkpoint(PASSIVE)";
        Ok(self.connection.query_row(statement, [], |_| Ok(()))?)
    }

    /// Sets what no caller may.
    #[cfg(test)]
    pub(super) fn run_all(&self, text: &str) {
        self.connection.execute_batch(text).unwrap();
    }

    /// Reads something.
    pub(super) fn check(&self) -> Result<(), Error> {
        self.connection
            .query_row("SELECT COUNT(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Ok(())
    }

    /// How often a kept statement has been planned anew.
    #[cfg(test)]
    pub(super) fn planned_anew(&self, text: &str) -> i32 {
        let statement = self.connection.prepare_cached(text).unwrap();
        statement.get_status(rusqlite::StatementStatus::RePrepare)
    }

    pub(super) fn is_in_transaction(&self) -> bool {
        !self.connection.is_autocommit()
    }

    pub(super) fn run(&self, text: &str) -> Result<(), Error> {
        let mut statement = self.connection.prepare_cached(text)?;
        statement.raw_execute()?;
        Ok(())
    }

    pub(super) fn execute(&mut self, text: &Text, values: &[Value<'_>]) -> Result<u64, Error> {
        match text {
            Text::Borrowed(text) => {
                let mut statement = self.connection.prepare_cached(text)?;
                let known = self.known.entry((text.as_ptr().addr(), text.len()));
                let known = known.or_insert_with(|| Known::of(&statement));
                run_to_its_end(&mut statement, known, values)?;
            }
            Text::Owned(text) => {
                let mut statement = self.connection.prepare(text)?;
                let known = Known::of(&statement);
                run_to_its_end(&mut statement, &known, values)?;
            }
        }
        Ok(self.connection.changes())
    }

    pub(super) fn fetch(
        &mut self,
        text: &Text,
        values: &[Value<'_>],
        rows_max: usize,
    ) -> Result<Vec<SqliteRow>, Error> {
        match text {
            Text::Borrowed(text) => {
                let mut statement = self.connection.prepare_cached(text)?;
                let known = self.known.entry((text.as_ptr().addr(), text.len()));
                let known = known.or_insert_with(|| Known::of(&statement));
                read_rows(&mut statement, known, values, rows_max)
            }
            Text::Owned(text) => {
                let mut statement = self.connection.prepare(text)?;
                let known = Known::of(&statement);
                read_rows(&mut statement, &known, values, rows_max)
            }
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if self.flushes.as_ref().is_some_and(|it| it.have_failed()) {
            // The last connection to close would copy what the failed flush has left.
            let without = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
            let _ = self.connection.set_db_config(without, true);
        }
    }
}

fn run_to_its_end(
    statement: &mut Statement<'_>,
    known: &Known,
    values: &[Value<'_>],
) -> Result<(), Error> {
    bind(statement, known, values)?;
    let mut rows = statement.raw_query();
    while rows.next()?.is_some() {}
    Ok(())
}

fn read_rows(
    statement: &mut Statement<'_>,
    known: &Known,
    values: &[Value<'_>],
    rows_max: usize,
) -> Result<Vec<SqliteRow>, Error> {
    bind(statement, known, values)?;
    let columns = &known.columns;
    let mut rows = statement.raw_query();
    let mut found = Vec::new();
    while found.len() < rows_max
        && let Some(row) = rows.next()?
    {
        let cells = (0..columns.len()).map(|column| Ok(Cell::of(row.get_ref(column)?)));
        found.push(SqliteRow {
            cells: cells.collect::<Result<_, Error>>()?,
            columns: Arc::clone(columns),
            next: AtomicUsize::new(0),
        });
    }
    Ok(found)
}

/// What follows from a statement's text alone.
struct Known {
    /// The names of its columns.
    columns: Arc<[Box<str>]>,
    /// Which value goes to its first place, its second and so on; none where a place has no number.
    values: Box<[Option<usize>]>,
}

impl Known {
    fn of(statement: &Statement<'_>) -> Self {
        let names = statement.column_names();
        // `$3` is the third value, wherever it stands: to SQLite it is a name.
        let value_at = |place| {
            let number = statement.parameter_name(place)?.strip_prefix('$')?;
            number.parse::<usize>().ok()?.checked_sub(1)
        };
        Self {
            columns: names.into_iter().map(Box::from).collect(),
            values: (1..=statement.parameter_count()).map(value_at).collect(),
        }
    }
}

fn bind(statement: &mut Statement<'_>, known: &Known, values: &[Value<'_>]) -> Result<(), Error> {
    for (place, number) in (1..).zip(&known.values) {
        let value = number.and_then(|number| values.get(number));
        let value = value.ok_or_else(|| Error::unavailable("a place has no value"))?;
        statement.raw_bind_parameter(place, value)?;
    }
    Ok(())
}

impl rusqlite::ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let value = match self {
            Self::Integer(Some(value)) => ValueRef::Integer(*value),
            Self::Text(Some(text)) => ValueRef::Text(text.as_bytes()),
            Self::Integer(None) | Self::Text(None) => ValueRef::Null,
        };
        Ok(ToSqlOutput::Borrowed(value))
    }
}

/// A row, out of SQLite's hands.
pub(crate) struct SqliteRow {
    cells: Vec<Cell>,
    columns: Arc<[Box<str>]>,
    /// The column behind the one that was read last: rows are mostly read in their order.
    next: AtomicUsize,
}

impl SqliteRow {
    pub(crate) fn find(&self, column: &str) -> Option<&Cell> {
        let is_named = |at: &usize| self.columns.get(*at).is_some_and(|name| **name == *column);
        let next = self.next.load(Ordering::Relaxed);
        let at = Some(next).filter(is_named);
        let at = at.or_else(|| (0..self.columns.len()).find(is_named))?;
        self.next.store(at.saturating_add(1), Ordering::Relaxed);
        self.cells.get(at)
    }
}

pub(crate) enum Cell {
    Null,
    Integer(i64),
    Text(String),
    /// What no column of ours holds.
    Foreign,
}

impl Cell {
    fn of(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Null => Self::Null,
            ValueRef::Integer(value) => Self::Integer(value),
            ValueRef::Text(text) => match std::str::from_utf8(text) {
                Ok(text) => Self::Text(text.to_owned()),
                Err(_) => Self::Foreign,
            },
            ValueRef::Real(_) | ValueRef::Blob(_) => Self::Foreign,
        }
    }
}
