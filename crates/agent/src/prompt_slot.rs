//! The one place in front of the person: there is never more than one prompt.
//!
//! Within one process a semaphore keeps it, and between the agent and a sign-in of business
//! software, which are two processes of one user, a lock on a file in the state folder.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::Error;
use crate::progress::{Progress, ProgressWatch};
use crate::protected_file;

/// The lock file's name in the state folder.
const FILE_NAME: &str = "prompt.lock";

/// How long the prompt of a page that has gone may take to leave the screen. A page that is loaded
/// again asks again within milliseconds.
const CLEARING_LIMIT: Duration = Duration::from_secs(1);

/// Held by one sign-in at a time.
#[derive(Debug)]
pub(crate) struct PromptSlot {
    place: Arc<Semaphore>,
    holder: Mutex<Option<ProgressWatch>>,
    lock_file: PathBuf,
    /// How many wait for a place that is still taken by something that can give way.
    waiting: watch::Sender<usize>,
}

/// Somebody who waits, until it is dropped.
struct Waiting<'a>(&'a watch::Sender<usize>);

impl<'a> Waiting<'a> {
    fn begin(waiting: &'a watch::Sender<usize>) -> Self {
        waiting.send_modify(|count| *count += 1);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

/// The place, until it is dropped.
#[derive(Debug)]
pub(crate) struct PromptPlace {
    lock: File,
    _permit: OwnedSemaphorePermit,
}

impl Drop for PromptPlace {
    /// Not by closing alone: a prompt program that starts at this moment holds a copy of every open
    /// file until it has become that program. The permit goes after this: whoever gets it next
    /// finds the file free.
    fn drop(&mut self) {
        let _ = self.lock.unlock();
    }
}

impl PromptSlot {
    /// The place of the user whose state folder this is.
    pub(crate) fn new(state_dir: &Path) -> Self {
        Self {
            place: Arc::new(Semaphore::new(1)),
            holder: Mutex::default(),
            lock_file: state_dir.join(FILE_NAME),
            waiting: watch::Sender::new(0),
        }
    }

    /// Takes the place until it is dropped.
    ///
    /// # Errors
    /// [`Error::Busy`]: at once when another page or program is being served, and after a moment
    /// when the place of a page that has gone does not come free; [`Error::StateUnusable`].
    pub(crate) async fn take(&self, progress: &Progress) -> Result<PromptPlace, Error> {
        let permit = match Arc::clone(&self.place).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) if self.holder_has_gone() => {
                let _waiting = Waiting::begin(&self.waiting);
                let clearing = Arc::clone(&self.place).acquire_owned();
                tokio::time::timeout(CLEARING_LIMIT, clearing)
                    .await
                    .map_err(|_| Error::Busy)?
                    .map_err(|_| Error::Busy)?
            }
            Err(_) => return Err(Error::Busy),
        };
        let lock = self.lock()?;
        *self.holder.lock().unwrap_or_else(PoisonError::into_inner) = Some(progress.watch());
        Ok(PromptPlace {
            lock,
            _permit: permit,
        })
    }

    /// Refuses at once what [`PromptSlot::take`] would refuse after more work.
    ///
    /// # Errors
    /// [`Error::Busy`].
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.is_taken() && !self.holder_has_gone() {
            return Err(Error::Busy);
        }
        Ok(())
    }

    /// Resolves when somebody waits for the place. What is shown when a sign-in is over, and is not
    /// part of it, gives way.
    pub(crate) async fn wanted(&self) {
        // The sender is this value's own: there is always one.
        let _ = self.waiting.subscribe().wait_for(|count| *count > 0).await;
    }

    /// The system gives the lock back when its process ends, however it ends.
    fn lock(&self) -> Result<File, Error> {
        let unusable = |source: std::io::Error| Error::StateUnusable {
            path: self.lock_file.clone(),
            reason: source.to_string(),
        };
        let file = match File::open(&self.lock_file) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                protected_file::create_once(&self.lock_file, b"")?;
                File::open(&self.lock_file)
            }
            opened => opened,
        };
        let file = file.map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(Error::Busy),
            Err(TryLockError::Error(source)) => Err(unusable(source)),
        }
    }

    /// Whether somebody is being asked.
    pub(crate) fn is_taken(&self) -> bool {
        self.place.available_permits() == 0
    }

    fn holder_has_gone(&self) -> bool {
        let holder = self.holder.lock().unwrap_or_else(PoisonError::into_inner);
        holder.as_ref().is_some_and(ProgressWatch::is_over)
    }
}
