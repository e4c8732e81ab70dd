//! What can go wrong between Cardea and its database.

/// A failure of the database, named by what an operator can do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The URL names neither SQLite nor PostgreSQL, or cannot be read as a URL.
    #[error("the database url is neither sqlite: nor postgres:")]
    UrlInvalid,
    /// The SQLite file could not be created, or is open to other users of the machine.
    #[error("the database file cannot be created as a private file")]
    FileNotPrivate {
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// A migration failed, or the database has one that belongs to no newer version either.
    #[error("the database schema could not be brought up to date")]
    MigrationFailed {
        /// What the migrator said.
        #[source]
        source: Box<sqlx::migrate::MigrateError>,
    },
    /// A newer program has changed the database in a way that this one cannot work with.
    #[error(
        "the database needs Cardea {program} or later, which knows its schema {needed}; it is at \
         {found}, and this program, Cardea {own}, knows {known}: going back takes a backup",
        own = env!("CARGO_PKG_VERSION")
    )]
    SchemaTooNew {
        /// The newest migration that was run.
        found: i64,
        /// The one that a program must know.
        needed: i64,
        /// The newest that this program knows.
        known: i64,
        /// The version of the program that asked for it.
        program: String,
    },
    /// No connection, no room on the disk, or no answer in time.
    #[error("the database did not carry out the statement")]
    Unavailable {
        /// What the driver said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What was committed last may be lost; only a new start reads what is really there.
    #[error("the database's log could not be flushed to the disk")]
    FlushFailed,
    /// The database does not wait for the disk, or keeps no log: what it commits, and what has been
    /// told of it, could be lost in a power cut.
    #[error("the database does not make commits durable: {setting}")]
    CommitsNotDurable {
        /// What it does not take.
        setting: &'static str,
    },
    /// A row with the same key is there already; with random keys this is a fault, never chance.
    #[error("a record with this key exists already")]
    Conflict,
    /// The backup could not be read or written.
    #[error("the backup cannot be read or written")]
    BackupFailed {
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// The file is no backup, or not the one that was written.
    #[error("the file is no usable backup: {reason}")]
    BackupInvalid {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Program, database and backup must have one schema.
    #[error(
        "the schema of {of} is {found}, and that of this program, Cardea {own}, is {expected}",
        own = env!("CARGO_PKG_VERSION")
    )]
    BackupOfOtherVersion {
        /// `the database`, or the backup with the program that made it.
        of: String,
        /// Of the backup, or of the database.
        found: i64,
        /// This program's.
        expected: i64,
    },
    /// A stored value does not have the shape that this version writes.
    #[error("the stored value of {column} cannot be read")]
    Corrupt {
        /// The column, such as `session.state`.
        column: String,
    },
}

impl Error {
    /// Every code of this crate, as listed in `docs/errors.md`.
    pub const ALL_CODES: &[&str] = &[
        "storage.url_invalid",
        "storage.file_not_private",
        "storage.migration_failed",
        "storage.schema_too_new",
        "storage.unavailable",
        "storage.flush_failed",
        "storage.commits_not_durable",
        "storage.conflict",
        "storage.corrupt",
        "storage.backup_failed",
        "storage.backup_invalid",
        "storage.backup_of_other_version",
    ];

    /// The stable machine code of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::UrlInvalid => "storage.url_invalid",
            Self::FileNotPrivate { .. } => "storage.file_not_private",
            Self::MigrationFailed { .. } => "storage.migration_failed",
            Self::SchemaTooNew { .. } => "storage.schema_too_new",
            Self::Unavailable { .. } => "storage.unavailable",
            Self::FlushFailed => "storage.flush_failed",
            Self::CommitsNotDurable { .. } => "storage.commits_not_durable",
            Self::Conflict => "storage.conflict",
            Self::Corrupt { .. } => "storage.corrupt",
            Self::BackupFailed { .. } => "storage.backup_failed",
            Self::BackupInvalid { .. } => "storage.backup_invalid",
            Self::BackupOfOtherVersion { .. } => "storage.backup_of_other_version",
        }
    }
}

impl Error {
    pub(crate) fn unavailable(reason: &'static str) -> Self {
        Self::Unavailable {
            source: reason.into(),
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(source: rusqlite::Error) -> Self {
        const UNIQUE: i32 = rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE;
        const PRIMARY_KEY: i32 = rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY;
        match source.sqlite_error().map(|error| error.extended_code) {
            Some(UNIQUE | PRIMARY_KEY) => Self::Conflict,
            _ => Self::Unavailable {
                source: Box::new(source),
            },
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(source: sqlx::Error) -> Self {
        match &source {
            sqlx::Error::Database(database) if database.is_unique_violation() => Self::Conflict,
            sqlx::Error::ColumnDecode { index, .. } => Self::Corrupt {
                column: index.clone(),
            },
            _ => Self::Unavailable {
                source: Box::new(source),
            },
        }
    }
}

impl From<sqlx::migrate::MigrateError> for Error {
    fn from(source: sqlx::migrate::MigrateError) -> Self {
        Self::MigrationFailed {
            source: Box::new(source),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Error;

    #[test]
    fn every_code_has_a_row_in_the_error_list() {
        let list = include_str!("../../../docs/errors.md");
        for code in Error::ALL_CODES {
            assert!(
                list.contains(&format!("| `{code}` |")),
                "{code} is not in docs/errors.md"
            );
        }
    }
}
