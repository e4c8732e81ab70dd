//! A fresh signature for a session that goes on: the server asks over the session's own presence
//! connection because a guard at a portal's service wants it (docs/adr/0043).
//!
//! check the challenge under the session's own enrolment → wait for the place in front of the
//! person → the conversation, with this session's card alone and always its PIN → statement and
//! countersignature. Whatever keeps it from that is said by one word; the session goes on either
//! way, and the portal goes on refusing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cardea_card::Insertion;
use tokio::sync::oneshot;

use crate::Error;
use crate::agent::Agent;
use crate::blocked_sites::{Asking, Rest, Site};
use crate::boot_clock::SinceBoot;
use crate::challenge_check::{AcceptedChallenge, accept_step_up_challenge};
use crate::consent;
use crate::conversation::{Conversation, Signed, Unfinished};
use crate::enrolled_issuers::EnrolledIssuer;
use crate::progress::Progress;
use crate::prompt_slot::PromptPlace;
use crate::rate_limit;
use crate::sign_in::put_to_rest;

/// How often it is looked whether the person can be asked.
const LOOK: Duration = Duration::from_millis(500);
/// Below this nobody could read and type any more.
const TIME_TO_ANSWER: Duration = Duration::from_secs(10);

/// What the server asks, and for which session.
pub(crate) struct StepUpRequest {
    pub(crate) issuer: Arc<EnrolledIssuer>,
    pub(crate) challenge: String,
    pub(crate) arrived: Instant,
    /// The thumbprint of the session's presence key.
    pub(crate) presence_jkt: String,
    /// The card that the session is about.
    pub(crate) insertion: Insertion,
}

/// What the server is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StepUpAnswer {
    /// The card has signed.
    Signed {
        statement: String,
        attestation: String,
    },
    /// It has not.
    Declined { jti: String, reason: &'static str },
}

/// Asks the person, as long as `asked` is kept. Nothing is answered to a challenge that is none:
/// whoever sent it knows what it was worth.
pub(crate) async fn answer(
    agent: Arc<Agent>,
    request: StepUpRequest,
    asked: oneshot::Receiver<()>,
) -> Option<StepUpAnswer> {
    let accepted = match accept_step_up_challenge(&request).await {
        Ok(accepted) => accepted,
        Err(error) => {
            tracing::warn!(code = error.code(), %error, "a fresh signature was asked for wrongly");
            return None;
        }
    };
    let progress = kept_while(asked);
    Some(
        match sign(&agent, &accepted, &progress, request.arrived).await {
            Ok((statement, attestation)) => {
                tracing::info!("the card has signed anew");
                StepUpAnswer::Signed {
                    statement,
                    attestation,
                }
            }
            Err(error) => {
                tracing::info!(code = error.code(), %error, "no fresh signature");
                StepUpAnswer::Declined {
                    jti: accepted.wanted.jti().to_owned(),
                    reason: reason_of(&error),
                }
            }
        },
    )
}

/// A stream of states that nobody follows, and that is over when the session is.
fn kept_while(mut asked: oneshot::Receiver<()>) -> Progress {
    let (progress, mut lines) = Progress::channel();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                biased;
                _ = &mut asked => return,
                line = lines.recv() => if line.is_none() { return },
            }
        }
    });
    progress
}

async fn sign(
    agent: &Arc<Agent>,
    accepted: &AcceptedChallenge,
    progress: &Progress,
    arrived: Instant,
) -> Result<(String, String), Error> {
    let site = Site {
        origin: accepted
            .issuer
            .enrolment
            .issuer
            .origin()
            .as_str()
            .to_owned(),
        client_id: accepted.wanted.client_id().to_owned(),
        asking: Asking::FreshSignature,
    };
    agent.blocked_sites.check(&site, SinceBoot::now())?;
    agent.redeemed_challenges.redeem(accepted, arrived)?;
    let place = wait_for_place(agent, accepted, progress).await?;
    let unfinished = Unfinished::default();
    let conversation = Conversation {
        agent,
        accepted,
        progress,
        unfinished: &unfinished,
    };
    let signed = conversation.run().await;
    note_answer(agent, site, accepted, signed.as_ref().err());
    // The server has its answer before the place is free.
    let blocked = matches!(signed, Err(Error::Card(cardea_card::Error::PinBlocked)));
    tokio::spawn(leave(Arc::clone(agent), place, unfinished, blocked));
    let Signed {
        statement,
        attestation,
        ..
    } = signed?;
    Ok((statement, attestation))
}

/// What comes now is for the person alone, and nobody else is asked meanwhile.
async fn leave(agent: Arc<Agent>, place: PromptPlace, unfinished: Unfinished, blocked: bool) {
    unfinished.over().await;
    if blocked {
        consent::advise_about_blocked_card(&agent).await;
    }
    drop(place);
}

/// Whoever is being asked already goes first; nobody is asked behind a locked screen.
async fn wait_for_place(
    agent: &Agent,
    accepted: &AcceptedChallenge,
    progress: &Progress,
) -> Result<PromptPlace, Error> {
    loop {
        let taken = match agent.presence.check_screen() {
            Ok(()) => agent.prompt_slot.take(progress).await,
            Err(error) => Err(error),
        };
        let error = match taken {
            Ok(place) => return Ok(place),
            Err(error @ (Error::Busy | Error::ScreenLocked)) => error,
            Err(error) => return Err(error),
        };
        if accepted.lifetime.remaining() < TIME_TO_ANSWER {
            return Err(error);
        }
        tokio::select! {
            () = progress.page_gone() => return Err(Error::PageGone),
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// A guard whose questions are cancelled again and again may not ask for a while; its portal's
/// sign-in is another matter.
fn note_answer(agent: &Agent, site: Site, accepted: &AcceptedChallenge, error: Option<&Error>) {
    let answer = match error {
        None => rate_limit::Answer::Given,
        Some(Error::PromptCancelled | Error::LastTryDeclined) => rate_limit::Answer::Cancelled,
        Some(_) => return,
    };
    if agent.rate_limit.note_answer(&site, answer) {
        put_to_rest(agent, site, accepted.wanted.client_name(), Rest::Paused);
    }
}

/// The word that the server is told.
fn reason_of(error: &Error) -> &'static str {
    match error {
        Error::PromptCancelled | Error::LastTryDeclined => "cancelled",
        Error::PromptTimedOut | Error::ChallengeExpired | Error::TooManyEntries => "timed_out",
        Error::Busy | Error::RateLimited { .. } | Error::SiteBlocked { .. } => "busy",
        Error::ScreenLocked => "screen_locked",
        Error::Card(_) | Error::CardChanged | Error::CardExpired { .. } => "card_unusable",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::reason_of;
    use crate::Error;

    #[test]
    fn each_reason_has_a_word_that_the_server_knows() {
        for (error, word) in [
            (Error::PromptCancelled, "cancelled"),
            (Error::PromptTimedOut, "timed_out"),
            (Error::Busy, "busy"),
            (Error::ScreenLocked, "screen_locked"),
            (cardea_card::Error::PinBlocked.into(), "card_unusable"),
            (Error::PageGone, "other"),
        ] {
            assert_eq!(reason_of(&error), word, "{error}");
        }
    }
}
