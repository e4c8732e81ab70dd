//! A fresh signature of the card that holds a session, asked for because a guard wants it
//! (docs/adr/0043).
//!
//! The question begins in the transaction that takes the guard's report. It goes over the session's
//! own presence connection, whichever node has that, and comes back there; `authentication` judges
//! the answer. A session without an agent is not asked: nobody is there to answer.

use cardea_assertion::{Purpose, StepUpChallenge};
use cardea_jose::random_base64url;
use cardea_storage::guard_report::count_all_patients_of_session;
use cardea_storage::session::Session;
use cardea_storage::step_up::{self, StepUp, WaitingStepUp};
use cardea_storage::{Redemption, Transaction};
use time::{Duration, OffsetDateTime};

use crate::event::{Event, GuardEvent};
use crate::secret::RANDOM_BYTES;
use crate::session::{is_live, is_unwatched};
use crate::{Client, Error, Provider};

/// Questions to one session in an hour: more would teach the person to sign without reading.
const ASKED_PER_HOUR_MAX: i64 = 10;
/// How long a session is left alone after a question that was closed without a signature.
const REST_AFTER_REFUSAL: Duration = Duration::minutes(1);
/// How long a question is kept: the hour in which it counts, and some.
pub(crate) const KEPT: Duration = Duration::hours(2);
/// Questions that are looked at at once, over all sessions.
const WAITING_MAX: u32 = 1_000;

/// What a guard wants a signature for.
pub(crate) struct SignatureWanted<'a> {
    /// The guard, as a client.
    pub(crate) guard: &'a Client,
    /// The client whose token it was.
    pub(crate) client_id: &'a str,
    /// That client's session id.
    pub(crate) sid: &'a str,
    /// The service, in the guard's words.
    pub(crate) service: &'a str,
    /// How many patients the guard has counted; none where it counted something else.
    pub(crate) patients: Option<u32>,
    /// When the guard refused, by its clock, in milliseconds.
    pub(crate) refused_at_ms: i64,
}

/// Why an agent gives no signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepUpDecline {
    /// The person has cancelled.
    Cancelled,
    /// She did not answer in time.
    TimedOut,
    /// Something else was being asked all the time.
    Busy,
    /// The screen is locked.
    ScreenLocked,
    /// The card can't sign: its PIN is blocked, or the reader held by others.
    CardUnusable,
    /// Anything else.
    Other,
}

impl StepUpDecline {
    /// Reads an agent's word; one that a later agent may have is another reason.
    #[must_use]
    pub fn parse(word: &str) -> Self {
        let all = [
            Self::Cancelled,
            Self::TimedOut,
            Self::Busy,
            Self::ScreenLocked,
            Self::CardUnusable,
        ];
        let named = all.into_iter().find(|it| it.as_str() == word);
        named.unwrap_or(Self::Other)
    }

    /// The word on the wire and on record.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed_out",
            Self::Busy => "busy",
            Self::ScreenLocked => "screen_locked",
            Self::CardUnusable => "card_unusable",
            Self::Other => "other",
        }
    }
}

impl Provider {
    /// Has the holder of a session's card asked, unless she is being asked, was asked too often or
    /// has just refused.
    pub(crate) async fn ask_step_up(
        &self,
        transaction: &mut Transaction,
        session: &Session,
        wanted: &SignatureWanted<'_>,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        if is_unwatched(session) || !is_live(session, &self.lifetimes, now) {
            return Ok(());
        }
        let Some(client) = self.client_of_login(wanted.client_id) else {
            return Ok(());
        };
        let since = now - Duration::hours(1);
        let lately = step_up::asked_lately(transaction, &session.id, since, now).await?;
        let rests = |at: OffsetDateTime| now < at + REST_AFTER_REFUSAL;
        if lately.count >= ASKED_PER_HOUR_MAX || lately.refused_at.is_some_and(rests) {
            return Ok(());
        }
        let seen = count_all_patients_of_session(transaction, &session.id).await?;
        let seen = u32::try_from(seen).unwrap_or(u32::MAX);
        let expires_at = now + self.lifetimes.challenge;
        let challenge = StepUpChallenge {
            iss: self.issuer.as_str().to_owned(),
            purpose: Purpose::StepUp,
            nonce: random_base64url(RANDOM_BYTES)?,
            jti: random_base64url(RANDOM_BYTES)?,
            iat: now.unix_timestamp(),
            exp: expires_at.unix_timestamp(),
            client_id: client.client_id.clone(),
            client_name: client.name.clone(),
            service: wanted.service.to_owned(),
            patients: seen.max(wanted.patients.unwrap_or_default()),
            presence: session.presence_jkt.clone(),
        };
        let record = StepUp {
            challenge: challenge.sign(&self.keys().challenge_key)?,
            jti: challenge.jti,
            session_id: session.id.clone(),
            presence_jkt: challenge.presence,
            guard_client_id: wanted.guard.client_id.clone(),
            client_id: challenge.client_id,
            sid: wanted.sid.to_owned(),
            service: challenge.service,
            patients: challenge.patients,
            nonce: challenge.nonce,
            refused_at_ms: wanted.refused_at_ms,
            asked_at: now,
            expires_at,
        };
        if !step_up::ask(transaction, &record).await? {
            return Ok(());
        }
        let kind = GuardEvent::StepUpAsked {
            guard: record.guard_client_id,
            service: record.service,
            patients: record.patients,
        };
        let event = Event::new(kind, now)
            .of_session(&session.id, &session.sub)
            .of_client(&record.client_id);
        self.record(transaction, event).await
    }

    /// Lists the questions that wait for an answer, for the node that has their connection.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn waiting_step_ups(&self) -> Result<Vec<WaitingStepUp>, Error> {
        let mut transaction = self.store.begin_brief_read().await?;
        Ok(step_up::list_waiting(&mut transaction, self.now(), WAITING_MAX).await?)
    }

    /// Notes that the agent with this presence key gives no signature, and why. What is unknown or
    /// answered already stays as it is.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn decline_step_up(
        &self,
        presence_jkt: &str,
        jti: &str,
        decline: StepUpDecline,
    ) -> Result<(), Error> {
        let now = self.now();
        let mut transaction = self.store.begin().await?;
        let named = (jti, presence_jkt);
        let taken = step_up::redeem(&mut transaction, named, decline.as_str(), now).await?;
        let Redemption::Redeemed(step_up) = taken else {
            return Ok(());
        };
        let kind = GuardEvent::StepUpDeclined {
            guard: step_up.guard_client_id,
            service: step_up.service,
            reason: decline.as_str(),
        };
        let session = cardea_storage::session::find(&mut transaction, &step_up.session_id).await?;
        let mut event = Event::new(kind, now).of_client(&step_up.client_id);
        if let Some(session) = session {
            event = event.of_session(&session.id, &session.sub);
        }
        self.record(&mut transaction, event).await?;
        Ok(transaction.commit().await?)
    }
}

#[cfg(test)]
mod tests {
    use super::StepUpDecline;

    #[test]
    fn only_words_of_ours_go_on_record() {
        for word in [
            "cancelled",
            "timed_out",
            "busy",
            "screen_locked",
            "card_unusable",
        ] {
            assert_eq!(StepUpDecline::parse(word).as_str(), word);
        }
        for word in ["", "Cancelled", "other", "a\nline of the log"] {
            assert_eq!(StepUpDecline::parse(word), StepUpDecline::Other);
        }
    }
}
