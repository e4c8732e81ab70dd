//! What guards in front of portals' APIs brought about.

use serde::Serialize;

use super::EventKind;
use crate::Author;

/// A guard has stopped a session or an account, or an operator has lifted that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum GuardEvent {
    /// A guard has stopped a session: it ends.
    SessionStopped {
        /// The guard, as a client.
        guard: String,
        /// The service, in its words.
        service: String,
        /// The codes of its reasons.
        reasons: Vec<String>,
    },
    /// A guard has stopped an account at a service.
    AccountStopped {
        /// The stop.
        stop: String,
        /// The guard, as a client.
        guard: String,
        /// The service, in its words.
        service: String,
        /// The codes of its reasons.
        reasons: Vec<String>,
    },
    /// An operator has lifted the stop of an account.
    StopLifted {
        /// The stop.
        stop: String,
        /// The service, in the guard's words.
        service: String,
        /// Who.
        by: Author,
        /// How it was made sure who asks, in the operator's words.
        reason: String,
    },
}

impl GuardEvent {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::SessionStopped { .. } => "guard.session_stopped",
            Self::AccountStopped { .. } => "guard.account_stopped",
            Self::StopLifted { .. } => "guard.stop_lifted",
        }
    }
}

impl From<GuardEvent> for EventKind {
    fn from(event: GuardEvent) -> Self {
        Self::Guard(event)
    }
}
