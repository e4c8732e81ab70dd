//! Presence: telling the server that the card of a login is still in its reader, and when it left.
//!
//! One connection for each login. The presence key lives in memory only; when the card leaves, it
//! signs the departure as the last thing and is wiped.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use cardea_assertion::DepartureReason;
use cardea_card::Insertion;
use cardea_jose::SigningKey;
use serde::{Deserialize, Serialize};
use tokio::sync::{oneshot, watch};
use tracing::Instrument as _;

use crate::Error;
use crate::agent::Agent;
use crate::display_text::for_display;
use crate::enrolled_issuers::EnrolledIssuer;
use crate::reader_watch::ReaderState;

mod asked;
mod back_off;
mod connection;
mod frame;
mod log_check;
mod log_look;
mod session;

pub(crate) use log_look::look as look_at_log;
use session::PresenceSession;

/// Sessions of one workstation at a time. One more ends the oldest.
const SESSIONS_MAX: usize = 32;
/// Sessions of other programs that are taken note of. Each keeps a connection to the agent's
/// socket.
const ELSEWHERE_MAX: usize = 16;

/// Every login of this agent whose card is still there.
#[derive(Debug, Default)]
pub(crate) struct PresenceSessions {
    shared: Mutex<Shared>,
    changes: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Shared {
    running: Vec<Running>,
    /// Why no session may stand at present: nobody can be in front of the screen.
    withheld: Option<DepartureReason>,
}

impl Shared {
    fn forget_ended(&mut self) {
        self.running
            .retain(|session| !session.departing.reason.is_closed());
    }
}

/// One session as its person may see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SessionStatus {
    /// The issuer, as enrolment named it.
    pub(crate) issuer: String,
    /// The portal or the software that the person signed in to, in its issuer's words; an earlier
    /// version does not tell it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) portal: Option<String>,
    /// For how long it has lasted.
    pub(crate) seconds: u64,
}

/// A session here, or one that another program of this user holds and has told this agent of.
#[derive(Debug)]
struct Running {
    issuer: String,
    portal: Option<String>,
    begun: Instant,
    departing: Departing,
    is_elsewhere: bool,
}

/// How a session is told to depart. It lasts until its own end of this is dropped.
#[derive(Clone, Debug)]
struct Departing {
    reason: watch::Sender<Option<DepartureReason>>,
    changes: watch::Sender<()>,
}

impl Departing {
    /// Has the session depart; the first reason counts.
    fn depart(&self, reason: DepartureReason) {
        self.reason.send_if_modified(|departing| {
            let first = departing.is_none();
            departing.get_or_insert(reason);
            first
        });
        self.changes.send_replace(());
    }

    /// Whether the session neither departs nor is over.
    fn lasts(&self) -> bool {
        !self.reason.is_closed() && self.reason.borrow().is_none()
    }
}

impl PresenceSessions {
    /// Begins a session: connects at once, and lasts until the card leaves or the server ends it.
    /// `agent` asks its person where the server wants a fresh signature.
    /// Nobody has to keep what is returned.
    pub(crate) fn begin(
        &self,
        (issuer, portal): (Arc<EnrolledIssuer>, &str),
        key: SigningKey,
        insertion: Insertion,
        readers: watch::Receiver<ReaderState>,
        agent: Weak<Agent>,
    ) -> BegunPresence {
        let mut shared = self.lock();
        // A screen that was locked since the card signed: the session departs at once.
        let (reason, departing) = watch::channel(shared.withheld);
        let issuer_name = issuer.enrolment.name.clone();
        let session = PresenceSession::new(issuer, key, insertion, readers, departing);
        let session = session.asking(agent);
        shared.forget_ended();
        if shared.running.len() >= SESSIONS_MAX
            && let Some(oldest) = shared.running.first()
        {
            oldest.departing.depart(DepartureReason::AgentStopped);
        }
        let (lasts, over) = oneshot::channel();
        let changes = self.changes.clone();
        let running_session = async move {
            session.run().await;
            drop(lasts);
            changes.send_replace(());
        };
        let departing = Departing {
            reason,
            changes: self.changes.clone(),
        };
        shared.running.push(Running {
            issuer: issuer_name,
            portal: Some(portal.to_owned()),
            begun: Instant::now(),
            departing: departing.clone(),
            is_elsewhere: false,
        });
        tokio::spawn(running_session.in_current_span());
        self.changes.send_replace(());
        BegunPresence { departing, over }
    }

    /// Takes note of a session that another program of this user holds, so that its person sees it
    /// and can end it here. It counts until what is returned is dropped, which is told why it is to
    /// end; none where there are too many already.
    pub(crate) fn note_elsewhere(
        &self,
        issuer: &EnrolledIssuer,
        portal: Option<String>,
    ) -> Option<ElsewherePresence> {
        let mut shared = self.lock();
        shared.forget_ended();
        let elsewhere = shared.running.iter().filter(|it| it.is_elsewhere);
        if elsewhere.count() >= ELSEWHERE_MAX {
            return None;
        }
        let (reason, departing) = watch::channel(None);
        shared.running.push(Running {
            issuer: issuer.enrolment.name.clone(),
            portal,
            begun: Instant::now(),
            departing: Departing {
                reason,
                changes: self.changes.clone(),
            },
            is_elsewhere: true,
        });
        self.changes.send_replace(());
        Some(ElsewherePresence {
            departing: Some(departing),
            changes: self.changes.clone(),
        })
    }

    /// Ends all sessions and waits until their departures are told, at most for `limit`. Those that
    /// take longer go on telling.
    pub(crate) async fn depart(&self, reason: DepartureReason, limit: Duration) {
        let running = std::mem::take(&mut self.lock().running);
        for session in &running {
            session.departing.depart(reason);
        }
        let all = async {
            for session in running {
                session.departing.reason.closed().await;
            }
        };
        let _ = tokio::time::timeout(limit, all).await;
    }

    /// Those that last, the oldest first.
    pub(crate) fn list(&self) -> Vec<SessionStatus> {
        let shared = self.lock();
        let lasting = shared.running.iter().filter(|it| it.departing.lasts());
        let status = |it: &Running| SessionStatus {
            issuer: for_display(&it.issuer),
            portal: it.portal.as_deref().map(for_display),
            seconds: it.begun.elapsed().as_secs(),
        };
        lasting.map(status).collect()
    }

    /// Tells of each session that begins or ends.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
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
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session that has begun, and goes on whether or not anybody keeps this.
#[derive(Debug)]
pub(crate) struct BegunPresence {
    departing: Departing,
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
        self.begun.departing.depart(reason);
    }
}

/// A session of another program that this agent knows of.
#[derive(Debug)]
pub(crate) struct ElsewherePresence {
    departing: Option<watch::Receiver<Option<DepartureReason>>>,
    changes: watch::Sender<()>,
}

impl ElsewherePresence {
    /// Resolves when the session is to end, with the reason.
    pub(crate) async fn departing(&mut self) -> DepartureReason {
        let reason = match &mut self.departing {
            Some(departing) => departing
                .wait_for(Option::is_some)
                .await
                .ok()
                .and_then(|it| *it),
            None => None,
        };
        // A dropped sender means that the agent is gone.
        reason.unwrap_or(DepartureReason::AgentStopped)
    }
}

impl Drop for ElsewherePresence {
    fn drop(&mut self) {
        // Only then is it over, for whoever waits for that or looks after the change.
        self.departing = None;
        self.changes.send_replace(());
    }
}
