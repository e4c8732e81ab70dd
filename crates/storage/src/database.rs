//! Opening the database, and the transactions that every statement runs in.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::{Duration, Instant};

use sqlx::any::{Any, AnyPoolOptions};
use sqlx::{AnyConnection, AnyPool, Executor as _, Row as _};

use crate::health::{PoolUse, note_commit};
use crate::{Error, migrate};

/// How long a caller waits for a free connection before the database counts as unavailable.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
const READERS_MAX: u32 = 4;
const POSTGRES_CONNECTIONS_MAX: u32 = 16;

static DRIVERS: Once = Once::new();

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Engine {
    Sqlite,
    Postgres,
}

/// An open database with the current schema; cheap to clone.
///
/// SQLite has one writing connection, so writers queue here instead of meeting `SQLITE_BUSY`, and a
/// few readers that never wait for it (write-ahead log). On PostgreSQL both share one pool.
#[derive(Clone, Debug)]
pub struct Store {
    engine: Engine,
    writer: AnyPool,
    reader: AnyPool,
}

impl Store {
    /// Opens `sqlite:///absolute/path` (created on first start, readable by its owner alone) or
    /// `postgres://…`, and runs the migrations that are missing.
    ///
    /// # Errors
    /// [`Error::UrlInvalid`], [`Error::FileNotPrivate`], [`Error::Unavailable`] or
    /// [`Error::MigrationFailed`].
    pub async fn open(url: &str) -> Result<Self, Error> {
        DRIVERS.call_once(sqlx::any::install_default_drivers);
        let store = if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            let pool = AnyPoolOptions::new()
                .max_connections(POSTGRES_CONNECTIONS_MAX)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .connect(url)
                .await?;
            Self {
                engine: Engine::Postgres,
                writer: pool.clone(),
                reader: pool,
            }
        } else {
            let file = sqlite_file(url)?;
            create_private_file(&file)?;
            let url = format!(
                "sqlite://{}?mode=rw",
                file.to_str().ok_or(Error::UrlInvalid)?
            );
            let writer = sqlite_pool(1).connect(&url).await?;
            let reader = sqlite_pool(READERS_MAX).connect(&url).await?;
            Self {
                engine: Engine::Sqlite,
                writer,
                reader,
            }
        };
        migrate::migrate(&store.writer).await?;
        Ok(store)
    }

    /// An empty SQLite database that vanishes with the last clone; for tests.
    ///
    /// It has a single connection: a transaction must end before the next one begins.
    ///
    /// # Errors
    /// [`Error::Unavailable`] or [`Error::MigrationFailed`].
    pub async fn open_in_memory() -> Result<Self, Error> {
        DRIVERS.call_once(sqlx::any::install_default_drivers);
        let pool = sqlite_pool(1).connect("sqlite::memory:").await?;
        migrate::migrate(&pool).await?;
        Ok(Self {
            engine: Engine::Sqlite,
            writer: pool.clone(),
            reader: pool,
        })
    }

    /// Begins a transaction that may write.
    ///
    /// SQLite takes the write lock at once: a transaction that reads first and writes later could
    /// otherwise fail half-way because another one wrote in between.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn begin(&self) -> Result<Transaction, Error> {
        let statement = match self.engine {
            Engine::Sqlite => "BEGIN IMMEDIATE",
            Engine::Postgres => "BEGIN",
        };
        Ok(Transaction::new(self.writer.begin_with(statement).await?))
    }

    /// Begins a transaction that only reads, and never waits for a writer.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn begin_read(&self) -> Result<Transaction, Error> {
        Ok(Transaction::new(self.reader.begin().await?))
    }

    /// Asks the database for an answer, for the health check.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn ping(&self) -> Result<(), Error> {
        let mut connection = self.reader.acquire().await?;
        sqlx::query("SELECT 1").execute(&mut *connection).await?;
        Ok(())
    }

    /// How the connections are used.
    #[must_use]
    pub fn pools(&self) -> Vec<PoolUse> {
        let use_of = |name, pool: &AnyPool| PoolUse {
            name,
            open: pool.size(),
            idle: u32::try_from(pool.num_idle()).unwrap_or(u32::MAX),
        };
        match self.engine {
            Engine::Sqlite => vec![
                use_of("writer", &self.writer),
                use_of("reader", &self.reader),
            ],
            Engine::Postgres => vec![use_of("shared", &self.writer)],
        }
    }

    /// What kind of database this is: `sqlite` or `postgresql`.
    #[must_use]
    pub fn engine_name(&self) -> &'static str {
        match self.engine {
            Engine::Sqlite => "sqlite",
            Engine::Postgres => "postgresql",
        }
    }

    /// The database's own clock, in milliseconds; none where it runs in this process. The one
    /// statement that only PostgreSQL knows: SQLite has no clock but the machine's.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn clock_millis(&self) -> Result<Option<i64>, Error> {
        if self.engine == Engine::Sqlite {
            return Ok(None);
        }
        let mut connection = self.reader.acquire().await?;
        let statement =
            "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) AS millis";
        let row = sqlx::query(statement).fetch_one(&mut *connection).await?;
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
        self.reader.close().await;
        self.writer.close().await;
    }
}

/// A running transaction: [`commit`](Self::commit) keeps its statements, dropping it undoes them.
pub struct Transaction {
    inner: sqlx::Transaction<'static, Any>,
    after_commit: Vec<Box<dyn FnOnce() + Send>>,
}

impl Transaction {
    fn new(inner: sqlx::Transaction<'static, Any>) -> Self {
        Self {
            inner,
            after_commit: Vec::new(),
        }
    }

    /// Has `work` done once the statements are durable, and never otherwise: what tells others of
    /// a decision must not run ahead of it.
    pub fn after_commit(&mut self, work: impl FnOnce() + Send + 'static) {
        self.after_commit.push(Box::new(work));
    }

    /// Makes the statements durable.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: whether the statements took effect is then unknown.
    pub async fn commit(self) -> Result<(), Error> {
        let begun = Instant::now();
        self.inner.commit().await?;
        note_commit(begun.elapsed());
        for work in self.after_commit {
            work();
        }
        Ok(())
    }

    pub(crate) fn connection(&mut self) -> &mut AnyConnection {
        &mut self.inner
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Transaction")
            .finish_non_exhaustive()
    }
}

/// Pragmas are set a connection: SQLite forgets all but `journal_mode` when a connection closes.
/// `secure_delete` overwrites what is forgotten, such as the person's name when a session ends;
/// the write-ahead log keeps older pages until the next checkpoint. The cache (KiB, as minus) holds
/// the sessions of a large site, each of which is noted as present every few seconds.
fn sqlite_pool(connections_max: u32) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .min_connections(1)
        .max_connections(connections_max)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        // A file does not hang up. What a transaction left behind is rolled back and tested when
        // its connection is given back, not when it is taken.
        .test_before_acquire(false)
        .after_connect(|connection, _| {
            Box::pin(async move {
                connection
                    .execute(
                        "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; \
                         PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
                         PRAGMA trusted_schema = OFF; PRAGMA secure_delete = ON; \
                         PRAGMA cache_size = -16000;",
                    )
                    .await?;
                Ok(())
            })
        })
}

/// The path of `sqlite:///path`, `sqlite://path` or `sqlite:path`; parameters are refused, because
/// every setting that matters is fixed here.
fn sqlite_file(url: &str) -> Result<PathBuf, Error> {
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
