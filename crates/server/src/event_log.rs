//! Every decision of the provider, in the event table and in the log an operator reads.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use cardea_provider::event::{Event, EventLog, StoredEvents};
use cardea_storage::Transaction;

use crate::request_log::{record_login, short_login_id};

/// Sessions whose login is remembered; older ones are logged by their session alone.
const SESSIONS_MAX: usize = 10_000;

/// Stores events and writes a line for each: ids and codes alone, no pseudonym of the person.
///
/// Later events of a session, such as its tokens or its end, do not name the login that opened
/// it; it is remembered here so that one `login_id` finds all of them.
#[derive(Debug, Default)]
pub(crate) struct LoggedEvents {
    logins: Mutex<Logins>,
}

#[derive(Debug, Default)]
struct Logins {
    of_session: HashMap<String, String>,
    order: VecDeque<String>,
}

#[async_trait]
impl EventLog for LoggedEvents {
    async fn append(
        &self,
        transaction: &mut Transaction,
        event: &Event,
    ) -> Result<(), cardea_provider::Error> {
        StoredEvents.append(transaction, event).await?;
        let login_id = self.login_of(event);
        if let Some(login_id) = &login_id {
            record_login(login_id);
        }
        tracing::info!(
            event = event.kind.name(),
            login_id,
            session = event.session_id.as_deref().map(short_login_id),
            client_id = event.client_id.as_deref(),
            code = event.kind.code(),
            "decided"
        );
        Ok(())
    }
}

impl LoggedEvents {
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
            (None, Some(session_id)) => logins.of_session.get(session_id).cloned(),
            (None, None) => None,
        }
    }
}

impl Logins {
    fn remember(&mut self, session_id: &str, login_id: &str) {
        let known = self
            .of_session
            .insert(session_id.to_owned(), login_id.to_owned());
        if known.is_none() {
            self.order.push_back(session_id.to_owned());
        }
        while self.order.len() > SESSIONS_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.of_session.remove(&oldest);
            }
        }
    }
}
