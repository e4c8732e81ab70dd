//! What guards in front of portals' APIs brought about.

use serde::Serialize;

use super::{EventKind, EvidenceUsed};
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
    /// A guard asked for a stop so soon after a lift that it cannot have heard of it: nothing
    /// happened.
    StopLate {
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
    /// The person has said that she has seen what a guard stopped.
    NoticeSeen {
        /// The notice.
        notice: String,
    },
    /// A guard wants a fresh signature of a session's card, and its holder is asked.
    StepUpAsked {
        /// The guard, as a client.
        guard: String,
        /// The service, in its words.
        service: String,
        /// How many patients she is told of.
        patients: u32,
    },
    /// The card has signed anew.
    StepUpGiven {
        /// The guard, as a client.
        guard: String,
        /// The service, in its words.
        service: String,
        /// How many patients she was told of.
        patients: u32,
        /// What says that the card is not revoked.
        #[serde(flatten)]
        revocation: EvidenceUsed,
    },
    /// The agent gave no signature.
    StepUpDeclined {
        /// The guard, as a client.
        guard: String,
        /// The service, in its words.
        service: String,
        /// `cancelled`, `timed_out`, `busy`, `screen_locked`, `card_unusable` or `other`.
        reason: &'static str,
    },
    /// What was signed for it was refused.
    StepUpRefused {
        /// Stable code: the precise one, which the agent does not see.
        #[serde(skip)]
        code: &'static str,
    },
}

impl GuardEvent {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::SessionStopped { .. } => "guard.session_stopped",
            Self::AccountStopped { .. } => "guard.account_stopped",
            Self::StopLate { .. } => "guard.stop_late",
            Self::StopLifted { .. } => "guard.stop_lifted",
            Self::NoticeSeen { .. } => "guard.notice_seen",
            Self::StepUpAsked { .. } => "step_up.asked",
            Self::StepUpGiven { .. } => "step_up.given",
            Self::StepUpDeclined { .. } => "step_up.declined",
            Self::StepUpRefused { .. } => "step_up.refused",
        }
    }

    pub(super) fn code(&self) -> Option<&'static str> {
        match self {
            Self::StepUpRefused { code } => Some(code),
            _ => None,
        }
    }
}

impl From<GuardEvent> for EventKind {
    fn from(event: GuardEvent) -> Self {
        Self::Guard(event)
    }
}
