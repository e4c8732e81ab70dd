//! Opening the database, and the transactions that every statement runs in.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use sqlx::{Any, AnyPool};

use crate::flush::Place;
use crate::health::{PoolUse, note_commit};
use crate::hooks::Hooks;
use crate::spending::Spends;
use crate::sql::{self, Connection};
use crate::sqlite::Sqlite;
use crate::{Error, durability, migrate, opening};

/// How long a caller waits for a free connection before the database counts as unavailable.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
const POSTGRES_CONNECTIONS_MAX: u32 = 16;

static DRIVERS: Once = Once::new();

/// An open database with the current schema; cheap to clone.
///
/// SQLite has one writing connection, so writers queue here instead of meeting `SQLITE_BUSY`, and a
/// few readers that never wait for it (write-ahead log). On PostgreSQL both share one pool.
#[derive(Clone)]
pub struct Store {
    engine: Engine,
}

#[derive(Clone)]
enum Engine {
    Sqlite(Arc<Sqlite>, Arc<Spends>),
    Postgres(AnyPool),
}

impl Store {
    /// Opens `sqlite:///absolute/path` (created on first start, readable by its owner alone) or
    /// `postgres://…`, and runs the migrations that are missing.
    ///
    /// # Errors
    /// [`Error::UrlInvalid`], [`Error::FileNotPrivate`], [`Error::Unavailable`],
    /// [`Error::CommitsNotDurable`], [`Error::MigrationFailed`], or [`Error::SchemaTooNew`] where a
    /// newer program was at work.
    pub async fn open(url: &str) -> Result<Self, Error> {
        DRIVERS.call_once(sqlx::any::install_default_drivers);
        if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            durability::check_postgres(url).await?;
            let pool = durability::durable_pool(POSTGRES_CONNECTIONS_MAX)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .connect(url)
                .await?;
            migrate::migrate(&pool).await?;
            let engine = Engine::Postgres(pool);
            return Ok(Self { engine });
        }
        let file = sqlite_file(url)?;
        // A file that is new is made and filled by one program at a time.
        let _turn = opening::turn(&file).await?;
        create_private_file(&file)?;
        let path = file.to_str().ok_or(Error::UrlInvalid)?;
        let sqlite = Sqlite::open(&file)?;
        migrate_sqlite(&format!("sqlite://{path}?mode=rw")).await?;
        let engine = Engine::Sqlite(Arc::new(sqlite), Arc::default());
        Ok(Self { engine })
    }

    /// Opens a database that is there, and brings nothing up to date: for who only reads. What it
    /// finds may have the schema of another version.
    ///
    /// # Errors
    /// [`Error::UrlInvalid`], [`Error::FileNotPrivate`] where there is no such file, or
    /// [`Error::Unavailable`].
    pub async fn open_as_it_is(url: &str) -> Result<Self, Error> {
        DRIVERS.call_once(sqlx::any::install_default_drivers);
        if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            // A pool tries until its time is over, and then does not say what was wrong.
            durability::check_postgres(url).await?;
            let pool = durability::durable_pool(2)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .connect(url)
                .await?;
            let engine = Engine::Postgres(pool);
            return Ok(Self { engine });
        }
        let file = sqlite_file(url)?;
        std::fs::metadata(&file).map_err(|source| Error::FileNotPrivate { source })?;
        let engine = Engine::Sqlite(Arc::new(Sqlite::open(&file)?), Arc::default());
        Ok(Self { engine })
    }

    /// An empty SQLite database that vanishes with the last clone; for tests.
    ///
    /// It has a single connection: a transaction must end before the next one begins.
    ///
    /// # Errors
    /// [`Error::Unavailable`] or [`Error::MigrationFailed`].
    pub async fn open_in_memory() -> Result<Self, Error> {
        static OPENED: AtomicU64 = AtomicU64::new(0);
        DRIVERS.call_once(sqlx::any::install_default_drivers);
        let name = format!("file:cardea-{}", OPENED.fetch_add(1, Ordering::Relaxed));
        let sqlite = Sqlite::open_in_memory(&name)?;
        migrate_sqlite(&format!("sqlite:{name}?mode=memory&cache=shared")).await?;
        let engine = Engine::Sqlite(Arc::new(sqlite), Arc::default());
        Ok(Self { engine })
    }

    /// Begins a transaction that may write.
    ///
    /// SQLite takes the write lock at once: a transaction that reads first and writes later could
    /// otherwise fail half-way because another one wrote in between.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn begin(&self) -> Result<Transaction, Error> {
        Ok(Transaction::new(match &self.engine {
            Engine::Sqlite(sqlite, _) => Connection::Sqlite(sqlite.begin().await?),
            Engine::Postgres(pool) => Connection::Postgres(pool.begin().await?),
        }))
    }

    /// Begins a transaction that only reads, and never waits for a writer.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn begin_read(&self) -> Result<Transaction, Error> {
        Ok(Transaction::new(match &self.engine {
            Engine::Sqlite(sqlite, _) => Connection::Sqlite(sqlite.begin_read().await?),
            Engine::Postgres(pool) => Connection::Postgres(pool.begin().await?),
        }))
    }

    /// Begins a transaction that only reads, for a few statements with nothing between them that
    /// waits, and no other transaction beside it: on SQLite it may keep others from writing.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn begin_brief_read(&self) -> Result<Transaction, Error> {
        match &self.engine {
            Engine::Sqlite(sqlite, _) => {
                let transaction = sqlite.begin_brief_read().await?;
                Ok(Transaction::new(Connection::Sqlite(transaction)))
            }
            Engine::Postgres(_) => self.begin_read().await,
        }
    }

    /// Begins a transaction that reads one moment, and only what is durable by then. It may keep
    /// others from reading for as long as it takes.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub(crate) async fn begin_snapshot(&self) -> Result<Transaction, Error> {
        let sqlite = match &self.engine {
            Engine::Sqlite(sqlite, _) => sqlite.begin_snapshot().await?,
            Engine::Postgres(_) => {
                let mut transaction = self.begin_read().await?;
                // Else each statement would see a moment of its own.
                sql::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                    .execute(transaction.connection())
                    .await?;
                return Ok(transaction);
            }
        };
        Ok(Transaction::new(Connection::Sqlite(sqlite)))
    }

    /// Runs `work` and gives its outcome once all that it has read is durable: for who answers a
    /// request, and tells nobody before. What `work` has read elsewhere waits after each statement.
    ///
    /// # Errors
    /// [`Error::FlushFailed`], [`Error::Unavailable`].
    pub async fn settled<F: Future>(&self, work: F) -> Result<F::Output, Error> {
        match &self.engine {
            Engine::Sqlite(sqlite, _) => sqlite.settled(work).await,
            Engine::Postgres(_) => Ok(work.await),
        }
    }

    /// Waits for the failure after which nothing is read or written any more and only a new start
    /// helps: the log of SQLite could not be flushed.
    pub async fn failure(&self) -> Error {
        match &self.engine {
            Engine::Sqlite(sqlite, _) => sqlite.failure().await,
            Engine::Postgres(_) => std::future::pending().await,
        }
        Error::FlushFailed
    }

    /// Whether that has happened.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        match &self.engine {
            Engine::Sqlite(sqlite, _) => sqlite.has_failed(),
            Engine::Postgres(_) => false,
        }
    }

    /// Waits until everything that was committed before is durable: for who tells of something that
    /// a transaction has seen and did not commit, or that was committed with the next.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn settle(&self) -> Result<(), Error> {
        match &self.engine {
            Engine::Sqlite(sqlite, _) => sqlite.settle().await,
            Engine::Postgres(_) => Ok(()),
        }
    }

    /// As [`Store::settle`], for who has a few milliseconds: a flush that somebody else needs
    /// serves this caller as well.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn settle_soon(&self) -> Result<(), Error> {
        match &self.engine {
            Engine::Sqlite(sqlite, _) => sqlite.settle_soon().await,
            Engine::Postgres(_) => Ok(()),
        }
    }

    /// Those who are about to spend something, where they share a transaction: PostgreSQL has
    /// several at once.
    pub(crate) fn spends(&self) -> Option<&Spends> {
        match &self.engine {
            Engine::Sqlite(_, spends) => Some(spends.as_ref()),
            Engine::Postgres(_) => None,
        }
    }

    /// How many transactions that write have been committed.
    #[cfg(test)]
    pub(crate) fn commits(&self) -> u64 {
        match &self.engine {
            Engine::Sqlite(sqlite, _) => sqlite.commits(),
            Engine::Postgres(_) => 0,
        }
    }

    /// Asks the database for an answer, for the health check.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn ping(&self) -> Result<(), Error> {
        let mut transaction = self.begin_read().await?;
        let connection = transaction.connection();
        sql::query("SELECT 1 AS one").fetch_one(connection).await?;
        Ok(())
    }

    /// How the connections are used.
    #[must_use]
    pub fn pools(&self) -> Vec<PoolUse> {
        match &self.engine {
            Engine::Sqlite(sqlite, _) => sqlite.pools(),
            Engine::Postgres(pool) => vec![PoolUse {
                name: "shared",
                open: pool.size(),
                idle: u32::try_from(pool.num_idle()).unwrap_or(u32::MAX),
            }],
        }
    }

    /// What kind of database this is: `sqlite` or `postgresql`.
    #[must_use]
    pub fn engine_name(&self) -> &'static str {
        match self.engine {
            Engine::Sqlite(..) => "sqlite",
            Engine::Postgres(_) => "postgresql",
        }
    }

    /// The settings of the database by which a power cut may take what it said to have committed,
    /// and that no connection can change: PostgreSQL's `fsync` and `full_page_writes`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn durability_faults(&self) -> Result<Vec<&'static str>, Error> {
        if matches!(self.engine, Engine::Sqlite(..)) {
            return Ok(Vec::new());
        }
        let mut transaction = self.begin_read().await?;
        durability::faults_of_postgres(transaction.connection()).await
    }

    /// The database's own clock, in milliseconds; none where it runs in this process. The one
    /// statement that only PostgreSQL knows: SQLite has no clock but the machine's.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn clock_millis(&self) -> Result<Option<i64>, Error> {
        if matches!(self.engine, Engine::Sqlite(..)) {
            return Ok(None);
        }
        let mut transaction = self.begin_read().await?;
        let statement =
            "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) AS millis";
        let connection = transaction.connection();
        let row = sql::query(statement).fetch_one(connection).await?;
        Ok(Some(row.try_get("millis")?))
    }

    /// The highest migration that this program carries.
    #[must_use]
    pub fn schema_version() -> i64 {
        migrate::newest_version()
    }

    /// Closes all connections after the running statements; SQLite then folds its log into the
    /// database file.
    pub async fn close(&self) {
        match &self.engine {
            Engine::Sqlite(sqlite, _) => sqlite.close().await,
            Engine::Postgres(pool) => pool.close().await,
        }
    }
}

