//! The answer to a step-up: what the card of a running session signed is judged as a login's is,
//! and the guard that asked is told (docs/adr/0043). No session begins by it.

use cardea_storage::security_event::tell_fresh_signature;
use cardea_storage::step_up::{self, GIVEN};
use cardea_storage::{session, step_up::StepUp};
use time::OffsetDateTime;

use crate::authentication::AuthenticationError;
use crate::authentication::new_session::find_subject;
use crate::authentication::redeem_step_up::StepUpRedeemed;
use crate::authentication::refusal::Stop;
use crate::authentication::steps::{self, Authenticated};
use crate::event::{Event, GuardEvent};
use crate::session::is_live;
use crate::{Error, Provider, RevocationSource};

/// What an agent answers over its presence connection.
#[derive(Clone, Copy)]
pub struct StepUpAttempt<'a> {
    /// The thumbprint of the key that this connection has proven.
    pub presence_jkt: &'a str,
    /// What the card signed.
    pub statement: &'a str,
    /// The agent's countersignature.
    pub attestation: &'a str,
}

impl std::fmt::Debug for StepUpAttempt<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("StepUpAttempt(redacted)")
    }
}

impl Provider {
    /// Judges the answer to a step-up. The question is closed whatever the outcome, and the precise
    /// reason of a refusal is on record before the agent learns of it. The session goes on either
    /// way.
    ///
    /// # Errors
    /// [`AuthenticationError`], which says how much of the reason the agent may learn.
    pub async fn accept_step_up(
        &self,
        attempt: StepUpAttempt<'_>,
        revocation_source: &dyn RevocationSource,
    ) -> Result<(), AuthenticationError> {
        let now = self.now();
        let mut asked = None;
        let judged = steps::judge_step_up(self, attempt, &mut asked, revocation_source, now).await;
        let given = match judged {
            Ok((redeemed, authenticated)) => self
                .give_step_up(&redeemed, &authenticated, now)
                .await
                .map_err(Stop::proven),
            Err(stop) => Err(stop),
        };
        let Err(stop) = given else {
            return Ok(());
        };
        // A refusal that cannot be put on record is our own fault, and says so.
        let recorded = self
            .record_refused_step_up(&stop, asked.as_ref(), now)
            .await;
        let error = match recorded {
            Ok(()) => stop.error,
            Err(unrecorded) => unrecorded,
        };
        Err(AuthenticationError::new(error, stop.proof))
    }

    async fn give_step_up(
        &self,
        redeemed: &StepUpRedeemed,
        authenticated: &Authenticated,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let StepUpRedeemed { step_up, session } = redeemed;
        let mut transaction = self.store.begin().await?;
        // It was read before the evidence was fetched.
        let session = session::find(&mut transaction, &session.id).await?;
        let session = session
            .filter(|it| is_live(it, &self.lifetimes, now))
            .ok_or(Error::StepUpSessionOver)?;
        if find_subject(&mut transaction, &authenticated.card, now).await? != session.sub {
            return Err(Error::SubjectNotExpected);
        }
        step_up::note_outcome(&mut transaction, &step_up.jti, GIVEN).await?;
        let kind = GuardEvent::StepUpGiven {
            guard: step_up.guard_client_id.clone(),
            service: step_up.service.clone(),
            patients: step_up.patients,
            revocation: authenticated.card.revocation.card,
        };
        let event = Event::new(kind, now)
            .of_session(&session.id, &session.sub)
            .of_client(&step_up.client_id);
        self.record(&mut transaction, event).await?;
        tell_fresh_signature(&mut transaction, step_up, now).await?;
        Ok(transaction.commit().await?)
    }

    /// What answers no question of ours is a stranger's invention, and is noted only.
    async fn record_refused_step_up(
        &self,
        stop: &Stop,
        asked: Option<&StepUp>,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let code = stop.error.code();
        let event = Event::new(GuardEvent::StepUpRefused { code }, now);
        let Some(step_up) = asked else {
            self.note(&event);
            return Ok(());
        };
        let mut event = event.of_client(&step_up.client_id);
        let mut transaction = self.store.begin().await?;
        if let Some(session) = session::find(&mut transaction, &step_up.session_id).await? {
            event = event.of_session(&session.id, &session.sub);
        }
        self.record(&mut transaction, event).await?;
        Ok(transaction.commit().await?)
    }
}
