//! What happens about cards that are lost.

use serde::Serialize;

use super::EventKind;
use crate::Author;

/// A card's code was made or used, or a card suspended or let in again. Each names the card by our
/// own id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum SuspensionEvent {
    /// A person was given the code that suspends her card; an earlier one is dead.
    CodeMade {
        /// The card.
        card: String,
    },
    /// A stranger, or whoever mistook, brought a code that is no card's.
    CodeRefused {
        /// Stable code.
        #[serde(skip)]
        code: &'static str,
    },
    /// A card was suspended, and its sessions are over.
    CardSuspended {
        /// The card.
        card: String,
        /// Which operator; none for whoever had the code.
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<Author>,
        /// Why, in the operator's words.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// How many sessions ended.
        sessions_ended: u64,
    },
    /// A card was suspended by its owner, signed in with another one, and its sessions are over.
    CardSuspendedByOwner {
        /// The card.
        card: String,
        /// How many sessions ended.
        sessions_ended: u64,
    },
    /// An operator let a suspended card in again.
    CardResumed {
        /// The card.
        card: String,
        /// Who.
        by: Author,
        /// How it was made sure who asks, in the operator's words.
        reason: String,
    },
    /// The owner has seen that her card was suspended.
    SuspensionSeen {
        /// The card.
        card: String,
    },
}

impl From<SuspensionEvent> for EventKind {
    fn from(event: SuspensionEvent) -> Self {
        Self::Suspension(event)
    }
}

impl SuspensionEvent {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::CodeMade { .. } => "suspend_code.made",
            Self::CodeRefused { .. } => "suspend_code.refused",
            Self::CardSuspended { by: None, .. } => "card.suspended_by_code",
            Self::CardSuspended { by: Some(_), .. } => "card.suspended_by_operator",
            Self::CardSuspendedByOwner { .. } => "card.suspended_by_owner",
            Self::CardResumed { .. } => "card.resumed",
            Self::SuspensionSeen { .. } => "card.suspension_seen",
        }
    }

    pub(super) fn code(&self) -> Option<&'static str> {
        match self {
            Self::CodeRefused { code } => Some(code),
            _ => None,
        }
    }
}
