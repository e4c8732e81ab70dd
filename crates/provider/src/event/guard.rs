//! What guards in front of portals' APIs brought about.

use serde::{Deserialize, Serialize};

use super::{EventKind, EvidenceUsed};
use crate::Author;

/// A guard has stopped a session or an account, or an operator has lifted that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum GuardEvent {
    /// A guard has reported look-ups: each stands beside the log, and its digest here.
    LookUpsReported {
        /// The guard, as a client.
        guard: String,
        /// The reports.
        reports: Vec<RecordedReport>,
    },
    /// Reports about a person were erased for good before their time.
    LookUpsErased {
        /// Who.
        by: Author,
        /// Their ids.
        reports: Vec<String>,
        /// The digest of each, in the same order, as the log has it on record; an empty text of one
        /// that it has not.
        digests: Vec<String>,
        /// The same over the signature of the log's key: anybody can write into the database.
        record: String,
    },
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

/// The kind of [`GuardEvent::LookUpsReported`].
pub(crate) const LOOK_UPS_REPORTED: &str = "guard.look_ups_reported";
/// The kind of [`GuardEvent::LookUpsErased`].
pub(crate) const LOOK_UPS_ERASED: &str = "guard.look_ups_erased";

/// A report as the log has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedReport {
    /// Its id.
    pub id: String,
    /// The digest of everything in it, under a salt that goes with it.
    pub sha256: String,
}

impl GuardEvent {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::LookUpsReported { .. } => LOOK_UPS_REPORTED,
            Self::LookUpsErased { .. } => LOOK_UPS_ERASED,
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
