//! "Yes" on the confirmation page: the card is judged whole, and a code goes with the browser.

use cardea_jose::random_base64url;
use cardea_oauth2_types::Acr;
use cardea_storage::agentless_code::{self, AgentlessCode};
use time::{Duration, OffsetDateTime};

use crate::agentless::{Admitted, AgentlessVisit, NO_INSTANCE, parse_chain};
use crate::authentication::{
    KeyUse, NewSession, PresentedCard, check_card, find_subject, identify, insert_session,
    judge_certificate,
};
use crate::event::{Event, EventKind};
use crate::notices::IdentifiedCard;
use crate::secret::RANDOM_BYTES;
use crate::{Error, Provider, RevocationSource, Secret};

/// A redirect takes moments.
const CODE_LIFETIME: Duration = Duration::seconds(30);
/// A person may come back from the next page and say yes again; a robot must not fill the table.
const CODES_OF_REQUEST_MAX: i64 = 20;

/// What the person's yes led to.
#[derive(Debug)]
pub struct AgentlessConfirmation {
    /// Good once, for seconds, and only in the browser that began the login: this very browser
    /// carries it to the issuer's host, see [`Provider::redeem_agentless_code`].
    pub code: Secret,
}

impl Provider {
    /// Judges a card by the handshake that its key has just answered, once the person has said yes.
    /// `confirmation` is what the page showed. The precise reason of a refusal is on record before
    /// the caller learns of it.
    ///
    /// # Errors
    /// [`Error::AgentlessConfirmationMismatch`], [`Error::AgentlessLimitReached`],
    /// [`Error::SubjectNotExpected`], and those of [`Provider::describe_agentless`].
    pub async fn confirm_agentless(
        &self,
        visit: AgentlessVisit<'_>,
        confirmation: &str,
        revocation_source: &dyn RevocationSource,
    ) -> Result<AgentlessConfirmation, Error> {
        let now = self.now();
        match self
            .judge_visit(visit, confirmation, revocation_source, now)
            .await
        {
            Ok(confirmed) => Ok(confirmed),
            Err(error) => {
                let card = self.card_of(visit, &error, now);
                Err(self
                    .record_refused_agentless(visit.request_id, card, error, now)
                    .await)
            }
        }
    }

    /// Whose card was refused, where she had said yes with it: a page that sends a browser here
    /// makes its card answer, and nobody has used anything.
    fn card_of(
        &self,
        visit: AgentlessVisit<'_>,
        error: &Error,
        now: OffsetDateTime,
    ) -> Option<IdentifiedCard> {
        let is_of_the_card = matches!(
            error,
            Error::Pki(_)
                | Error::CardFamilyNotAccepted
                | Error::ProfessionNotAccepted
                | Error::SubjectNotExpected
                | Error::CardSuspended { .. }
        );
        if !is_of_the_card {
            return None;
        }
        let (certificate, extra) = parse_chain(visit.chain_der).ok()?;
        let presented = PresentedCard {
            trust: &self.card_trust(),
            certificate: &certificate,
            extra: &extra,
            key_use: KeyUse::Handshake,
        };
        identify(presented, now).ok()
    }

    async fn judge_visit(
        &self,
        visit: AgentlessVisit<'_>,
        confirmation: &str,
        revocation_source: &dyn RevocationSource,
        now: OffsetDateTime,
    ) -> Result<AgentlessConfirmation, Error> {
        let mut transaction = self.store.begin_read().await?;
        let admitted = self
            .admit_agentless(&mut transaction, visit.request_id, now)
            .await?;
        let codes =
            agentless_code::count_of_request(&mut transaction, &admitted.request.id).await?;
        drop(transaction);
        if codes >= CODES_OF_REQUEST_MAX {
            return Err(Error::AgentlessLimitReached);
        }
        let (certificate, extra) = parse_chain(visit.chain_der)?;
        self.check_confirmation(&admitted.request.id, &certificate, confirmation)?;
        let presented = PresentedCard {
            trust: &self.card_trust(),
            certificate: &certificate,
            extra: &extra,
            key_use: KeyUse::Handshake,
        };
        let card = judge_certificate(presented, revocation_source, now).await?;
        check_card(&admitted.client.cards, &card.identity)?;
        let id = random_base64url(RANDOM_BYTES)?;
        let new = NewSession {
            certificate: &certificate,
            extra: &extra,
            card: &card,
            acr: Acr::CardUnwatched,
            instance_jkt: NO_INSTANCE.to_owned(),
            // Distinct, and no thumbprint: no key can ever speak for this session.
            presence_jkt: format!("{NO_INSTANCE}:{id}"),
        };
        self.open_agentless(&admitted, new, now).await
    }

    /// Stores the session, which waits for the browser that began the login, and its code. The
    /// login itself is not touched: this may be another browser, or another person.
    async fn open_agentless(
        &self,
        admitted: &Admitted,
        new: NewSession<'_>,
        now: OffsetDateTime,
    ) -> Result<AgentlessConfirmation, Error> {
        let card = new.card;
        let mut transaction = self.store.begin().await?;
        let sub = find_subject(&mut transaction, card, now).await?;
        let expected = admitted.parameters.expected_sub.as_ref();
        if expected.is_some_and(|expected| *expected != sub) {
            return Err(Error::SubjectNotExpected);
        }
        let (session, card_id) = insert_session(self, &mut transaction, new, sub, now).await?;
        let code = Secret::random()?;
        let record = AgentlessCode {
            code: code.digest(),
            authorization_request_id: admitted.request.id.clone(),
            session_id: session.id.clone(),
            issued_at: now,
            expires_at: now + CODE_LIFETIME,
        };
        agentless_code::insert(&mut transaction, &record).await?;
        let event = |kind| {
            Event::new(kind, now)
                .of_request(&admitted.request.id)
                .of_session(&session.id, &session.sub)
                .of_client(&admitted.client.client_id)
        };
        let accepted = EventKind::AgentlessLoginAccepted {
            acr: Acr::CardUnwatched.as_str(),
            card: Some(card_id),
            through: admitted.parameters.through(),
            card_rules: card.card_rules.clone(),
            revocation: card.revocation.card,
        };
        self.record(&mut transaction, event(accepted)).await?;
        if let Some(grace) = card.revocation.grace {
            let grace = EventKind::RevocationGraceUsed(grace);
            self.record(&mut transaction, event(grace)).await?;
        }
        transaction.commit().await?;
        Ok(AgentlessConfirmation { code })
    }
}
