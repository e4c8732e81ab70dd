//! Asking the holder of the session's card for a fresh signature, and taking her answer
//! (docs/adr/0043).
//!
//! The answer is longer than a frame and comes in parts, so that no connection may send a longer
//! frame than a statement of presence needs: only one that holds a session and was asked may send
//! parts at all.

use cardea_provider::{StepUpAttempt, StepUpDecline};

use super::{Close, Connection};
use crate::presence::frame::ServerFrame;
use crate::request_log::short_login_id;

/// What the card signed and what its agent countersigned, with the space between them.
const ANSWER_BYTES_MAX: usize = 27 * 1024;
/// Parts of one answer; an agent of ours fills them, and sends eight.
const PARTS_MAX: u32 = 64;

/// The question that this connection has passed on, and what has come of its answer.
#[derive(Debug, Default)]
pub(super) struct Asked {
    challenge: String,
    answer: String,
    parts: u32,
    is_open: bool,
}

impl Connection<'_> {
    /// Passes a question on, once: it is looked for again and again while it waits.
    pub(super) async fn ask_step_up(&mut self, challenge: &str) -> Result<(), Close> {
        if !self.claimed || self.asked.challenge == challenge {
            return Ok(());
        }
        self.asked = Asked {
            challenge: challenge.to_owned(),
            answer: String::new(),
            parts: 0,
            is_open: true,
        };
        self.send(&ServerFrame::StepUp { challenge }).await
    }

    /// Takes a part of the answer; the last one has it judged.
    pub(super) async fn take_step_up(&mut self, part: &str, is_last: bool) -> Result<(), Close> {
        let asked = &mut self.asked;
        asked.parts = asked.parts.saturating_add(1);
        let is_bounded = asked.parts <= PARTS_MAX
            && asked.answer.len().saturating_add(part.len()) <= ANSWER_BYTES_MAX;
        if !asked.is_open || part.is_empty() || !is_bounded {
            return Err(Close::Refused("server.request_malformed"));
        }
        asked.answer.push_str(part);
        if !is_last {
            return Ok(());
        }
        asked.is_open = false;
        let answer = std::mem::take(&mut asked.answer);
        let (statement, attestation) = answer
            .split_once(' ')
            .ok_or(Close::Refused("server.request_malformed"))?;
        let attempt = StepUpAttempt {
            presence_jkt: self.jkt.as_deref().unwrap_or_default(),
            statement,
            attestation,
        };
        let provider = self.state.provider();
        let judged = provider.accept_step_up(attempt, self.state.revocation());
        let session = self.session_id.as_deref().map(short_login_id);
        let frame = match judged.await {
            Ok(()) => {
                tracing::info!(session, "the card has signed anew");
                ServerFrame::StepUpAnswered {
                    outcome: "given",
                    code: None,
                }
            }
            Err(error) => {
                tracing::warn!(session, code = error.code(), "a fresh signature is refused");
                ServerFrame::StepUpAnswered {
                    outcome: "refused",
                    code: Some(error.public.code()),
                }
            }
        };
        self.send(&frame).await
    }

    /// Notes that there will be no answer.
    pub(super) async fn decline_step_up(&mut self, jti: &str, reason: &str) -> Result<(), Close> {
        if !self.asked.is_open {
            return Err(Close::Refused("server.request_malformed"));
        }
        self.asked.is_open = false;
        let decline = StepUpDecline::parse(reason);
        let session = self.session_id.as_deref().map(short_login_id);
        let reason = decline.as_str();
        tracing::info!(session, reason, "no fresh signature is given");
        let jkt = self.jkt.as_deref().unwrap_or_default();
        let declined = self.state.provider().decline_step_up(jkt, jti, decline);
        declined
            .await
            .map_err(|error| Close::Unavailable(error.code()))
    }
}
