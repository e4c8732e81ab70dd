//! Authentication by card: from a posted assertion to a session that waits for its presence key.
//!
//! [`steps`] reads as a list; each step has a file of its own and returns the evidence that the
//! next one needs.

mod check_addressee;
mod check_algorithm;
mod check_origin;
mod check_policy;
mod check_profile;
mod check_revocation;
mod check_shape;
mod check_step_up;
mod grant;
mod judge_again;
mod map_subject;
mod new_session;
mod redeem_challenge;
mod redeem_grant_challenge;
mod redeem_step_up;
mod refusal;
mod step_up;
mod steps;
mod validate_path;
mod verify_signatures;

pub(crate) use check_algorithm::KeyUse;
pub(crate) use check_policy::check_card;
pub(crate) use grant::{AuthenticatedGrant, GrantAttempt};
pub(crate) use judge_again::{JudgedAgain, judge_again};
pub(crate) use new_session::{NewSession, find_subject, insert_session};
pub use refusal::{AuthenticationError, PublicRefusal};
pub use step_up::StepUpAttempt;

pub(crate) use steps::{JudgedCard, PresentedCard, identify, judge_certificate, read_certificate};
pub(crate) use validate_path::validate_path;

use cardea_assertion::Error as AssertionError;
use cardea_storage::authorization_request;
use time::OffsetDateTime;

use crate::event::{Event, EventKind};
use crate::{Error, Provider, RevocationSource};
use refusal::Stop;

/// What the login page posts.
#[derive(Clone, Copy)]
pub struct LoginAttempt<'a> {
    /// The authorization request, from the page's address.
    pub request_id: &'a str,
    /// The browser's login cookie.
    pub login_cookie: &'a str,
    /// The card's assertion.
    pub assertion: &'a str,
    /// The agent's countersignature.
    pub attestation: &'a str,
}

/// A session that exists and waits for its presence key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingSession {
    /// Its id.
    pub session_id: String,
    /// The thumbprint of the presence key: the agent's connection with this key is to be asked.
    pub presence_jkt: String,
}

impl Provider {
    /// Judges a card assertion. Its challenge is spent whatever the outcome, and the precise
    /// reason of a refusal is on record before the caller learns of it.
    ///
    /// # Errors
    /// [`AuthenticationError`], which says how much of the reason the browser may learn.
    pub async fn authenticate(
        &self,
        attempt: LoginAttempt<'_>,
        revocation_source: &dyn RevocationSource,
    ) -> Result<PendingSession, AuthenticationError> {
        let now = self.now();
        let judged = steps::judge_login(self, attempt, revocation_source, now).await;
        let opened = match judged {
            Ok((challenge, authenticated)) => {
                map_subject::open_session(self, &challenge, &authenticated, now)
                    .await
                    .map_err(|error| {
                        Stop::proven(error)
                            .for_client(challenge.client_id())
                            .of_card(Some(authenticated.identified()))
                    })
            }
            Err(stop) => Err(stop),
        };
        match opened {
            Ok(pending) => Ok(pending),
            Err(stop) => {
                // A refusal that cannot be put on record is our own fault, and says so.
                let error = match self.record_refused_login(attempt, &stop, now).await {
                    Ok(()) => stop.error,
                    Err(unrecorded) => unrecorded,
                };
                Err(AuthenticationError::new(error, stop.proof))
            }
        }
    }

    /// Puts a refusal on record when it is about a login of ours, or has spent a challenge. What
    /// else arrives here is a stranger's invention, and is noted only.
    async fn record_refused_login(
        &self,
        attempt: LoginAttempt<'_>,
        stop: &Stop,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let code = stop.error.code();
        let instance_jkt = stop.card.as_ref().and_then(|card| card.instance_jkt());
        let kind = EventKind::LoginRefused {
            code,
            instance_jkt,
            card: None,
        };
        let mut event = Event::new(kind, now);
        if let Some(client_id) = &stop.client_id {
            event = event.of_client(client_id);
        }
        event = self.tie_suspended_use(event, &stop.error).await?;
        let request_id = Some(attempt.request_id);
        event = self
            .tie_refused_instance(event, request_id, &stop.error)
            .await?;
        if self.is_login(attempt.request_id).await? {
            let event = event.of_request(attempt.request_id);
            self.record_refused_use(event, stop.card.as_deref(), &stop.error)
                .await
        } else if matches!(
            stop.error,
            Error::Assertion(AssertionError::ChallengeForeignBrowser)
        ) {
            self.record_alone(event).await
        } else {
            self.note(&event);
            Ok(())
        }
    }

    async fn is_login(&self, request_id: &str) -> Result<bool, Error> {
        if !is_id(request_id) {
            return Ok(false);
        }
        let mut transaction = self.store.begin_brief_read().await?;
        let found = authorization_request::find(&mut transaction, request_id).await?;
        Ok(found.is_some())
    }
}

/// Whether a text has the form of our own ids; anything else is a stranger's text, which does not
/// go into the log.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == 43 && cardea_jose::parse_base64url(text).is_ok()
}

impl std::fmt::Debug for LoginAttempt<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("LoginAttempt(redacted)")
    }
}
