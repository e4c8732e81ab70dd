//! What is in the readers, at any moment and for everyone in the agent who waits for a change.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cardea_card::{
    CancelHandle, CardPresence, Error, Insertion, Reader, ReaderMonitor, WaitOutcome,
};
use tokio::sync::watch;

use crate::card_access::CardAccess;

/// How long a monitor waits before it looks whether the agent is stopping.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// How long to leave the service alone after it failed. A wait that lasted this long has worked.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The readers as last seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ReaderState {
    /// Nobody has looked yet: nothing that is not known to be there is present.
    Unseen,
    /// These are connected.
    Readers(Vec<Reader>),
    /// The readers cannot be seen, for the reason of this code. No card counts as present then:
    /// what cannot be watched cannot be vouched for.
    Unavailable(&'static str),
}

impl ReaderState {
    /// The cards that can be talked to.
    pub(crate) fn insertions(&self) -> Vec<Insertion> {
        match self {
            Self::Readers(readers) => readers.iter().filter_map(Reader::insertion).collect(),
            Self::Unseen | Self::Unavailable(_) => Vec::new(),
        }
    }

    /// Whether this very insertion lasts. A card that was pulled and put back is another one.
    pub(crate) fn holds(&self, insertion: &Insertion) -> bool {
        self.insertions().contains(insertion)
    }

    /// Why the readers cannot be seen, as a code.
    pub(crate) fn trouble(&self) -> Option<&'static str> {
        match self {
            Self::Unavailable(code) => Some(code),
            Self::Unseen | Self::Readers(_) => None,
        }
    }

    /// `present`, `absent` or `no_reader`, as the status says it.
    pub(crate) fn summary(&self) -> &'static str {
        match self {
            Self::Readers(readers) if readers.is_empty() => "no_reader",
            Self::Unseen | Self::Unavailable(_) => "no_reader",
            Self::Readers(readers) if readers.iter().any(Reader::has_card) => "present",
            Self::Readers(_) => "absent",
        }
    }
}

/// Watches the readers on a thread of its own until it is dropped.
#[derive(Debug)]
pub(crate) struct ReaderWatch {
    published: Arc<Published>,
    states: watch::Receiver<ReaderState>,
    stopping: Arc<Mutex<Stopping>>,
}

#[derive(Debug, Default)]
struct Stopping {
    requested: bool,
    wait: Option<CancelHandle>,
}

impl ReaderWatch {
    /// Starts watching. Readers that come later, and a service that starts later, are noticed.
    pub(crate) fn start(access: Arc<dyn CardAccess>) -> Result<Self, Error> {
        let (sender, states) = watch::channel(ReaderState::Unseen);
        let published = Arc::new(Published {
            sender,
            lost: Mutex::default(),
        });
        let stopping = Arc::new(Mutex::new(Stopping::default()));
        let watcher = Watcher {
            access,
            published: Arc::clone(&published),
            stopping: Arc::clone(&stopping),
        };
        std::thread::Builder::new()
            .name("readers".to_owned())
            .spawn(move || watcher.run())
            .map_err(|_| Error::ThreadUnavailable)?;
        Ok(Self {
            published,
            states,
            stopping,
        })
    }

    /// What can tell that a card was found gone.
    pub(crate) fn published(&self) -> Arc<Published> {
        Arc::clone(&self.published)
    }

    /// A receiver of every state from now on.
    pub(crate) fn subscribe(&self) -> watch::Receiver<ReaderState> {
        self.states.clone()
    }

    /// The readers as last seen.
    pub(crate) fn now(&self) -> ReaderState {
        self.states.borrow().clone()
    }
}

impl Drop for ReaderWatch {
    fn drop(&mut self) {
        let mut stopping = self.stopping.lock().unwrap_or_else(PoisonError::into_inner);
        stopping.requested = true;
        if let Some(wait) = stopping.wait.take() {
            wait.cancel();
        }
    }
}

