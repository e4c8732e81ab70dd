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
//!   was taken away or replaced all the same, the flush fails rather than to flush something else.
//! - After a flush that failed, nobody knows what the system still has in memory: from then on
//!   nothing is read, written or folded into the file, until the server starts again and reads what
//!   is really there.
//!
//! What differs is that others in this process can read a commit before it is durable. So reads
//! wait too: [`Flushes::visible`] is the last commit that somebody could have seen, and what was
//! read is told to nobody before that is flushed. Commits whose loss harms nobody do not count
//! ([`Place::WithTheNext`]); the next flush takes them along.
//!
//! What is to be done after a commit ([`Hooks`]) is done here when nobody waits any more.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};

use crate::Error;
use crate::hooks::{Due, Hooks};

/// The time between the beginnings of two flushes while several wait: more commits share one.
const PACE: Duration = Duration::from_millis(3);
/// How long the first to wait waits for a second, while commits come side by side.
const COMPANY: Duration = Duration::from_millis(8);
/// How long after two commits shared a flush the next is expected to have company.
const RECENTLY: Duration = Duration::from_millis(100);
/// How long what follows a commit that nobody waits for is left undone.
const LINGER: Duration = Duration::from_millis(100);

/// When a commit must be durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Before anybody may see it.
    BeforeItIsSeen,
    /// With the next flush, whoever asks for it.
    WithTheNext,
}

/// Who waits for a flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Haste {
    /// Who has committed.
    Commit,
    /// Who tells what others have committed.
    Answer,
    /// Who leaves it to others to ask for one.
    Patient,
    /// Nobody, but there is something to do afterwards.
    Noted,
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
    failed: watch::Sender<bool>,
    #[cfg(test)]
    flushed: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    callers: Vec<Caller>,
    is_stopped: bool,
}

struct Caller {
    at: u64,
    haste: Haste,
    since: Instant,
    hooks: Hooks,
    tell: Option<oneshot::Sender<Due>>,
}

