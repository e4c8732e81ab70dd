//! SQLite in the thread of whoever asks: one connection that writes, a few that read beside it.
//!
//! Writers queue for the one connection; a transaction holds it from its begin to its commit, and
//! lets go of it before the commit is durable, so that the flushes of several fall together
//! ([`crate::flush`]).

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex as BlockingMutex, PoisonError};
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{OpenFlags, Statement};
use tokio::sync::{Mutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

use crate::Error;
use crate::checkpoint::Checkpointer;
use crate::flush::{Flushes, Place};
use crate::health::PoolUse;
use crate::sql::Value;

/// How long a caller waits for a connection before the database counts as unavailable.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// A read ends in the thread that began it, unless it waits for a flush.
const READERS_MAX: usize = 4;
/// How long who is in no hurry waits for the flush of another.
const PATIENCE: Duration = Duration::from_millis(5);
/// Statements that one connection keeps prepared: more than there are.
const STATEMENTS_MAX: usize = 256;

/// What every connection sets: SQLite forgets all but `journal_mode` when a connection closes.
///
/// `synchronous = NORMAL` because the flush is ours, after the commit and shared. A checkpoint
/// still flushes the log before and the file afterwards, and the header of a log that begins again.
/// `secure_delete` overwrites what is forgotten, such as the person's name when a session ends;
/// the write-ahead log keeps older pages until the next checkpoint.
const PRAGMAS: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; \
     PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; \
     PRAGMA secure_delete = ON; PRAGMA wal_autocheckpoint = 0;";
/// Page caches in KiB, as minus. The writer's holds the sessions of a large site, each of which is
/// noted as present every few seconds; what readers miss, the system's own cache has.
const WRITER_CACHE: &str = "PRAGMA cache_size = -12000;";
const READER_CACHE: &str = "PRAGMA cache_size = -1000;";

/// A statement's text: one that is static is kept prepared.
type Text = Cow<'static, str>;

/// One connection, and the names of the columns of its statements.
pub(crate) struct Database {
    connection: rusqlite::Connection,
    columns: HashMap<(usize, usize), Arc<[Box<str>]>>,
}

/// An open file, or a database in memory.
pub(crate) struct Sqlite {
    writer: Arc<Mutex<Option<Database>>>,
    /// None of a database in memory, where the writer reads as well.
    readers: Option<Arc<Readers>>,
    /// None of a database in memory, which is never durable.
    flushes: Option<Arc<Flushes>>,
    checkpointer: Option<Checkpointer>,
}

struct Readers {
    idle: BlockingMutex<Vec<Database>>,
    permits: Arc<Semaphore>,
}

impl Sqlite {
    /// Opens a file that is there.
    pub(crate) fn open(file: &Path) -> Result<Self, Error> {
        let writer = Database::open(file, WRITER_CACHE)?;
        // The write-ahead log is there from the first read on.
        writer.check()?;
        let log = log_of(file);
        let flushes = Arc::new(Flushes::start(&log)?);
        let mut idle = Vec::new();
        for _ in 0..READERS_MAX {
            idle.push(Database::open(file, READER_CACHE)?);
        }
        let writer = Arc::new(Mutex::new(Some(writer)));
        let checkpointer = Checkpointer::start(
            Database::open(file, READER_CACHE)?.connection,
            Arc::clone(&writer),
            Arc::clone(&flushes),
        )?;
        Ok(Self {
            writer,
            readers: Some(Arc::new(Readers {
                idle: BlockingMutex::new(idle),
                permits: Arc::new(Semaphore::new(READERS_MAX)),
            })),
            flushes: Some(flushes),
            checkpointer: Some(checkpointer),
        })
    }

    /// Opens a database in memory that others in this process reach by its name.
    pub(crate) fn open_in_memory(name: &str) -> Result<Self, Error> {
        let connection = rusqlite::Connection::open_with_flags(
            name,
            OpenFlags::SQLITE_OPEN_READ_WRITE
                | OpenFlags::SQLITE_OPEN_CREATE
                | OpenFlags::SQLITE_OPEN_MEMORY
                | OpenFlags::SQLITE_OPEN_SHARED_CACHE
                | OpenFlags::SQLITE_OPEN_URI
                | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        let writer = Database::prepare(connection, WRITER_CACHE)?;
        Ok(Self {
            writer: Arc::new(Mutex::new(Some(writer))),
            readers: None,
            flushes: None,
            checkpointer: None,
        })
    }

    /// Takes the write lock at once: a transaction that reads first and writes later could
    /// otherwise fail half-way because another process wrote in between.
    pub(crate) async fn begin(&self) -> Result<SqliteTransaction, Error> {
        let lock = self.writer.clone().lock_owned();
        let guard = tokio::time::timeout(ACQUIRE_TIMEOUT, lock).await;
        let guard = guard.map_err(|_| Error::unavailable("no turn to write in time"))?;
        let mut lease = Lease::Writer(guard);
        lease.database()?.run("BEGIN IMMEDIATE")?;
        Ok(SqliteTransaction {
            lease,
            flushes: self.flushes.clone(),
            is_over: false,
        })
    }

    pub(crate) async fn begin_read(&self) -> Result<SqliteTransaction, Error> {
        let Some(readers) = &self.readers else {
            return self.begin().await;
        };
        let permit = Arc::clone(&readers.permits).acquire_owned();
        let permit = tokio::time::timeout(ACQUIRE_TIMEOUT, permit).await;
        let permit = permit.map_err(|_| Error::unavailable("no turn to read in time"))?;
        let permit = permit.map_err(|_| Error::unavailable("the database is closed"))?;
        let database = readers.take();
        let database = database.ok_or(Error::unavailable("the database is closed"))?;
        let mut lease = Lease::Reader {
            database: Some(database),
            readers: Arc::clone(readers),
            _permit: permit,
        };
        lease.database()?.run("BEGIN")?;
        Ok(SqliteTransaction {
            lease,
            flushes: self.flushes.clone(),
            is_over: false,
        })
    }

    /// Waits until nothing that was committed before can be lost any more.
    pub(crate) async fn settle(&self) -> Result<(), Error> {
        match &self.flushes {
            Some(flushes) => flushes.wait(flushes.commits()).await,
            None => Ok(()),
        }
    }

    /// The same, but lets another caller's flush come first.
    pub(crate) async fn settle_soon(&self) -> Result<(), Error> {
        let Some(flushes) = &self.flushes else {
            return Ok(());
        };
        let commits = flushes.commits();
        if !flushes.is_durable(commits) {
            tokio::time::sleep(PATIENCE).await;
        }
        flushes.wait(commits).await
    }

    /// How the connections are used; a transaction holds one.
    pub(crate) fn pools(&self) -> Vec<PoolUse> {
        let writer = PoolUse {
            name: "writer",
            open: 1,
            idle: u32::from(self.writer.try_lock().is_ok()),
        };
        let readers = self.readers.as_ref().map(|readers| PoolUse {
            name: "reader",
            open: u32::try_from(READERS_MAX).unwrap_or(u32::MAX),
            idle: u32::try_from(readers.idle().len()).unwrap_or(u32::MAX),
        });
        std::iter::once(writer).chain(readers).collect()
    }

    /// Closes all connections; SQLite folds its log into the file with the last one.
    pub(crate) async fn close(&self) {
        if let Some(readers) = &self.readers {
            readers.permits.close();
            readers.idle().clear();
        }
        if let Some(checkpointer) = &self.checkpointer {
            checkpointer.end().await;
        }
        let _ = self.settle().await;
        self.writer.lock().await.take();
        if let Some(flushes) = &self.flushes {
            flushes.stop();
        }
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        if let Some(flushes) = &self.flushes {
            flushes.stop();
        }
    }
}

impl Readers {
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Database>> {
        // A list of connections is whole at any time.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Option<Database> {
        self.idle().pop()
    }

    fn give_back(&self, database: Database) {
        if !self.permits.is_closed() {
            self.idle().push(database);
        }
    }
}

/// `cardea.sqlite` → `cardea.sqlite-wal`
fn log_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push("-wal");
    PathBuf::from(name)
}

/// A connection for the length of a transaction.
enum Lease {
    Writer(OwnedMutexGuard<Option<Database>>),
    Reader {
        database: Option<Database>,
        readers: Arc<Readers>,
        _permit: OwnedSemaphorePermit,
    },
}

impl Lease {
    fn database(&mut self) -> Result<&mut Database, Error> {
        let database = match self {
            Self::Writer(guard) => guard.as_mut(),
            Self::Reader { database, .. } => database.as_mut(),
        };
        database.ok_or_else(|| Error::unavailable("the database is closed"))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Self::Reader {
            database, readers, ..
        } = self
            && let Some(database) = database.take()
        {
            readers.give_back(database);
        }
    }
}

/// A running transaction; dropping it undoes its statements.
pub(crate) struct SqliteTransaction {
    lease: Lease,
    flushes: Option<Arc<Flushes>>,
    is_over: bool,
}

impl SqliteTransaction {
    pub(crate) fn execute(&mut self, text: &Text, values: &[Value<'_>]) -> Result<u64, Error> {
        self.lease.database()?.execute(text, values)
    }

    pub(crate) fn fetch(
        &mut self,
        text: &Text,
        values: &[Value<'_>],
        rows_max: usize,
    ) -> Result<Vec<SqliteRow>, Error> {
        self.lease.database()?.fetch(text, values, rows_max)
    }

    /// What a transaction that only reads has seen may be told to anybody, so it must not be lost
    /// any more. One that writes waits for the same in its commit.
    pub(crate) fn seen(&self) -> Pending {
        let flushes = match self.lease {
            Lease::Reader { .. } => self.flushes.clone(),
            Lease::Writer(_) => None,
        };
        let at = flushes.as_ref().map_or(0, |flushes| flushes.visible());
        Pending { flushes, at }
    }

    /// Commits, lets the next writer begin, and gives the place in the log up to which it must be
    /// flushed before anybody may see what happened.
    pub(crate) fn commit(mut self, place: Place) -> Result<Pending, Error> {
        let flushes = self.flushes.clone();
        let is_writer = matches!(self.lease, Lease::Writer(_));
        let flushes = flushes.filter(|_| is_writer);
        let database = self.lease.database()?;
        let at = match &flushes {
            Some(flushes) => {
                let at = flushes.begin_commit(place);
                let outcome = database.run("COMMIT");
                flushes.end_commit(at);
                outcome?;
                at
            }
            None => {
                database.run("COMMIT")?;
                0
            }
        };
        self.is_over = true;
        Ok(Pending { flushes, at })
    }
}

impl Drop for SqliteTransaction {
    fn drop(&mut self) {
        if !self.is_over
            && let Ok(database) = self.lease.database()
            && !database.connection.is_autocommit()
        {
            // What cannot be undone now keeps the next transaction from beginning.
            let _ = database.run("ROLLBACK");
        }
    }
}

/// A commit that others see and that a power cut could still take back.
pub(crate) struct Pending {
    flushes: Option<Arc<Flushes>>,
    at: u64,
}

impl Pending {
    /// Waits for a flush that began after the commit.
    pub(crate) async fn wait(self) -> Result<(), Error> {
        match self.flushes {
            Some(flushes) => flushes.wait(self.at).await,
            None => Ok(()),
        }
    }
}

impl Database {
    fn open(file: &Path, cache: &str) -> Result<Self, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = rusqlite::Connection::open_with_flags(file, flags)?;
        Self::prepare(connection, cache)
    }

    fn prepare(connection: rusqlite::Connection, cache: &str) -> Result<Self, Error> {
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        connection.execute_batch(PRAGMAS)?;
        connection.execute_batch(cache)?;
        Ok(Self {
            connection,
            columns: HashMap::new(),
        })
    }

    /// Reads something.
    fn check(&self) -> Result<(), Error> {
        self.connection
            .query_row("SELECT COUNT(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Ok(())
    }

    fn run(&self, text: &str) -> Result<(), Error> {
        let mut statement = self.connection.prepare_cached(text)?;
        statement.raw_execute()?;
        Ok(())
    }

    fn execute(&mut self, text: &Text, values: &[Value<'_>]) -> Result<u64, Error> {
        match text {
            Text::Borrowed(text) => {
                let mut statement = self.connection.prepare_cached(text)?;
                run_to_its_end(&mut statement, values)?;
            }
            Text::Owned(text) => {
                let mut statement = self.connection.prepare(text)?;
                run_to_its_end(&mut statement, values)?;
            }
        }
        Ok(self.connection.changes())
    }

    fn fetch(
        &mut self,
        text: &Text,
        values: &[Value<'_>],
        rows_max: usize,
    ) -> Result<Vec<SqliteRow>, Error> {
        match text {
            Text::Borrowed(text) => {
                let mut statement = self.connection.prepare_cached(text)?;
                let columns = self.columns.entry((text.as_ptr().addr(), text.len()));
                let columns = columns.or_insert_with(|| names_of(&statement));
                read_rows(&mut statement, columns, values, rows_max)
            }
            Text::Owned(text) => {
                let mut statement = self.connection.prepare(text)?;
                let columns = names_of(&statement);
                read_rows(&mut statement, &columns, values, rows_max)
            }
        }
    }
}

fn run_to_its_end(statement: &mut Statement<'_>, values: &[Value<'_>]) -> Result<(), Error> {
    bind(statement, values)?;
    let mut rows = statement.raw_query();
    while rows.next()?.is_some() {}
    Ok(())
}

fn read_rows(
    statement: &mut Statement<'_>,
    columns: &Arc<[Box<str>]>,
    values: &[Value<'_>],
    rows_max: usize,
) -> Result<Vec<SqliteRow>, Error> {
    bind(statement, values)?;
    let mut rows = statement.raw_query();
    let mut found = Vec::new();
    while found.len() < rows_max
        && let Some(row) = rows.next()?
    {
        let cells = (0..columns.len()).map(|column| Ok(Cell::of(row.get_ref(column)?)));
        found.push(SqliteRow {
            cells: cells.collect::<Result<_, Error>>()?,
            columns: Arc::clone(columns),
        });
    }
    Ok(found)
}

fn names_of(statement: &Statement<'_>) -> Arc<[Box<str>]> {
    let names = statement.column_names();
    names.into_iter().map(Box::from).collect()
}

/// `$3` is the third value, wherever it stands: to SQLite it is a name.
fn bind(statement: &mut Statement<'_>, values: &[Value<'_>]) -> Result<(), Error> {
    for place in 1..=statement.parameter_count() {
        let name = statement.parameter_name(place);
        let number = name.and_then(|name| name.strip_prefix('$')?.parse::<usize>().ok());
        let value = number.and_then(|number| values.get(number.checked_sub(1)?));
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
}

impl SqliteRow {
    pub(crate) fn find(&self, column: &str) -> Option<&Cell> {
        let at = self.columns.iter().position(|name| **name == *column)?;
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