/// Resolves when this insertion has ended.
pub(crate) async fn ended(mut states: watch::Receiver<ReaderState>, insertion: &Insertion) {
    // A closed channel means that nobody watches any more: that counts as the end, too.
    let _ = states.wait_for(|state| !state.holds(insertion)).await;
}

/// The readers' state for everyone who waits for it.
#[derive(Debug)]
pub(crate) struct Published {
    sender: watch::Sender<ReaderState>,
    /// Insertions whose card was found gone although their reader has not said so (yet).
    lost: Mutex<Vec<Insertion>>,
}

impl Published {
    /// Counts a card as gone from now on, because a conversation with it ended that way. A
    /// service that looks at its readers now and then can miss a quick exchange of cards; whatever
    /// is in the reader then is not what this insertion was.
    pub(crate) fn lose(&self, insertion: &Insertion) {
        self.lock().push(insertion.clone());
        let state = self.sender.borrow().clone();
        self.publish(state);
    }

    fn publish(&self, mut state: ReaderState) {
        self.forget_lost(&mut state);
        self.sender.send_if_modified(|current| {
            let changed = *current != state;
            if changed {
                tracing::debug!(card = state.summary(), "readers changed");
                *current = state;
            }
            changed
        });
    }

    /// Empties the readers of lost cards. What a reader does not show any more needs no memory.
    fn forget_lost(&self, state: &mut ReaderState) {
        let mut lost = self.lock();
        if let ReaderState::Readers(readers) = state {
            lost.retain(|lost| readers.iter().any(|reader| reader.is_of(lost)));
            for reader in readers {
                if reader.insertion().is_some_and(|held| lost.contains(&held)) {
                    reader.card = CardPresence::Absent;
                }
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Insertion>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Watcher {
    access: Arc<dyn CardAccess>,
    published: Arc<Published>,
    stopping: Arc<Mutex<Stopping>>,
}

impl Watcher {
    fn run(self) {
        let mut failed_before = false;
        loop {
            match self.watch(&mut failed_before) {
                Ok(()) => return,
                // A monitor may fail once because a reader was unplugged: a new one tells. Only a
                // monitor that has not worked since the last failure ends what depends on a card.
                Err(_) if !failed_before => failed_before = true,
                Err(error) => {
                    let state = ReaderState::Unavailable(error.code());
                    if *self.published.sender.borrow() != state {
                        tracing::warn!(code = error.code(), %error, "readers cannot be watched");
                    }
                    self.publish(state);
                    std::thread::sleep(RETRY_AFTER);
                    failed_before = false;
                }
            }
            if self.lock().requested {
                return;
            }
        }
    }

    /// Publishes states until the agent stops; forgets an earlier failure once a wait has worked.
    fn watch(&self, failed_before: &mut bool) -> Result<(), Error> {
        let mut monitor = self.access.monitor()?;
        {
            let mut stopping = self.lock();
            if stopping.requested {
                return Ok(());
            }
            stopping.wait = Some(monitor.cancel_handle());
        }
        self.publish(ReaderState::Readers(monitor.readers()?));
        self.follow(monitor.as_mut(), failed_before)
    }

    fn follow(
        &self,
        monitor: &mut dyn ReaderMonitor,
        failed_before: &mut bool,
    ) -> Result<(), Error> {
        loop {
            let begun = Instant::now();
            let waited = monitor.wait_for_change(Some(WAIT_MAX));
            // A list of readers alone proves nothing: a service can give one and fail each wait.
            if waited.is_ok() || begun.elapsed() >= RETRY_AFTER {
                *failed_before = false;
            }
            match waited? {
                WaitOutcome::Changed(readers) => self.publish(ReaderState::Readers(readers)),
                WaitOutcome::TimedOut if self.lock().requested => return Ok(()),
                WaitOutcome::TimedOut => {}
                WaitOutcome::Cancelled => return Ok(()),
            }
        }
    }

    fn publish(&self, state: ReaderState) {
        self.published.publish(state);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Stopping> {
        self.stopping.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