/// How many wait for a flush that is to begin now.
#[derive(Clone, Copy, Default)]
struct Urgent {
    commits: usize,
    all: usize,
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
            failed: watch::Sender::new(false),
            #[cfg(test)]
            flushed: AtomicU64::new(0),
        });
        let own = Arc::clone(&shared);
        let log = Log {
            file,
            path: log.to_owned(),
        };
        std::thread::Builder::new()
            .name("flush".to_owned())
            .spawn(move || own.flush_until_stopped(&log))
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

    /// Whether a flush has failed: then nothing is durable any more.
    pub(crate) fn have_failed(&self) -> bool {
        *self.shared.failed.borrow()
    }

    /// Says that a flush has failed, when one has.
    pub(crate) async fn failure(&self) {
        // It cannot end otherwise: the sender is held here.
        let _ = self.shared.failed.subscribe().wait_for(|it| *it).await;
    }

    /// # Errors
    /// [`Error::FlushFailed`].
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self.have_failed() {
            true => Err(Error::FlushFailed),
            false => Ok(()),
        }
    }

    /// Waits until the commit at `at` is durable. `hooks` are run then, also when this future has
    /// been dropped after it was first polled.
    pub(crate) async fn wait(&self, at: u64, haste: Haste, hooks: Hooks) -> Result<(), Error> {
        if self.is_durable(at) {
            drop(hooks.due());
            return Ok(());
        }
        let (tell, told) = oneshot::channel();
        self.enlist(at, haste, hooks, Some(tell))?;
        match told.await {
            Ok(due) => {
                drop(due);
                Ok(())
            }
            Err(_) => Err(self.lost()),
        }
    }

    /// Has `hooks` run once the commit at `at` is durable; nobody waits for it.
    pub(crate) fn note(&self, at: u64, hooks: Hooks) -> Result<(), Error> {
        match hooks.is_empty() {
            true => Ok(()),
            false => self.enlist(at, Haste::Noted, hooks, None),
        }
    }

    fn enlist(
        &self,
        at: u64,
        haste: Haste,
        hooks: Hooks,
        tell: Option<oneshot::Sender<Due>>,
    ) -> Result<(), Error> {
        let mut waiting = self.shared.waiting();
        if waiting.is_stopped || self.have_failed() {
            return Err(self.lost());
        }
        waiting.callers.push(Caller {
            at,
            haste,
            since: Instant::now(),
            hooks,
            tell,
        });
        drop(waiting);
        self.shared.wake.notify_one();
        Ok(())
    }

    fn lost(&self) -> Error {
        self.check()
            .err()
            .unwrap_or_else(|| Error::unavailable("the database is closed"))
    }

    /// Ends the thread after a last flush for who waits still.
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

    fn flush_until_stopped(&self, log: &Log) {
        let (mut last, mut together) = (None, None::<Instant>);
        while let Some(mut urgent) = self.wait_for_callers() {
            if urgent.all == 1 && together.is_some_and(|at| at.elapsed() < RECENTLY) {
                urgent = self.wait_for_company();
                if urgent.all == 1 {
                    together = None;
                }
            }
            if urgent.commits > 1 {
                together = Some(Instant::now());
            }
            pace(last, urgent.all);
            last = Some(Instant::now());
            if !self.flush(log) {
                return;
            }
        }
        // Whoever stopped it has not seen that nobody waits.
        if !self.waiting().callers.is_empty() {
            self.flush(log);
        }
        self.waiting().callers.clear();
    }

    /// One flush, and what follows from it; whether there can be another.
    fn flush(&self, log: &Log) -> bool {
        // Commits that are over before the flush begins are durable with it.
        let reached = self.over.load(Ordering::SeqCst);
        let outcome = log.flush();
        #[cfg(test)]
        self.flushed.fetch_add(1, Ordering::SeqCst);
        let mut waiting = self.waiting();
        if outcome.is_err() {
            // A log that is closed may be gone: nobody asks for it.
            if !waiting.is_stopped {
                self.failed.send_replace(true);
            }
            let lost = std::mem::take(&mut waiting.callers);
            drop(waiting);
            drop(lost);
            return false;
        }
        self.durable.store(reached, Ordering::SeqCst);
        let callers = std::mem::take(&mut waiting.callers);
        let (served, early): (Vec<_>, Vec<_>) =
            callers.into_iter().partition(|it| it.at <= reached);
        waiting.callers = early;
        drop(waiting);
        for caller in served {
            let due = caller.hooks.due();
            // Who has gone away needs no answer; what is due is then done here.
            match caller.tell {
                Some(tell) => drop(tell.send(due)),
                None => drop(due),
            }
        }
        true
    }

    /// How many wait after a while in which a second one may have come.
    fn wait_for_company(&self) -> Urgent {
        let waiting = self.waiting();
        let is_alone = |waiting: &mut Waiting| waiting.urgent().all < 2 && !waiting.is_stopped;
        let waited = self.wake.wait_timeout_while(waiting, COMPANY, is_alone);
        let (waiting, _) = waited.unwrap_or_else(PoisonError::into_inner);
        waiting.urgent()
    }

    /// Waits until a flush is to begin; none when there will be no more.
    fn wait_for_callers(&self) -> Option<Urgent> {
        let mut waiting = self.waiting();
        loop {
            if waiting.is_stopped {
                return None;
            }
            let urgent = waiting.urgent();
            if urgent.all > 0 {
                return Some(urgent);
            }
            let left = waiting.lingers();
            waiting = match left {
                Some(Duration::ZERO) => return Some(urgent),
                Some(left) => {
                    let woken = self.wake.wait_timeout(waiting, left);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
                None => {
                    let woken = self.wake.wait(waiting);
                    woken.unwrap_or_else(PoisonError::into_inner)
                }
            };
        }
    }
}

impl Waiting {
    fn urgent(&self) -> Urgent {
        let mut urgent = Urgent::default();
        for caller in &self.callers {
            match caller.haste {
                Haste::Commit => {
                    urgent.commits += 1;
                    urgent.all += 1;
                }
                Haste::Answer => urgent.all += 1,
                Haste::Patient | Haste::Noted => {}
            }
        }
        urgent
    }

    /// How long what is to be done after a commit may still wait for somebody's flush.
    fn lingers(&self) -> Option<Duration> {
        let noted = self.callers.iter().filter(|it| it.haste == Haste::Noted);
        let first = noted.map(|it| it.since).min()?;
        Some(LINGER.saturating_sub(first.elapsed()))
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

/// The open log, and where it must be found.
struct Log {
    file: File,
    path: PathBuf,
}

impl Log {
    fn flush(&self) -> std::io::Result<()> {
        let (open, named) = (self.file.metadata()?, std::fs::metadata(&self.path)?);
        if (open.dev(), open.ino()) != (named.dev(), named.ino()) {
            return Err(std::io::Error::other("the write-ahead log was replaced"));
        }
        self.file.sync_data()
    }
}

#[cfg(test)]
mod tests;
