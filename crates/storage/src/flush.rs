//! Flushes that several commits share.
//!
//! With `synchronous = FULL`, SQLite flushes its write-ahead log inside each commit, while the next
//! writer waits. Here it appends to the log without a flush (`synchronous = NORMAL`), the next
//! writer begins at once, and whoever committed waits for a flush of the log that *began after* its
//! commit returned. One flush serves all who wait. What that gives is what `FULL` gives:
//!
//! - The log is read back in order, and each frame's checksum covers all before it: a power cut
//!   leaves a beginning of what was committed, never a later commit without an earlier one. So a
//!   flush that began after a commit makes it durable together with everything before it.
//! - A checkpoint flushes the log before it copies, and the file before the log may begin again. A
//!   commit is then in the file, whatever this module still has to flush; the header of a log that
//!   begins again is flushed by SQLite before a frame follows it.
//! - The log keeps its inode as long as a connection is open, which this module's owner has. If it
//!   was taken away all the same, the flush fails rather than to flush something else.
//! - After a flush that failed, nobody knows what the system still has in memory: from then on
//!   every commit fails, until the server starts again and reads what is really there.
//!
//! What differs is that others in this process can read a commit before it is durable. So reads
//! wait too: [`Flushes::visible`] is the last commit that somebody could have seen, and what was
//! read is given to nobody before that is flushed. Commits whose loss harms nobody do not count
//! ([`Place::WithTheNext`]); the next flush takes them along.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::Error;

/// The time between the beginnings of two flushes while several wait: more commits share one.
const PACE: Duration = Duration::from_millis(3);
/// How long the first to wait waits for a second.
const COMPANY: Duration = Duration::from_millis(8);
/// When nobody came, so many flushes do not wait for company.
const ALONE: u32 = 32;

/// When a commit must be durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Before anybody may see it.
    BeforeItIsSeen,
    /// With the next flush, whoever asks for it.
    WithTheNext,
}

/// The thread that flushes one write-ahead log, and who waits for it.
pub(crate) struct Flushes {
    shared: Arc<Shared>,
}

struct Shared {
    waiting: Mutex<Waiting>,
    wake: Condvar,
    /// Commits begun that must be durable before they are seen.
    visible: AtomicU64,
    /// Commits begun and over; the writer's lock keeps them in order.
    begun: AtomicU64,
    over: AtomicU64,
    durable: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    callers: Vec<(u64, oneshot::Sender<()>)>,
    is_failed: bool,
    is_stopped: bool,
}

