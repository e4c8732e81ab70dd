//! What leaves this server about what happened: events that are pushed, and outputs to a SIEM.

use serde::Serialize;

use super::EventKind;

/// A receiver was not told, or an output begins. Whom a pushed event was about is not named: its
/// receiver knows it by the event's own id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum EventsOutEvent {
    /// A receiver has refused a pushed event for good.
    PushRefused {
        /// Stable code.
        #[serde(skip)]
        code: &'static str,
        /// The event's id.
        jti: String,
        /// The receiver's word of why (RFC 8935 section 2.4), within bounds.
        err: String,
        /// How many tries there were.
        attempts: i64,
    },
    /// A receiver could not be told in time, and will not be.
    PushUndelivered {
        /// Stable code.
        #[serde(skip)]
        code: &'static str,
        /// The event's id.
        jti: String,
        /// How many tries there were.
        attempts: i64,
    },
    /// More waited for a receiver than is kept: the oldest are dropped.
    PushDropped {
        /// Stable code.
        #[serde(skip)]
        code: &'static str,
        /// How many.
        events: u64,
    },
    /// Events go out to a SIEM from a place of the log on.
    SiemBegun {
        /// The output's name.
        output: String,
        /// The place.
        place: u64,
    },
}

impl EventsOutEvent {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::PushRefused { .. } => "event_push.refused",
            Self::PushUndelivered { .. } => "event_push.undelivered",
            Self::PushDropped { .. } => "event_push.dropped",
            Self::SiemBegun { .. } => "siem.begun",
        }
    }

    pub(super) fn code(&self) -> Option<&'static str> {
        match self {
            Self::PushRefused { code, .. }
            | Self::PushUndelivered { code, .. }
            | Self::PushDropped { code, .. } => Some(code),
            Self::SiemBegun { .. } => None,
        }
    }
}

impl From<EventsOutEvent> for EventKind {
    fn from(event: EventsOutEvent) -> Self {
        Self::EventsOut(event)
    }
}
