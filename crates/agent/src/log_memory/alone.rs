//! Being the only program of this user that reads and writes what is kept of a log: two that are
//! shown two branches at once would each go on from what was kept before, and one be forgotten.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, OFlags, flock};

/// Longer than anybody takes who is not stuck.
const PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(20);

/// Waits until no other program has the file, which is this one's until what is returned is
/// dropped. None where that cannot be had, as on a disk that knows no locks: nobody is kept from
/// signing in by it.
pub(super) fn with(file: &Path) -> Option<File> {
    let lock = file.with_extension("lock");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    options.custom_flags(i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default());
    let opened = options.open(lock).ok()?;
    let until = Instant::now() + PATIENCE;
    loop {
        match flock(&opened, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Some(opened),
            Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < until => {
                std::thread::sleep(PAUSE);
            }
            Err(error) => {
                tracing::warn!(%error, "the memory of a log is not this program's alone");
                return None;
            }
        }
    }
}
