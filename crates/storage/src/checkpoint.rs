//! Folding the write-ahead log into the database file, aside from who writes.
//!
//! Most of it is copied while others write. What they appended meanwhile is copied while nobody
//! does, which is little, so that the log can begin again and does not grow for ever.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::Mutex;

use crate::Error;
use crate::flush::Flushes;
use crate::sqlite::Database;

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Commits after which the log is folded in, or so many looks after a commit.
const COMMITS: u64 = 1000;
const LOOKS: u32 = 240;

/// The thread that folds.
pub(crate) struct Checkpointer {
    is_stopped: Arc<AtomicBool>,
    thread: std::sync::Mutex<Option<JoinHandle<()>>>,
}

impl Checkpointer {
    pub(crate) fn start(
        database: Database,
        writer: Arc<Mutex<Option<Database>>>,
        flushes: Arc<Flushes>,
    ) -> Result<Self, Error> {
        let is_stopped = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&is_stopped);
        // Weak: who closes the database gives up the last connection.
        let writer = Arc::downgrade(&writer);
        let thread = std::thread::Builder::new()
            .name("checkpoint".to_owned())
            .spawn(move || fold_until_stopped(&database, &writer, &flushes, &stopped))
            .map_err(|_| Error::unavailable("no thread for checkpoints"))?;
        Ok(Self {
            is_stopped,
            thread: std::sync::Mutex::new(Some(thread)),
        })
    }

    /// Ends the thread; its connection is closed then. It may wait for its turn to write.
    pub(crate) async fn end(&self) {
        self.tell_to_stop();
        let thread = self.thread();
        if let Some(thread) = thread {
            let _ = tokio::task::spawn_blocking(|| thread.join()).await;
        }
    }

    fn tell_to_stop(&self) {
        self.is_stopped.store(true, Ordering::SeqCst);
    }

    fn thread(&self) -> Option<JoinHandle<()>> {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        let thread = thread.take();
        if let Some(thread) = &thread {
            thread.thread().unpark();
        }
        thread
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.tell_to_stop();
        let _ = self.thread();
    }
}

fn fold_until_stopped(
    database: &Database,
    writer: &Weak<Mutex<Option<Database>>>,
    flushes: &Flushes,
    is_stopped: &AtomicBool,
) {
    let (mut folded, mut looks) = (0, 0);
    loop {
        std::thread::park_timeout(LOOK_EVERY);
        if is_stopped.load(Ordering::SeqCst) {
            return;
        }
        // What a failed flush has left must not be copied over what was good.
        if flushes.have_failed() {
            return;
        }
        let commits = flushes.commits();
        looks += 1;
        if commits == folded || (commits < folded + COMMITS && looks < LOOKS) {
            continue;
        }
        (folded, looks) = (commits, 0);
        // What fails is tried again; who writes notices a full disk by itself.
        let _ = database.fold();
        let Some(writer) = writer.upgrade() else {
            return;
        };
        let turn = writer.blocking_lock();
        if !flushes.have_failed() {
            let _ = database.fold();
        }
        drop(turn);
    }
}
