//! The one place in front of the person: there is never more than one prompt.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Error;
use crate::progress::{Progress, ProgressWatch};

/// How long the prompt of a page that has gone may take to leave the screen. A page that is loaded
/// again asks again within milliseconds.
const CLEARING_LIMIT: Duration = Duration::from_secs(1);

/// Held by one sign-in at a time.
#[derive(Debug)]
pub(crate) struct PromptSlot {
    place: Arc<Semaphore>,
    holder: Mutex<Option<ProgressWatch>>,
}

impl Default for PromptSlot {
    fn default() -> Self {
        Self {
            place: Arc::new(Semaphore::new(1)),
            holder: Mutex::default(),
        }
    }
}

impl PromptSlot {
    /// Takes the place until the permit is dropped.
    ///
    /// # Errors
    /// [`Error::Busy`]: at once when another page is being served, and after a moment when the
    /// place of a page that has gone does not come free.
    pub(crate) async fn take(&self, progress: &Progress) -> Result<OwnedSemaphorePermit, Error> {
        let permit = match Arc::clone(&self.place).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) if self.holder_has_gone() => {
                let clearing = Arc::clone(&self.place).acquire_owned();
                tokio::time::timeout(CLEARING_LIMIT, clearing)
                    .await
                    .map_err(|_| Error::Busy)?
                    .map_err(|_| Error::Busy)?
            }
            Err(_) => return Err(Error::Busy),
        };
        *self.holder.lock().unwrap_or_else(PoisonError::into_inner) = Some(progress.watch());
        Ok(permit)
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
