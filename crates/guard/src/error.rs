//! Why the guard does not do what it was asked.

use std::path::PathBuf;

use crate::{AccessError, AdapterError};

/// Every way in which this crate refuses.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file can't be read.
    #[error("can't read {}", file.display())]
    FileUnreadable {
        /// Which file.
        file: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The configuration says something that the guard can't follow.
    #[error("{}:{line}: {key}: {reason}", file.display())]
    ConfigInvalid {
        /// Which file.
        file: PathBuf,
        /// The line, counted from one; zero for the whole file.
        line: usize,
        /// The key, with the names of its tables.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A replay's input can't be read, or its output not be written.
    #[error("the replay is broken off")]
    ReplayBroken {
        /// What the system says.
        source: std::io::Error,
    },
    /// A line of a replay is not an act.
    #[error("line {line}: {reason}")]
    ReplayLineInvalid {
        /// The line, counted from one.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// An answer can't be recorded, and is not given.
    #[error("an answer can't be recorded: {reason}")]
    SpoolFailed {
        /// What is wrong with the disk or the queue.
        reason: String,
    },
    /// Reports can't be brought to the issuer; they wait on the disk.
    #[error("the issuer does not take reports: {reason}")]
    ReportsNotDelivered {
        /// The status of its answer, where there was one.
        status: Option<u16>,
        /// What is wrong.
        reason: String,
    },
    /// The issuer refuses a report, which is put aside.
    #[error("the issuer refuses report {event_id}: {reason}")]
    ReportRefused {
        /// The report's id.
        event_id: String,
        /// The issuer's code.
        reason: String,
    },
    /// What has to survive a restart can't be read or written.
    #[error("the snapshot {} can't be read or written", file.display())]
    SnapshotFailed {
        /// Which file.
        file: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The token check, or a program that asks for it, can't begin.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// Nothing can be said about a look-up.
    #[error(transparent)]
    Adapter(#[from] AdapterError),
}

impl Error {
    /// Every code that [`Error::code`] returns, beside those of [`AccessError::ALL_CODES`]
    /// and [`AdapterError::ALL_CODES`].
    pub const ALL_CODES: &'static [&'static str] = &[
        "guard.file_unreadable",
        "guard.config_invalid",
        "guard.replay_broken",
        "guard.replay_line_invalid",
        "guard.spool_failed",
        "guard.reports_not_delivered",
        "guard.report_refused",
        "guard.snapshot_failed",
    ];

    /// The stable machine code, listed in `docs/errors.md`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::FileUnreadable { .. } => "guard.file_unreadable",
            Self::ConfigInvalid { .. } => "guard.config_invalid",
            Self::ReplayBroken { .. } => "guard.replay_broken",
            Self::ReplayLineInvalid { .. } => "guard.replay_line_invalid",
            Self::SpoolFailed { .. } => "guard.spool_failed",
            Self::ReportsNotDelivered { .. } => "guard.reports_not_delivered",
            Self::ReportRefused { .. } => "guard.report_refused",
            Self::SnapshotFailed { .. } => "guard.snapshot_failed",
            Self::Access(error) => error.code(),
            Self::Adapter(error) => error.code(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Error;
    use crate::Config;

    #[test]
    fn every_code_is_explained() {
        let listed = include_str!("../../../docs/errors.md");
        for code in Error::ALL_CODES {
            assert!(listed.contains(&format!("| `{code}` |")), "{code}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = Config::load(Path::new("/no/such/guard.toml")).unwrap_err();
        assert_eq!(error.code(), "guard.file_unreadable");
        assert!(error.to_string().contains("/no/such/guard.toml"));
    }

    #[test]
    fn an_output_that_takes_nothing_ends_the_replay() {
        struct Full;
        impl std::io::Write for Full {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let error = crate::replay::run(&Config::default(), &b"{}\n"[..], Full).unwrap_err();
        assert_eq!(error.code(), "guard.replay_broken");
    }
}
