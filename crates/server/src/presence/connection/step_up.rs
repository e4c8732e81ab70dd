//! Asking the holder of the session's card for a fresh signature, and taking her answer
//! (docs/adr/0043).
//!
//! The answer is longer than a frame and comes in parts, so that no connection may send a longer
//! frame than a statement of presence needs: only one that holds a session and was asked may send
//! parts at all.

use cardea_provider::{StepUpAttempt, StepUpDecline};
use tokio::task::JoinHandle;
use tracing::Instrument as _;

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
    /// The answer that is being judged. That takes as long as evidence about the card takes to
    /// come, and this connection's presence must be heard meanwhile, or her session would end over
    /// it.
    judging: Option<JoinHandle<Judged>>,
}

/// What became of an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judged {
    outcome: &'static str,
    code: Option<&'static str>,
}

impl Asked {
    /// What became of the answer; never ends while none is being judged.
    pub(super) async fn judged(&mut self) -> Judged {
        let Some(judging) = &mut self.judging else {
            return std::future::pending().await;
        };
        let judged = judging.await;
        self.judging = None;
        judged.unwrap_or(Judged {
            outcome: "refused",
            code: Some("server.internal"),
        })
    }
}

impl Connection<'_> {
    /// Passes a question on, once: it is looked for again and again while it waits.
    pub(super) async fn ask_step_up(&mut self, challenge: &str) -> Result<(), Close> {
        // The next question waits until the answer to the last one is judged.
        let is_judging = self.asked.judging.is_some();
        if !self.claimed || is_judging || self.asked.challenge == challenge {
            return Ok(());
        }
        self.asked = Asked {
            challenge: challenge.to_owned(),
            answer: String::new(),
            parts: 0,
            is_open: true,
            judging: None,
        };
        self.send(&ServerFrame::StepUp { challenge }).await
    }

    /// Takes a part of the answer; the last one has it judged, beside this connection's loop and to
    /// the end, whatever becomes of the connection.
    pub(super) fn take_step_up(&mut self, part: &str, is_last: bool) -> Result<(), Close> {
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
        let (statement, attestation) = (statement.to_owned(), attestation.to_owned());
        let presence_jkt = self.jkt.clone().unwrap_or_default();
        let session = self.session_id.clone();
        let state = self.state.clone();
        let judging = async move {
            let attempt = StepUpAttempt {
                presence_jkt: &presence_jkt,
                statement: &statement,
                attestation: &attestation,
            };
            let provider = state.provider();
            let judged = provider.accept_step_up(attempt, state.revocation()).await;
            let session = session.as_deref().map(short_login_id);
            match judged {
                Ok(()) => {
                    tracing::info!(session, "the card has signed anew");
                    Judged {
                        outcome: "given",
                        code: None,
                    }
                }
                Err(error) => {
                    tracing::warn!(session, code = error.code(), "a fresh signature is refused");
                    Judged {
                        outcome: "refused",
                        code: Some(error.public.code()),
                    }
                }
            }
        };
        self.asked.judging = Some(tokio::spawn(judging.in_current_span()));
        Ok(())
    }

    /// Says what became of an answer.
    pub(super) async fn answer_step_up(&mut self, judged: Judged) -> Result<(), Close> {
        let Judged { outcome, code } = judged;
        self.send(&ServerFrame::StepUpAnswered { outcome, code })
            .await
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
