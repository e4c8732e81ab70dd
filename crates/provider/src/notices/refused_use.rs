//! A refused use of a card whose person is known beyond doubt.

use cardea_assertion::InstanceThumbprint;
use cardea_jose::random_base64url;
use cardea_pki::ProfessionalIdentity;
use cardea_storage::Transaction;
use cardea_storage::refused_use::{self, Refused};
use cardea_storage::subject::{self, PersonId};
use cardea_storage::{agent_instance, card};

use crate::authentication::PublicRefusal;
use crate::event::Event;
use crate::secret::RANDOM_BYTES;
use crate::{Error, InstanceRefusal, Provider};

/// Whose card it is: its certificate leads to a trust anchor, and its key was proven. Only the
/// judgement of a card builds one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IdentifiedCard {
    register: String,
    subject_id: String,
    family: String,
    number: String,
    instance: Option<(String, Option<String>)>,
}

impl IdentifiedCard {
    pub(crate) fn of(register: &str, identity: &ProfessionalIdentity) -> Self {
        Self {
            register: register.to_owned(),
            subject_id: identity.subject_id.clone(),
            family: identity.card.family.as_str().to_owned(),
            number: identity.card.number.clone(),
            instance: None,
        }
    }

    /// The same at a workstation whose agent has countersigned.
    pub(crate) fn at(self, instance: &InstanceThumbprint) -> Self {
        let name = instance.name().map(str::to_owned);
        Self {
            instance: Some((instance.as_str().to_owned(), name)),
            ..self
        }
    }

    pub(crate) fn instance_jkt(&self) -> Option<String> {
        self.instance.as_ref().map(|(jkt, _)| jkt.clone())
    }

    /// Our id of the card; none where nobody has signed in with it yet.
    async fn find(
        &self,
        transaction: &mut Transaction,
        sub: &str,
    ) -> Result<Option<String>, Error> {
        let hers = card::list_of_person(transaction, sub).await?;
        let mut hers = hers.into_iter();
        let found = hers.find(|it| it.family == self.family && it.number == self.number);
        Ok(found.map(|card| card.id))
    }
}

impl Provider {
    /// Puts a refusal on record as one of its person's where it is known whose card it was, and
    /// makes it news to her. Of somebody who was never signed in nothing is kept but the refusal.
    pub(crate) async fn record_refused_use(
        &self,
        event: Event,
        card: Option<&IdentifiedCard>,
        error: &Error,
    ) -> Result<(), Error> {
        let Some(card) = card else {
            return self.record_alone(event).await;
        };
        let mut transaction = self.store.begin().await?;
        let person = PersonId {
            scheme: &card.register,
            value: &card.subject_id,
        };
        let Some(sub) = subject::find(&mut transaction, person).await? else {
            drop(transaction);
            return self.record_alone(event).await;
        };
        let event = match card.find(&mut transaction, &sub).await? {
            Some(card_id) => event.of_person(&sub).of_card(&card_id),
            None => event.of_person(&sub),
        };
        if !self.may_record(&event) {
            self.note(&event);
            return Ok(());
        }
        if self.is_news(&mut transaction, &sub, card, error).await? {
            let id = random_base64url(RANDOM_BYTES)?;
            let refused = Refused {
                id_if_new: &id,
                sub: &sub,
                code: PublicRefusal::after_proof(error).code(),
                client_id: event.client_id.as_deref(),
                instance: card
                    .instance
                    .as_ref()
                    .map(|(jkt, name)| (jkt.as_str(), name.as_deref())),
            };
            refused_use::note(&mut transaction, refused, event.occurred_at).await?;
        }
        self.record(&mut transaction, event).await?;
        Ok(transaction.commit().await?)
    }

    /// Whether she is to be told of a refusal. What failed here is none; of a workstation that is
    /// new to her she is told as such.
    async fn is_news(
        &self,
        transaction: &mut Transaction,
        sub: &str,
        card: &IdentifiedCard,
        error: &Error,
    ) -> Result<bool, Error> {
        if error.is_internal() || matches!(error, Error::AuthorizationRequestCompleted) {
            return Ok(false);
        }
        let is_for_newness = matches!(
            error,
            Error::InstanceRefused {
                reason: InstanceRefusal::NotKnown | InstanceRefusal::NotManaged,
                ..
            }
        );
        let Some((jkt, _)) = card.instance.as_ref().filter(|_| is_for_newness) else {
            return Ok(true);
        };
        let own = agent_instance::find(transaction, sub, jkt).await?;
        let is_told = own.is_some_and(|it| it.acknowledged_at.is_none() && it.revoked_at.is_none());
        Ok(!is_told)
    }
}
