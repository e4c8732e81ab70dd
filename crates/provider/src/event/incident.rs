//! What was done about incidents.

use serde::Serialize;

use super::EventKind;
use crate::Author;
use crate::incident::{IncidentBy, IncidentKind};

/// A step of an incident. What people wrote stands beside it; the event has its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum IncidentEvent {
    /// Somebody, or a guard, has opened an incident.
    Opened {
        /// The incident.
        incident: String,
        /// What it is.
        #[serde(rename = "incident_kind")]
        kind: IncidentKind,
        /// Who.
        by: IncidentBy,
        /// The event that it is about.
        #[serde(rename = "about", skip_serializing_if = "Option::is_none")]
        event_id: Option<String>,
        /// The stop of an account that it is about.
        #[serde(skip_serializing_if = "Option::is_none")]
        stop: Option<String>,
        /// The SHA-256 of what was said, base64url.
        #[serde(skip_serializing_if = "Option::is_none")]
        words_sha256: Option<String>,
    },
    /// An operator works on it.
    TakenUp {
        /// The incident.
        incident: String,
        /// Who.
        by: Author,
    },
    /// An operator wrote something down about it.
    Noted {
        /// The incident.
        incident: String,
        /// Which note.
        number: i64,
        /// Who.
        by: Author,
        /// The SHA-256 of the note, base64url.
        words_sha256: String,
    },
    /// An operator has closed it.
    Closed {
        /// The incident.
        incident: String,
        /// Who.
        by: Author,
        /// Why, in the operator's words.
        reason: String,
    },
    /// An operator has asked which patients were looked up.
    Reported {
        /// Who.
        by: Author,
        /// The SHA-256 of what was asked for, base64url: the same question has the same.
        scope_sha256: String,
        /// How many look-ups it found.
        look_ups: u64,
        /// `json`, `csv` or `pdf`.
        form: &'static str,
    },
}

impl IncidentEvent {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "incident.opened",
            Self::TakenUp { .. } => "incident.taken_up",
            Self::Noted { .. } => "incident.noted",
            Self::Closed { .. } => "incident.closed",
            Self::Reported { .. } => "incident.reported",
        }
    }
}

impl From<IncidentEvent> for EventKind {
    fn from(event: IncidentEvent) -> Self {
        Self::Incident(event)
    }
}