/// A running transaction: [`commit`](Self::commit) keeps its statements, dropping it undoes them.
pub struct Transaction {
    connection: Connection,
    after_commit: Hooks,
}

impl Transaction {
    fn new(connection: Connection) -> Self {
        Self {
            connection,
            after_commit: Hooks::default(),
        }
    }

    /// Has `work` done once the statements are durable, and never otherwise: what tells others of
    /// a decision must not run ahead of it. It is done whatever becomes of who commits, in their
    /// task or in another, and must not wait.
    pub fn after_commit(&mut self, work: impl FnOnce() + Send + 'static) {
        self.after_commit.push(work);
    }

    /// Makes the statements durable.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::FlushFailed`]: whether the statements took effect is then
    /// unknown.
    pub async fn commit(self) -> Result<(), Error> {
        let begun = Instant::now();
        match self.connection {
            Connection::Sqlite(sqlite) => {
                let pending = sqlite.commit(Place::BeforeItIsSeen)?;
                pending.wait(self.after_commit).await?;
            }
            Connection::Postgres(postgres) => {
                commit_to_the_end(postgres, self.after_commit).await?;
            }
        }
        note_commit(begun.elapsed());
        Ok(())
    }

    /// Makes the statements visible, and durable with the next commit that asks for it: a power cut
    /// may take them back until then, with all that came after them. On PostgreSQL they are durable
    /// at once. What [`after_commit`](Self::after_commit) was given is done when they are, a moment
    /// later at most.
    ///
    /// Only for what may be lost without harm to anybody, or what nobody is told before a later
    /// [`commit`](Self::commit); the caller says why.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::FlushFailed`]: whether the statements took effect is then
    /// unknown.
    pub async fn commit_with_the_next(self) -> Result<(), Error> {
        match self.connection {
            Connection::Sqlite(sqlite) => {
                let pending = sqlite.commit(Place::WithTheNext)?;
                pending.leave(self.after_commit)
            }
            Connection::Postgres(postgres) => commit_to_the_end(postgres, self.after_commit).await,
        }
    }

