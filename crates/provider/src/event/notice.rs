//! What people were told of the uses of their cards, and what they said to it.

use serde::Serialize;

use super::EventKind;

/// A person was told of something, or said that it was not she.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum NoticeEvent {
    /// She has seen uses of her card that were refused, and says that it was she.
    RefusedUsesSeen {
        /// Their rows.
        notices: Vec<String>,
    },
    /// She says of a line of her log that it was not she: an incident is open, and sessions of hers
    /// are over.
    NotMe {
        /// The line: an event's id, or what else it stands for.
        line: String,
        /// The incident.
        incident: String,
        /// How many sessions ended.
        sessions_ended: u64,
    },
}

impl From<NoticeEvent> for EventKind {
    fn from(event: NoticeEvent) -> Self {
        Self::Notice(event)
    }
}

impl NoticeEvent {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::RefusedUsesSeen { .. } => "refused_use.seen",
            Self::NotMe { .. } => "account.not_me",
        }
    }
}
