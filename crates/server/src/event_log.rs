//! Every decision of the provider, in the event table and in the log an operator reads.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use cardea_provider::event::{Event, EventLog, StoredEvents};
use cardea_storage::Transaction;
use tracing::Span;

use crate::ledger::committed::Committed;
use crate::metrics::Metrics;
use crate::request_log::{record_login, short_login_id};

/// Sessions whose login is remembered; older ones are logged by their session alone.
const SESSIONS_MAX: usize = 10_000;

/// Stores events and writes a line for each once it is durable: ids and codes alone, no pseudonym
/// of the person.
///
/// Later events of a session, such as its tokens or its end, do not name the login that opened
/// it; it is remembered here so that one `login_id` finds all of them.
#[derive(Debug, Default)]
pub(crate) struct LoggedEvents {
    logins: Mutex<Logins>,
    metrics: Metrics,
    committed: Committed,
}

/// Sessions by a keyed hash, which takes a quarter of the room: were two ever alike, a line of the
/// log would name the other's login.
#[derive(Debug, Default)]
struct Logins {
    hasher: RandomState,
    of_session: HashMap<u64, Box<str>>,
    order: VecDeque<u64>,
}

#[async_trait]
impl EventLog for LoggedEvents {
    async fn append(
        &self,
        transaction: &mut Transaction,
        event: &Event,
    ) -> Result<(), cardea_provider::Error> {
        let appended = StoredEvents.store(transaction, event).await?;
        let login_id = self.login_of(event);
        if let Some(login_id) = &login_id {
            record_login(login_id);
        }
        let (event, metrics) = (event.clone(), self.metrics.clone());
        let committed = self.committed.clone();
        // Where the caller is gone, the line is written elsewhere.
        let request = Span::current();
        transaction.after_commit(move || {
            metrics.count(&event);
            if let Some(appended) = appended {
                committed.remember(appended);
            }
            request.in_scope(|| write_line(&event, login_id.as_deref()));
        });
        Ok(())
    }

    fn note(&self, event: &Event) {
        self.metrics.count(event);
        StoredEvents.note(event);
    }
}

fn write_line(event: &Event, login_id: Option<&str>) {
    let revocation = event.kind.revocation();
    tracing::info!(
        event = event.kind.name(),
        login_id,
        session = event.session_id.as_deref().map(short_login_id),
        client_id = event.client_id.as_deref(),
        code = event.kind.code(),
        revocation_source = revocation.map(|used| used.source),
        revocation_age_seconds = revocation.map(|used| used.age_seconds),
        revocation_stale_by_seconds = revocation.map(|used| used.stale_by_seconds),
        "decided"
    );
}

impl LoggedEvents {
    /// Counts what is logged.
    pub(crate) fn counted_by(metrics: Metrics) -> Self {
        Self {
            metrics,
            ..Self::default()
        }
    }

    /// What was committed by this.
    pub(crate) fn committed(&self) -> &Committed {
        &self.committed
    }

    fn login_of(&self, event: &Event) -> Option<String> {
        let mut logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        let login_id = event
            .authorization_request_id
            .as_deref()
            .map(short_login_id);
        match (login_id, &event.session_id) {
            (Some(login_id), Some(session_id)) => {
                logins.remember(session_id, login_id);
                Some(login_id.to_owned())
            }
            (Some(login_id), None) => Some(login_id.to_owned()),
            (None, Some(session_id)) => logins.find(session_id).map(str::to_owned),
            (None, None) => None,
        }
    }
}

impl Logins {
    fn find(&self, session_id: &str) -> Option<&str> {
        let login_id = self.of_session.get(&self.hasher.hash_one(session_id))?;
        Some(login_id)
    }

    fn remember(&mut self, session_id: &str, login_id: &str) {
        let session = self.hasher.hash_one(session_id);
        let known = self.of_session.insert(session, login_id.into());
        if known.is_none() {
            self.order.push_back(session);
        }
        while self.order.len() > SESSIONS_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.of_session.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use cardea_provider::Clock as _;
    use cardea_provider::event::{Event, EventKind, EventLog};
    use cardea_storage::Store;

    use super::LoggedEvents;
    use crate::clock::SystemClock;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn what_is_undone_is_not_said_to_be_decided() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .finish();
        let _logging = tracing::subscriber::set_default(subscriber);
        let decided = || {
            let text = lines.0.lock().unwrap().clone();
            String::from_utf8(text).unwrap().matches("decided").count()
        };
        let store = Store::open_in_memory().await.unwrap();
        let log = LoggedEvents::default();
        let event = Event::new(EventKind::AuthorizationBegun {}, SystemClock.now());
        let mut undone = store.begin().await.unwrap();
        log.append(&mut undone, &event).await.unwrap();
        drop(undone);
        assert_eq!(decided(), 0);
        let mut kept = store.begin().await.unwrap();
        log.append(&mut kept, &event).await.unwrap();
        assert_eq!(decided(), 0);
        kept.commit().await.unwrap();
        assert_eq!(decided(), 1);
    }
}