    pub(crate) fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Store").finish_non_exhaustive()
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Transaction")
            .finish_non_exhaustive()
    }
}

/// Commits in a task of its own where something is to follow: a caller that is dropped while it
/// waits would otherwise take that with it.
async fn commit_to_the_end(
    postgres: sqlx::Transaction<'static, Any>,
    hooks: Hooks,
) -> Result<(), Error> {
    if hooks.is_empty() {
        return Ok(postgres.commit().await?);
    }
    let task = tokio::spawn(async move { postgres.commit().await.map(|()| hooks.due()) });
    let due = task.await;
    drop(due.map_err(|_| Error::unavailable("the commit ended in a panic"))??);
    Ok(())
}

/// The migrations run on a connection of their own, beside those that stay open.
async fn migrate_sqlite(url: &str) -> Result<(), Error> {
    let pool = durability::flushing_sqlite_pool()
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect(url)
        .await?;
    let outcome = migrate::migrate(&pool).await;
    pool.close().await;
    outcome
}

/// The path of `sqlite:///path`, `sqlite://path` or `sqlite:path`; parameters are refused, because
/// every setting that matters is fixed here.
pub(crate) fn sqlite_file(url: &str) -> Result<PathBuf, Error> {
    let rest = url.strip_prefix("sqlite:").ok_or(Error::UrlInvalid)?;
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.is_empty() || path == ":memory:" || path.contains(['?', '#', '%']) {
        return Err(Error::UrlInvalid);
    }
    Ok(PathBuf::from(path))
}

/// Creates the file with mode 0600 before SQLite can create it with the process's umask; the `-wal`
/// and `-shm` files take over the mode of the database file.
fn create_private_file(path: &Path) -> Result<(), Error> {
    let refused = |source| Error::FileNotPrivate { source };
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
        let file = options.mode(0o600).open(path).map_err(refused)?;
        let mode = file.metadata().map_err(refused)?.mode();
        if mode & 0o077 != 0 {
            return Err(refused(std::io::Error::new(
                std::io::ErrorKind::PermissionDenied,
                format!("mode {:o} lets other users in; use 600", mode & 0o777),
            )));
        }
    }
    #[cfg(not(unix))]
    options.open(path).map_err(refused)?;
    Ok(())
}
