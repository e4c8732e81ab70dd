//! Presence: telling the server that the card of a login is still in its reader, and when it left.
//!
//! One connection for each login. The presence key lives in memory only; when the card leaves, it
//! signs the departure as the last thing and is wiped.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cardea_card::Insertion;
use cardea_jose::SigningKey;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tracing::Instrument as _;

use crate::agent::EnrolledIssuer;
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
pub(crate) struct PresenceSessions(Mutex<Vec<Running>>);

#[derive(Debug)]
struct Running {
    depart: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl PresenceSessions {
    /// Begins a session: connects at once, and lasts until the card leaves or the server ends it.
    /// What is returned ends with the session; nobody has to wait for it.
    pub(crate) fn begin(
        &self,
        issuer: Arc<EnrolledIssuer>,
        key: SigningKey,
        insertion: Insertion,
        readers: watch::Receiver<ReaderState>,
    ) -> oneshot::Receiver<()> {
        let (depart, departing) = watch::channel(false);
        let session = PresenceSession::new(issuer, key, insertion, readers, departing);
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|session| !session.task.is_finished());
        if running.len() >= SESSIONS_MAX
            && let Some(oldest) = running.first()
        {
            let _ = oldest.depart.send(true);
        }
        let (lasts, over) = oneshot::channel();
        let running_session = async move {
            session.run().await;
            drop(lasts);
        };
        running.push(Running {
            depart,
            task: tokio::spawn(running_session.in_current_span()),
        });
        over
    }

    /// Ends all sessions and waits until their departures are told, at most for `limit`.
    pub(crate) async fn depart(&self, limit: Duration) {
        let running = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for session in &running {
            let _ = session.depart.send(true);
        }
        let all = async {
            for session in running {
                let _ = session.task.await;
            }
        };
        let _ = tokio::time::timeout(limit, all).await;
    }
}