impl Flushes {
    /// Begins to flush `log` whenever somebody waits.
    pub(crate) fn start(log: &Path) -> Result<Self, Error> {
        let file = File::options().write(true).open(log);
        let file = file.map_err(|_| Error::unavailable("the write-ahead log cannot be opened"))?;
        // The names of log and database are durable from here on.
        let folder = log.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))
            .and_then(|folder| folder.sync_all())
            .map_err(|_| Error::unavailable("the database's folder cannot be flushed"))?;
        let shared = Arc::new(Shared {
            waiting: Mutex::default(),
            wake: Condvar::new(),
            visible: AtomicU64::new(0),
            begun: AtomicU64::new(0),
            over: AtomicU64::new(0),
            durable: AtomicU64::new(0),
        });
        let own = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("flush".to_owned())
            .spawn(move || own.flush_until_stopped(&file))
            .map_err(|_| Error::unavailable("no thread for flushes"))?;
        Ok(Self { shared })
    }

    /// Gives the place of a commit that begins now; only one who may write calls this.
    pub(crate) fn begin_commit(&self, place: Place) -> u64 {
        let at = self.shared.begun.fetch_add(1, Ordering::SeqCst) + 1;
        // Before anybody can read it.
        if place == Place::BeforeItIsSeen {
            self.shared.visible.store(at, Ordering::SeqCst);
        }
        at
    }

    /// The commit has returned, whatever came of it.
    pub(crate) fn end_commit(&self, at: u64) {
        self.shared.over.store(at, Ordering::SeqCst);
    }

    /// The last commit that must be durable before what was read until now is told to anybody.
    pub(crate) fn visible(&self) -> u64 {
        self.shared.visible.load(Ordering::SeqCst)
    }

    /// How many commits there were.
    pub(crate) fn commits(&self) -> u64 {
        self.shared.over.load(Ordering::SeqCst)
    }

    pub(crate) fn is_durable(&self, at: u64) -> bool {
        self.shared.durable.load(Ordering::SeqCst) >= at
    }

    /// Waits until the commit at `at` is durable.
    pub(crate) async fn wait(&self, at: u64) -> Result<(), Error> {
        let failed = || Error::unavailable("the write-ahead log could not be flushed");
        if self.is_durable(at) {
            return Ok(());
        }
        let (tell, told) = oneshot::channel();
        {
            let mut waiting = self.shared.waiting();
            if waiting.is_failed || waiting.is_stopped {
                return Err(failed());
            }
            waiting.callers.push((at, tell));
        }
        self.shared.wake.notify_one();
        told.await.map_err(|_| failed())
    }

    /// Ends the thread. Who waits still is told that it failed.
    pub(crate) fn stop(&self) {
        self.shared.waiting().is_stopped = true;
        self.shared.wake.notify_one();
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Each change is one step: the lists are whole at any time.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn flush_until_stopped(&self, log: &File) {
        let (mut last, mut alone) = (None, ALONE);
        while let Some(waiters) = self.wait_for_callers() {
            let waiters = match waiters {
                1 if alone == 0 => self.wait_for_company(),
                _ => waiters,
            };
            alone = match waiters {
                1 if alone == 0 => ALONE,
                1 => alone.saturating_sub(1),
                _ => 0,
            };
            pace(last, waiters);
            last = Some(Instant::now());
            // Commits that are over before the flush begins are durable with it.
            let reached = self.over.load(Ordering::SeqCst);
            let outcome = flush(log);
            let mut waiting = self.waiting();
            if outcome.is_err() {
                waiting.is_failed = true;
                waiting.callers.clear();
                return;
            }
            self.durable.store(reached, Ordering::SeqCst);
            let callers = std::mem::take(&mut waiting.callers);
            let (served, early): (Vec<_>, Vec<_>) =
                callers.into_iter().partition(|(at, _)| *at <= reached);
            waiting.callers = early;
            drop(waiting);
            for (_, tell) in served {
                // Who has gone away needs no answer.
                let _ = tell.send(());
            }
        }
    }

    /// How many wait after a while in which a second one may have come.
    fn wait_for_company(&self) -> usize {
        let waiting = self.waiting();
        let is_alone = |waiting: &mut Waiting| waiting.callers.len() < 2 && !waiting.is_stopped;
        let waited = self.wake.wait_timeout_while(waiting, COMPANY, is_alone);
        let (waiting, _) = waited.unwrap_or_else(PoisonError::into_inner);
        waiting.callers.len()
    }

    /// How many wait; none when there will be no more.
    fn wait_for_callers(&self) -> Option<usize> {
        let mut waiting = self.waiting();
        loop {
            if waiting.is_stopped {
                waiting.callers.clear();
                return None;
            }
            if !waiting.callers.is_empty() {
                return Some(waiting.callers.len());
            }
            let woken = self.wake.wait(waiting);
            waiting = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Lets others catch up, where there are others.
fn pace(last: Option<Instant>, waiters: usize) {
    if let Some(last) = last
        && waiters > 1
        && let Some(early) = PACE.checked_sub(last.elapsed())
    {
        std::thread::sleep(early);
    }
}

fn flush(log: &File) -> std::io::Result<()> {
    if log.metadata()?.nlink() == 0 {
        return Err(std::io::Error::other("the write-ahead log is gone"));
    }
    log.sync_data()
}

#[cfg(test)]
mod tests;
