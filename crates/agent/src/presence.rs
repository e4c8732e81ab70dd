//! Presence: telling the server that the card of a login is still in its reader, and when it left.
//!
//! One connection for each login. The presence key lives in memory only; when the card leaves, it
//! signs the departure as the last thing and is wiped.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cardea_assertion::DepartureReason;
use cardea_card::Insertion;
use cardea_jose::SigningKey;
use serde::{Deserialize, Serialize};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tracing::Instrument as _;

use crate::Error;
use crate::display_text::for_display;
use crate::enrolled_issuers::EnrolledIssuer;
use crate::reader_watch::ReaderState;

mod back_off;
mod connection;
mod frame;
mod session;

use session::PresenceSession;

/// Sessions of one workstation at a time. One more ends the oldest.
const SESSIONS_MAX: usize = 32;

/// Every login of this agent whose card is still there.
#[derive(Debug, Default)]
pub(crate) struct PresenceSessions(Mutex<Shared>);

#[derive(Debug, Default)]
struct Shared {
    running: Vec<Running>,
    /// Why no session may stand at present: nobody can be in front of the screen.
    withheld: Option<DepartureReason>,
}

/// One session as its person may see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SessionStatus {
    /// The issuer, as enrolment named it.
    pub(crate) issuer: String,
    /// For how long it has lasted.
    pub(crate) seconds: u64,
}

#[derive(Debug)]
struct Running {
    issuer: String,
    begun: Instant,
    depart: watch::Sender<Option<DepartureReason>>,
    task: JoinHandle<()>,
}

impl PresenceSessions {
    /// Begins a session: connects at once, and lasts until the card leaves or the server ends it.
    /// Nobody has to keep what is returned.
    pub(crate) fn begin(
        &self,
        issuer: Arc<EnrolledIssuer>,
        key: SigningKey,
        insertion: Insertion,
        readers: watch::Receiver<ReaderState>,
    ) -> BegunPresence {
        let mut shared = self.lock();
        // A screen that was locked since the card signed: the session departs at once.
        let (depart, departing) = watch::channel(shared.withheld);
        let issuer_name = issuer.enrolment.name.clone();
        let session = PresenceSession::new(issuer, key, insertion, readers, departing);
        shared.running.retain(|session| !session.task.is_finished());
        if shared.running.len() >= SESSIONS_MAX
            && let Some(oldest) = shared.running.first()
        {
            oldest.depart(DepartureReason::AgentStopped);
        }
        let (lasts, over) = oneshot::channel();
        let running_session = async move {
            session.run().await;
            drop(lasts);
        };
        shared.running.push(Running {
            issuer: issuer_name,
            begun: Instant::now(),
            depart: depart.clone(),
            task: tokio::spawn(running_session.in_current_span()),
        });
        BegunPresence { depart, over }
    }

    /// Ends all sessions and waits until their departures are told, at most for `limit`. Those that
    /// take longer go on telling.
    pub(crate) async fn depart(&self, reason: DepartureReason, limit: Duration) {
        let running = std::mem::take(&mut self.lock().running);
        for session in &running {
            session.depart(reason);
        }
        let all = async {
            for session in running {
                let _ = session.task.await;
            }
        };
        let _ = tokio::time::timeout(limit, all).await;
    }

    /// Those that last, the oldest first.
    pub(crate) fn list(&self) -> Vec<SessionStatus> {
        let shared = self.lock();
        let lasts = |it: &&Running| !it.task.is_finished() && it.depart.borrow().is_none();
        let lasting = shared.running.iter().filter(lasts);
        let status = |it: &Running| SessionStatus {
            issuer: for_display(&it.issuer),
            seconds: it.begun.elapsed().as_secs(),
        };
        lasting.map(status).collect()
    }

    /// From now on sessions depart as soon as they begin, until this is taken back by `None`.
    pub(crate) fn withhold(&self, reason: Option<DepartureReason>) {
        self.lock().withheld = reason;
    }

    /// Whether somebody can be in front of the screen, as far as is known: a card is put to no use
    /// when not.
    ///
    /// # Errors
    /// [`Error::ScreenLocked`].
    pub(crate) fn check_screen(&self) -> Result<(), Error> {
        match self.lock().withheld {
            Some(_) => Err(Error::ScreenLocked),
            None => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    fn depart(&self, reason: DepartureReason) {
        depart(&self.depart, reason);
    }
}

/// Has a session depart; the first reason counts.
fn depart(departing: &watch::Sender<Option<DepartureReason>>, reason: DepartureReason) {
    departing.send_if_modified(|departing| {
        let first = departing.is_none();
        departing.get_or_insert(reason);
        first
    });
}

/// A session that has begun, and goes on whether or not anybody keeps this.
#[derive(Debug)]
pub(crate) struct BegunPresence {
    depart: watch::Sender<Option<DepartureReason>>,
    over: oneshot::Receiver<()>,
}

impl BegunPresence {
    /// The same session as one that ends when this is dropped.
    pub(crate) fn owned(
        self,
        insertion: Insertion,
        readers: watch::Receiver<ReaderState>,
    ) -> OwnedPresence {
        OwnedPresence {
            begun: self,
            insertion,
            readers,
        }
    }
}

/// A session that ends with its owner.
#[derive(Debug)]
pub(crate) struct OwnedPresence {
    begun: BegunPresence,
    insertion: Insertion,
    readers: watch::Receiver<ReaderState>,
}

impl OwnedPresence {
    /// Resolves when the session is over.
    pub(crate) async fn over(&mut self) {
        let _ = (&mut self.begun.over).await;
    }
}

impl Drop for OwnedPresence {
    fn drop(&mut self) {
        // Most owners end because the card left, and that is to be told then.
        let reason = if self.readers.borrow().holds(&self.insertion) {
            DepartureReason::AgentStopped
        } else {
            DepartureReason::CardRemoved
        };
        depart(&self.begun.depart, reason);
    }
}
