//! A pause for programs whose prompts the person keeps cancelling, as for a page's origin. Each
//! sign-in of a program is a process of its own, so the count is kept in the state folder.
//!
//! Any program of this user can name any client, so they share one count.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::protected_file::{self, Protection};

/// The file's name in the state folder.
const FILE_NAME: &str = "cancelled-by-person.json";
/// Prompts cancelled one after the other before programs have to pause.
const CANCELLED_IN_A_ROW_MAX: u32 = 3;
/// How long they have to pause.
const PAUSE: Duration = Duration::from_secs(300);

/// How often the person has said no, and when last.
#[derive(Debug)]
pub(crate) struct Cancellations {
    file: PathBuf,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Count {
    in_a_row: u32,
    /// Seconds since the machine started: workstation clocks are wrong.
    last_at: u64,
}

impl Cancellations {
    pub(crate) fn new(state_dir: &Path) -> Self {
        Self {
            file: state_dir.join(FILE_NAME),
        }
    }

    /// Whether a program may ask now.
    ///
    /// # Errors
    /// [`Error::RateLimited`].
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.check_at(seconds_since_start())
    }

    fn check_at(&self, now: u64) -> Result<(), Error> {
        let count = self.read();
        // A later moment is one of before the machine started anew.
        let since = now.checked_sub(count.last_at);
        match since {
            Some(since) if count.in_a_row >= CANCELLED_IN_A_ROW_MAX && since < PAUSE.as_secs() => {
                Err(Error::RateLimited {
                    retry_after_seconds: PAUSE.as_secs() - since,
                })
            }
            _ => Ok(()),
        }
    }

    /// For how long programs may not ask still.
    pub(crate) fn seconds_left(&self) -> Option<u64> {
        self.check().err()?.retry_after_seconds()
    }

    /// Ends the pause.
    ///
    /// # Errors
    /// [`Error::StateUnusable`].
    pub(crate) fn forget(&self) -> Result<(), Error> {
        let none = serde_json::to_vec(&Count::default()).unwrap_or_default();
        protected_file::replace(&self.file, &none)
    }

    /// Remembers what the person answered. Failing to is no reason to fail a sign-in.
    pub(crate) fn note(&self, cancelled: bool) {
        self.note_at(cancelled, seconds_since_start());
    }

    fn note_at(&self, cancelled: bool, now: u64) {
        let before = self.read().in_a_row;
        let count = match (cancelled, before) {
            (false, 0) => return,
            (false, _) => Count::default(),
            // After a pause one more "no" is enough for the next.
            (true, before) => Count {
                in_a_row: before.saturating_add(1),
                last_at: now,
            },
        };
        let written = serde_json::to_vec(&count).unwrap_or_default();
        if let Err(error) = protected_file::replace(&self.file, &written) {
            tracing::warn!(code = error.code(), %error, "a cancelled prompt is not remembered");
        }
    }

    fn read(&self) -> Count {
        let content = protected_file::read(&self.file, Protection::ReadByOwner);
        let count = content
            .ok()
            .and_then(|content| serde_json::from_slice(&content).ok());
        count.unwrap_or_default()
    }
}

fn seconds_since_start() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    u64::try_from(now.tv_sec).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_cancelled_prompts_in_a_row_silence_programs_for_five_minutes() {
        let folder = tempfile::tempdir().unwrap();
        let cancellations = Cancellations::new(folder.path());
        let pause_at = |now| match cancellations.check_at(now) {
            Ok(()) => 0,
            Err(Error::RateLimited {
                retry_after_seconds,
            }) => retry_after_seconds,
            Err(error) => panic!("{error}"),
        };
        cancellations.note_at(true, 100);
        cancellations.note_at(true, 101);
        assert_eq!(pause_at(101), 0);
        cancellations.note_at(false, 102);
        for now in [103, 104, 105] {
            assert_eq!(pause_at(now), 0);
            cancellations.note_at(true, now);
        }
        // Another process reads the same count.
        let other = Cancellations::new(folder.path());
        assert_eq!(
            other.check_at(106).unwrap_err().code(),
            "agent.rate_limited"
        );
        assert_eq!(pause_at(105), 300);
        assert_eq!(pause_at(404), 1);
        assert_eq!(pause_at(405), 0);
        // After a restart of the machine the moment lies ahead.
        assert_eq!(pause_at(10), 0);
    }

    #[test]
    fn a_damaged_count_is_no_count() {
        let folder = tempfile::tempdir().unwrap();
        let cancellations = Cancellations::new(folder.path());
        protected_file::replace(&folder.path().join(FILE_NAME), b"nonsense").unwrap();
        cancellations.check_at(1).unwrap();
        cancellations.note_at(true, 1);
        assert_eq!(cancellations.read().in_a_row, 1);
    }
}
