//! One program at a time makes a SQLite file and brings its schema up to date.
//!
//! Two that start first on one file would otherwise meet in the change to a write-ahead log or in a
//! migration, where SQLite lets one of them fail.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::Error;

/// How long another program may take for its migrations.
const TURN_TIMEOUT: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The right to open a file, until it is dropped.
pub(crate) struct Turn {
    _folder: Option<File>,
}

/// Waits for a turn to open `file`. Its folder is locked: the file itself has locks of SQLite's,
/// which a process loses when it closes the file in any place.
pub(crate) async fn turn(file: &Path) -> Result<Turn, Error> {
    let folder = file.parent().filter(|it| !it.as_os_str().is_empty());
    // A folder that is not there is reported by who makes the file.
    let Ok(folder) = File::open(folder.unwrap_or(Path::new("."))) else {
        return Ok(Turn { _folder: None });
    };
    let deadline = Instant::now() + TURN_TIMEOUT;
    loop {
        match folder.try_lock() {
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::unavailable(
                    "another program is opening the database",
                ));
            }
            // Some file systems have no such locks, and lack nothing else.
            Ok(()) | Err(TryLockError::Error(_)) => break,
        }
        sleep(LOOK_AGAIN).await;
    }
    Ok(Turn {
        _folder: Some(folder),
    })
}
