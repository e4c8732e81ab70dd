//! What operators look at in their console, and what two of them decide together.

use serde::Serialize;

use super::EventKind;
use crate::Author;
use crate::approval::ProposedChange;

/// An operator has opened the console, was refused there, or has looked at somebody's data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum ConsoleEvent {
    /// An operator has opened the console, with her card and PIN.
    Opened {},
    /// Somebody was refused at the console.
    Refused {
        /// Stable code.
        #[serde(skip)]
        code: &'static str,
    },
    /// An operator has looked at what is on record about the person of this event.
    LookedAt {
        /// Who.
        by: Author,
        /// What she looked at.
        view: ConsoleView,
    },
}

/// What an operator looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ConsoleView {
    /// What a search found of her.
    Search,
    /// Everything about her.
    Person,
    /// One of her sessions.
    Session,
    /// One of her cards.
    Card,
    /// What happened at a portal, hers among others'.
    Portal,
    /// The list of stopped accounts.
    Stops,
    /// The list of suspended cards.
    SuspendedCards,
    /// An incident.
    Incident,
    /// The report of an incident, with whom she looked up.
    IncidentReport,
}

/// A change that takes two operators, at each of its steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum ApprovalEvent {
    /// An operator, or a command, has proposed it.
    Proposed {
        /// The proposal.
        proposal: String,
        /// Who.
        by: Author,
        /// What.
        #[serde(flatten)]
        change: ProposedChange,
        /// Until when it can be confirmed, in seconds since 1970.
        expires_at: i64,
    },
    /// An operator has made the proposal of a command her own.
    TakenOver {
        /// The proposal.
        proposal: String,
        /// Who.
        by: Author,
    },
    /// Another operator has confirmed it: it is done.
    Confirmed {
        /// The proposal.
        proposal: String,
        /// Who.
        by: Author,
    },
    /// It is not to be any more.
    Cancelled {
        /// The proposal.
        proposal: String,
        /// Who.
        by: Author,
    },
    /// Nobody has confirmed it in time.
    Expired {
        /// The proposal.
        proposal: String,
    },
    /// An operator was refused who wanted to confirm it.
    Refused {
        /// Stable code.
        #[serde(skip)]
        code: &'static str,
        /// The proposal.
        proposal: String,
        /// Who.
        by: Author,
    },
}

impl ConsoleEvent {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Opened {} => "console.opened",
            Self::Refused { .. } => "console.refused",
            Self::LookedAt { .. } => "console.looked_at",
        }
    }

    pub(super) fn code(&self) -> Option<&'static str> {
        match self {
            Self::Refused { code } => Some(code),
            _ => None,
        }
    }
}

impl ApprovalEvent {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Proposed { .. } => "approval.proposed",
            Self::TakenOver { .. } => "approval.taken_over",
            Self::Confirmed { .. } => "approval.confirmed",
            Self::Cancelled { .. } => "approval.cancelled",
            Self::Expired { .. } => "approval.expired",
            Self::Refused { .. } => "approval.refused",
        }
    }

    pub(super) fn code(&self) -> Option<&'static str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            _ => None,
        }
    }
}

impl From<ConsoleEvent> for EventKind {
    fn from(event: ConsoleEvent) -> Self {
        Self::Console(event)
    }
}

impl From<ApprovalEvent> for EventKind {
    fn from(event: ApprovalEvent) -> Self {
        Self::Approval(event)
    }
}
