//! The portal's side: from what was looked up to a statement.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use cardea_jose::random_base64url;

use super::keys::{Purpose, StatementKeys};
use super::sequence::{RECENT, is_in_sequence};
use super::{AdapterError, LookUpStatement, PresenceStatement, PseudonymKey};
use crate::Kind;
use crate::clock::{Clock, SystemClock};

const NONCE_BYTES: usize = 16;
/// Sessions whose last numbers are remembered; beyond it all are forgotten at once.
const SESSIONS_MAX: usize = 10_000;

/// What a portal is about to answer.
#[derive(Clone, Debug, Default)]
pub struct Seen<'a> {
    /// What is done.
    pub kind: Kind,
    /// The number of each patient whom the answer names; for a miss, what was asked for.
    pub numbers: &'a [&'a str],
    /// Whether something is done with it; `None` where the portal can't say.
    pub follow_up: Option<bool>,
    /// The workstation or network; it leaves the portal as a pseudonym.
    pub source: Option<&'a str>,
    /// The sealed statement of [`Adapter::presence`].
    pub presence: Option<&'a str>,
}

/// Makes statements. One for a portal, and shared: it remembers each session's last numbers.
#[derive(Clone)]
pub struct Adapter(Arc<Parts>);

struct Parts {
    keys: StatementKeys,
    pseudonyms: PseudonymKey,
    clock: Arc<dyn Clock>,
    recent: Mutex<HashMap<String, VecDeque<String>>>,
}

impl Adapter {
    /// An adapter with the keys that it shares with the guard, and its own for pseudonyms.
    ///
    /// # Errors
    /// [`AdapterError::KeyFileUnusable`].
    pub fn load(keys: &Path, pseudonyms: &Path) -> Result<Self, AdapterError> {
        let (keys, pseudonyms) = (StatementKeys::load(keys)?, PseudonymKey::load(pseudonyms)?);
        Ok(Self::assemble(
            keys,
            pseudonyms,
            Arc::new(SystemClock::default()),
        ))
    }

    pub(crate) fn assemble(
        keys: StatementKeys,
        pseudonyms: PseudonymKey,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self(Arc::new(Parts {
            keys,
            pseudonyms,
            clock,
            recent: Mutex::default(),
        }))
    }

    /// A patient's pseudonym: what the guard's reports name.
    #[must_use]
    pub fn pseudonym(&self, number: &str) -> String {
        self.0.pseudonyms.pseudonym(number)
    }

    /// What is said of one answer.
    ///
    /// # Errors
    /// [`AdapterError::CryptoFailed`].
    pub fn statement(
        &self,
        session: &str,
        seen: &Seen<'_>,
    ) -> Result<LookUpStatement, AdapterError> {
        let patients = seen.numbers.iter().map(|number| self.pseudonym(number));
        let source = seen.source.map(|source| self.pseudonym(source));
        Ok(LookUpStatement {
            t: self.0.clock.unix_milliseconds(),
            nonce: nonce()?,
            session: session.to_owned(),
            kind: seen.kind,
            patients: patients.collect(),
            sequence: self.note(session, seen.numbers),
            follow_up: seen.follow_up,
            source,
            presence: seen.presence.map(str::to_owned),
        })
    }

    /// The same as text for `POST /look-ups`.
    ///
    /// # Errors
    /// [`AdapterError::CryptoFailed`].
    pub fn sealed(&self, session: &str, seen: &Seen<'_>) -> Result<String, AdapterError> {
        let statement = self.statement(session, seen)?;
        self.0.keys.seal(Purpose::LookUp, &statement)
    }

    /// States that a patient is there, once his own card was read in this session.
    ///
    /// # Errors
    /// [`AdapterError::CryptoFailed`].
    pub fn presence(&self, session: &str, number: &str) -> Result<String, AdapterError> {
        let presence = PresenceStatement {
            t: self.0.clock.unix_milliseconds(),
            nonce: nonce()?,
            session: session.to_owned(),
            patient: self.pseudonym(number),
        };
        self.0.keys.seal(Purpose::Presence, &presence)
    }

    /// Whether a single number goes on from this session's last ones; it is one of them from now.
    fn note(&self, session: &str, numbers: &[&str]) -> bool {
        let [number] = numbers else {
            return false;
        };
        let mut sessions = self.0.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.len() >= SESSIONS_MAX && !sessions.contains_key(session) {
            sessions.clear();
        }
        let recent = sessions.entry(session.to_owned()).or_default();
        let is_going_on = is_in_sequence(recent.make_contiguous(), number);
        if recent.back().is_none_or(|last| last != number) {
            recent.push_back((*number).to_owned());
        }
        if recent.len() > RECENT {
            recent.pop_front();
        }
        is_going_on
    }
}

fn nonce() -> Result<String, AdapterError> {
    random_base64url(NONCE_BYTES).map_err(|_| AdapterError::CryptoFailed)
}
