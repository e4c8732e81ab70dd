//! Hearing from the issuer that a session is over: Security Event Tokens (RFC 8417) by long poll
//! (RFC 8936), with a signed heartbeat each second (docs/event-stream.md).
//!
//! The stream says something of a token only while it is heard, and only of tokens that were made
//! since it is whole: all others are introspected.

mod receiver;
mod security_event;
mod told;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

use crate::AccessError;

pub(crate) use receiver::Receiver;
pub(crate) use told::{StopChange, StopNews, Told};

/// A heartbeat that is older says nothing any more.
const SILENCE_MAX: Duration = Duration::from_secs(3);

/// How much the stream can be believed.
#[derive(Default)]
pub(crate) struct StreamState(Mutex<Heard>);

#[derive(Default)]
struct Heard {
    last: Option<Heartbeat>,
    /// The code of what was reported last, until the stream is heard again.
    trouble: Option<&'static str>,
    is_told: bool,
}

#[derive(Clone, Copy)]
struct Heartbeat {
    /// By our own clock that nobody sets.
    at: Instant,
    /// Tokens from before it are not covered.
    since: i64,
}

impl StreamState {
    /// Whether an end of a token that was made at `iat` would be known.
    pub(crate) fn covers(&self, iat: i64) -> bool {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_fresh = |last: &Heartbeat| last.at.elapsed() <= SILENCE_MAX;
        heard
            .last
            .is_some_and(|last| is_fresh(&last) && iat >= last.since)
    }

    /// Whether the stream is heard; else the code of what is wrong.
    pub(crate) fn check(&self) -> Result<(), AccessError> {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match heard.last {
            Some(last) if last.at.elapsed() <= SILENCE_MAX => Ok(()),
            _ => Err(AccessError::HeartbeatLate),
        }
    }

    /// Notes that everything up to a heartbeat that was asked for at `asked_at` has been taken in.
    fn hear(&self, since: i64, asked_at: Instant) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.last.is_some_and(|last| last.since != since) {
            warn!(
                code = AccessError::EventStreamGap.code(),
                "the event stream began anew: older tokens are introspected"
            );
        }
        if !std::mem::replace(&mut heard.is_told, true) {
            info!("the event stream is heard");
        }
        heard.trouble = None;
        heard.last = Some(Heartbeat {
            at: asked_at,
            since,
        });
    }

    /// Notes that the stream can't be believed until its next good heartbeat.
    fn lose(&self, error: &AccessError) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.is_told = false;
        let code = Some(error.code());
        if std::mem::replace(&mut heard.trouble, code) != code {
            warn!(
                code = error.code(),
                "the event stream is not heard: tokens are introspected: {error}"
            );
        }
    }

    /// The same, at once: what was heard says nothing any more.
    fn distrust(&self, error: &AccessError) {
        self.lose(error);
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.last = None;
    }
}

#[cfg(test)]
mod tests;
