//! SQLite in the thread of whoever asks: one connection that writes, a few that read beside it.
//!
//! Writers queue for the one connection; a transaction holds it from its begin to its commit, and
//! lets go of it before the commit is durable, so that the flushes of several fall together
//! ([`crate::flush`]).

mod connection;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex as BlockingMutex, PoisonError};
use std::time::Duration;

use rusqlite::OpenFlags;
use tokio::sync::{Mutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::checkpoint::Checkpointer;
use crate::flush::{Flushes, Haste, Place};
use crate::health::PoolUse;
use crate::hooks::Hooks;
use crate::sql::Value;
pub(crate) use crate::sqlite::connection::{Cell, Database, SqliteRow};
use crate::sqlite::connection::{READER_CACHE, Text, WRITER_CACHE};
use crate::{Error, ahead};

/// How long a caller waits for a connection before the database counts as unavailable.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How often who meets another process's lock looks again. Not in SQLite: it would hold the thread.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// A read ends in the thread that began it: who waits for a flush gives the connection back first.
const READERS_MAX: usize = 4;
/// How long who is in no hurry waits for the flush of another.
const PATIENCE: Duration = Duration::from_millis(5);
/// An open file, or a database in memory.
pub(crate) struct Sqlite {
    writer: Arc<Mutex<Option<Database>>>,
    /// None of a database in memory, where the writer reads as well.
    readers: Option<Arc<Readers>>,
    /// None of a database in memory, which is never durable.
    flushes: Option<Arc<Flushes>>,
    checkpointer: Option<Checkpointer>,
}

/// Each is opened when it is needed first: it keeps a copy of the schema, and at rest one is
/// enough.
struct Readers {
    file: PathBuf,
    flushes: Arc<Flushes>,
    idle: BlockingMutex<Vec<Database>>,
    permits: Arc<Semaphore>,
}

impl Sqlite {
    /// Opens a file that is there.
    pub(crate) fn open(file: &Path) -> Result<Self, Error> {
        let mut writer = Database::open(file, WRITER_CACHE, None)?;
        // The write-ahead log is there from the first read on.
        writer.check()?;
        let log = log_of(file);
        let flushes = Arc::new(Flushes::start(&log)?);
        writer.flushes = Some(Arc::clone(&flushes));
        let writer = Arc::new(Mutex::new(Some(writer)));
        let checkpointer = Checkpointer::start(
            Database::open(file, READER_CACHE, Some(&flushes))?,
            Arc::clone(&writer),
            Arc::clone(&flushes),
        )?;
        Ok(Self {
            writer,
            readers: Some(Arc::new(Readers {
                file: file.to_owned(),
                flushes: Arc::clone(&flushes),
                idle: BlockingMutex::default(),
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
        let writer = Database::prepare(connection, WRITER_CACHE, None)?;
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
        self.check()?;
        let deadline = Instant::now() + ACQUIRE_TIMEOUT;
        let guard = timeout_at(deadline, self.writer.clone().lock_owned()).await;
        let guard = guard.map_err(|_| Error::unavailable("no turn to write in time"))?;
        let mut lease = Lease::Writer(guard);
        while let Err(error) = lease.database()?.run("BEGIN IMMEDIATE") {
            if !is_busy(&error) || Instant::now() >= deadline {
                return Err(error);
            }
            sleep(LOOK_AGAIN).await;
        }
        self.check()?;
        Ok(self.transaction(lease, None))
    }

    /// Begins to read. What is read between two statements may change, as in PostgreSQL.
    pub(crate) async fn begin_read(&self) -> Result<SqliteTransaction, Error> {
        self.check()?;
        let Some(readers) = &self.readers else {
            return self.begin().await;
        };
        let lease = Readers::lend(readers).await?;
        Ok(self.transaction(lease, Some(Arc::clone(readers))))
    }

    /// The same for a moment: on the connection that writes where nobody has it. Its pages are what
    /// was written last, while a reader's are those of its last time, and each commit makes it read
    /// them again.
    pub(crate) async fn begin_brief_read(&self) -> Result<SqliteTransaction, Error> {
        self.check()?;
        let (Some(readers), Ok(writer)) = (&self.readers, self.writer.clone().try_lock_owned())
        else {
            return self.begin_read().await;
        };
        let mut lease = Lease::Writer(writer);
        lease.database()?.run("BEGIN")?;
        Ok(self.transaction(lease, Some(Arc::clone(readers))))
    }

    /// Begins to read what is there and durable now, however long it takes.
    pub(crate) async fn begin_snapshot(&self) -> Result<SqliteTransaction, Error> {
        let mut transaction = self.begin_read().await?;
        if transaction.readers.take().is_some() {
            let schema = Text::Borrowed("SELECT COUNT(*) AS count FROM sqlite_schema");
            transaction.rows(&schema, &[], 1).await?;
            if let Some(flushes) = &self.flushes {
                let seen = flushes.visible();
                flushes.wait(seen, Haste::Answer, Hooks::default()).await?;
            }
        }
        Ok(transaction)
    }

    fn transaction(&self, lease: Lease, readers: Option<Arc<Readers>>) -> SqliteTransaction {
        SqliteTransaction {
            lease: Some(lease),
            readers,
            flushes: self.flushes.clone(),
        }
    }

    /// After a flush that failed, nothing that is read or written can be told to anybody.
    fn check(&self) -> Result<(), Error> {
        self.flushes.as_ref().map_or(Ok(()), |it| it.check())
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.flushes.as_ref().is_some_and(|it| it.have_failed())
    }

    /// Says that a flush has failed, when one has.
    pub(crate) async fn failure(&self) {
        match &self.flushes {
            Some(flushes) => flushes.failure().await,
            None => std::future::pending().await,
        }
    }

    #[cfg(test)]
    pub(crate) fn commits(&self) -> u64 {
        self.flushes.as_ref().map_or(0, |it| it.commits())
    }

    /// Waits until nothing that was committed before can be lost any more.
    pub(crate) async fn settle(&self) -> Result<(), Error> {
        let Some(flushes) = &self.flushes else {
            return Ok(());
        };
        let commits = flushes.commits();
        flushes.wait(commits, Haste::Answer, Hooks::default()).await
    }

    /// The same, but lets another caller's flush come first.
    pub(crate) async fn settle_soon(&self) -> Result<(), Error> {
        let Some(flushes) = &self.flushes else {
            return Ok(());
        };
        let commits = flushes.commits();
        let patient = flushes.wait(commits, Haste::Patient, Hooks::default());
        match timeout(PATIENCE, patient).await {
            Ok(outcome) => outcome,
            Err(_) => flushes.wait(commits, Haste::Answer, Hooks::default()).await,
        }
    }

    /// Runs `work`, and gives its outcome once all that it has read is durable.
    pub(crate) async fn settled<F: Future>(&self, work: F) -> Result<F::Output, Error> {
        match &self.flushes {
            Some(flushes) => ahead::settled(flushes, work).await,
            None => Ok(work.await),
        }
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
            idle: u32::try_from(readers.permits.available_permits()).unwrap_or(u32::MAX),
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

    /// A connection with a transaction that reads.
    async fn lend(readers: &Arc<Self>) -> Result<Lease, Error> {
        let permit = Arc::clone(&readers.permits).acquire_owned();
        let permit = timeout(ACQUIRE_TIMEOUT, permit).await;
        let permit = permit.map_err(|_| Error::unavailable("no turn to read in time"))?;
        let permit = permit.map_err(|_| Error::unavailable("the database is closed"))?;
        let idle = readers.idle().pop();
        let database = match idle {
            Some(database) => database,
            None => readers.open()?,
        };
        let mut lease = Lease::Reader {
            database: Some(database),
            readers: Arc::clone(readers),
            _permit: permit,
        };
        lease.database()?.run("BEGIN")?;
        Ok(lease)
    }

    fn open(&self) -> Result<Database, Error> {
        if self.permits.is_closed() {
            return Err(Error::unavailable("the database is closed"));
        }
        Database::open(&self.file, READER_CACHE, Some(&self.flushes))
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
        if let Ok(database) = self.database()
            && database.is_in_transaction()
        {
            // What cannot be undone now keeps the next transaction from beginning.
            let _ = database.run("ROLLBACK");
        }
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
    /// None of one that reads and has waited for a flush after its last statement.
    lease: Option<Lease>,
    /// Those that lend to one that reads.
    readers: Option<Arc<Readers>>,
    flushes: Option<Arc<Flushes>>,
}

impl SqliteTransaction {
    pub(crate) async fn execute(
        &mut self,
        text: &Text,
        values: &[Value<'_>],
    ) -> Result<u64, Error> {
        self.lease().await?.database()?.execute(text, values)
    }

    /// Rows that can be told to anybody: by now, or by the end of the request that they are read
    /// for. One that writes waits for the same in its commit.
    pub(crate) async fn fetch(
        &mut self,
        text: &Text,
        values: &[Value<'_>],
        rows_max: usize,
    ) -> Result<Vec<SqliteRow>, Error> {
        let rows = self.rows(text, values, rows_max).await?;
        if self.readers.is_some()
            && let Some(flushes) = self.flushes.clone()
        {
            let seen = flushes.visible();
            if !flushes.is_durable(seen) && !ahead::note(&flushes, seen) {
                // Others read meanwhile.
                self.lease = None;
                flushes.wait(seen, Haste::Answer, Hooks::default()).await?;
            }
        }
        Ok(rows)
    }

    /// Reads again where another process keeps the file to itself for a moment.
    async fn rows(
        &mut self,
        text: &Text,
        values: &[Value<'_>],
        rows_max: usize,
    ) -> Result<Vec<SqliteRow>, Error> {
        let deadline = Instant::now() + ACQUIRE_TIMEOUT;
        loop {
            let database = self.lease().await?.database()?;
            match database.fetch(text, values, rows_max) {
                Err(error) if is_busy(&error) && Instant::now() < deadline => {}
                outcome => return outcome,
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    async fn lease(&mut self) -> Result<&mut Lease, Error> {
        if self.lease.is_none()
            && let Some(readers) = &self.readers
        {
            self.lease = Some(Readers::lend(readers).await?);
        }
        let lease = self.lease.as_mut();
        lease.ok_or_else(|| Error::unavailable("the database is closed"))
    }

    /// Commits, lets the next writer begin, and gives the place in the log up to which it must be
    /// flushed before anybody may see what happened.
    pub(crate) fn commit(mut self, place: Place) -> Result<Pending, Error> {
        let flushes = self.flushes.take();
        let Some(mut lease) = self.lease.take() else {
            return Ok(Pending::default());
        };
        // One that reads may have the connection that writes.
        let is_writer = self.readers.is_none() && matches!(lease, Lease::Writer(_));
        let database = lease.database()?;
        let Some(flushes) = flushes.filter(|_| is_writer) else {
            database.run("COMMIT")?;
            return Ok(Pending::default());
        };
        flushes.check()?;
        let at = flushes.begin_commit(place);
        let outcome = database.run("COMMIT");
        flushes.end_commit(at);
        outcome?;
        let flushes = Some(flushes);
        Ok(Pending { flushes, at })
    }
}

/// A commit that others see and that a power cut could still take back.
#[derive(Default)]
pub(crate) struct Pending {
    flushes: Option<Arc<Flushes>>,
    at: u64,
}

impl Pending {
    /// Waits for a flush that began after the commit; `hooks` are run then, whether this future
    /// still waits or not.
    pub(crate) async fn wait(self, hooks: Hooks) -> Result<(), Error> {
        match self.flushes {
            Some(flushes) => flushes.wait(self.at, Haste::Commit, hooks).await,
            None => {
                drop(hooks.due());
                Ok(())
            }
        }
    }

    /// Leaves the flush to the next who asks for one; `hooks` are run after it.
    pub(crate) fn leave(self, hooks: Hooks) -> Result<(), Error> {
        match self.flushes {
            Some(flushes) => flushes.note(self.at, hooks),
            None => {
                drop(hooks.due());
                Ok(())
            }
        }
    }
}

/// Whether another process holds the lock that a statement needs.
fn is_busy(error: &Error) -> bool {
    let Error::Unavailable { source } = error else {
        return false;
    };
    let error = source.downcast_ref::<rusqlite::Error>();
    let code = error.and_then(rusqlite::Error::sqlite_error_code);
    code == Some(rusqlite::ErrorCode::DatabaseBusy)
}

#[cfg(test)]
mod tests;
