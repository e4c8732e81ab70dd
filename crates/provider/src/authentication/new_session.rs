//! Last: the person becomes a subject, and what the card signed a session that waits for its
//! presence key. A login and a card grant do the same here, in a transaction of the caller's.

use cardea_jose::{random_base64url, sha256_base64url};
use cardea_oauth2_types::Acr;
use cardea_pki::Certificate;
use cardea_storage::agent_instance::InstanceUse;
use cardea_storage::session::{Session, SessionState};
use cardea_storage::subject::{PersonId, load_or_create};
use cardea_storage::{Transaction, session};
use time::OffsetDateTime;

use crate::authentication::steps::{Authenticated, JudgedCard};
use crate::event::{Event, EventKind, EvidenceUsed};
use crate::secret::RANDOM_BYTES;
use crate::suspension::record_card;
use crate::{Error, Provider};

/// What an accepted statement of a card puts on record.
pub(super) struct Accepted {
    pub(super) acr: &'static str,
    pub(super) instance_jkt: String,
    pub(super) workstation: Option<String>,
    pub(super) reader: Option<String>,
    pub(super) card_rules: String,
    pub(super) revocation: EvidenceUsed,
}

impl Authenticated {
    pub(super) fn accepted(&self) -> Accepted {
        Accepted {
            acr: self.policy.acr.as_str(),
            instance_jkt: self.signatures.instance.as_str().to_owned(),
            workstation: self.signatures.instance.name().map(str::to_owned),
            reader: self.signatures.instance.reader().map(str::to_owned),
            card_rules: self.card.card_rules.clone(),
            revocation: self.card.revocation.card,
        }
    }
}

/// The person is the number in its register, never the card: a renewed card is the same person.
/// Test cards live in registers of their own, whatever the operator trusts.
pub(crate) async fn find_subject(
    transaction: &mut Transaction,
    card: &JudgedCard,
    now: OffsetDateTime,
) -> Result<String, Error> {
    let person = PersonId {
        scheme: &card.register,
        value: &card.identity.subject_id,
    };
    let sub_if_new = random_base64url(RANDOM_BYTES)?;
    Ok(load_or_create(transaction, person, &sub_if_new, now).await?)
}

/// A session to be, and the card that opens it.
pub(crate) struct NewSession<'a> {
    pub(crate) certificate: &'a Certificate,
    pub(crate) extra: &'a [Certificate],
    pub(crate) card: &'a JudgedCard,
    pub(crate) acr: Acr,
    pub(crate) instance_jkt: String,
    pub(crate) presence_jkt: String,
}

impl Authenticated {
    /// The session that waits for its presence key.
    pub(super) fn new_session(&self) -> NewSession<'_> {
        NewSession {
            certificate: &self.signatures.certificate,
            extra: &self.signatures.extra,
            card: &self.card,
            acr: self.policy.acr,
            instance_jkt: self.signatures.instance.as_str().to_owned(),
            presence_jkt: self.signatures.presence_jkt.clone(),
        }
    }
}

/// Stores a pending session, and its card, to be looked at again. No session begins with a card
/// that is suspended: whoever opens one comes by here. Gives the session, and our id of the card.
pub(crate) async fn insert_session(
    provider: &Provider,
    transaction: &mut Transaction,
    new: NewSession<'_>,
    sub: String,
    now: OffsetDateTime,
) -> Result<(Session, String), Error> {
    let card_id = record_card(transaction, new.card, &sub, now).await?;
    let identity =
        serde_json::to_string(&new.card.identity).map_err(Error::StoredValueUnreadable)?;
    let session = Session {
        id: random_base64url(RANDOM_BYTES)?,
        sub,
        identity,
        card_sha256: sha256_base64url(new.certificate.der()),
        instance_jkt: new.instance_jkt,
        presence_jkt: new.presence_jkt,
        acr: new.acr.as_str().to_owned(),
        revocation_age: Some(new.card.revocation.card.age_seconds),
        state: SessionState::Pending,
        cookie: None,
        authenticated_at: now,
        present_at: None,
        used_at: now,
    };
    session::insert(transaction, &session)
        .await
        .map_err(|error| match error {
            // Session ids are random; presence keys must be fresh.
            cardea_storage::Error::Conflict => Error::PresenceKeyReused,
            other => other.into(),
        })?;
    provider
        .keep_card(
            transaction,
            (&session.id, &card_id),
            new.certificate,
            new.extra,
            &new.card.trust,
            now,
        )
        .await?;
    Ok((session, card_id))
}

/// Puts the acceptance on record, with what it rests on and whether the workstation is new to the
/// person, or refuses the workstation (step "policy", once the person is known). `event` ties each
/// to its login or client.
pub(super) async fn record_accepted(
    provider: &Provider,
    transaction: &mut Transaction,
    authenticated: &Authenticated,
    session: &Session,
    (accepted, event): (EventKind, impl Fn(EventKind) -> Event),
    now: OffsetDateTime,
) -> Result<(), Error> {
    let accepted = event(accepted);
    let client_id = accepted.client_id.clone().unwrap_or_default();
    let name = authenticated.signatures.instance.name();
    let instance = (session.instance_jkt.as_str(), name);
    let instance_use = provider
        .admit_instance(transaction, &client_id, &session.sub, instance, now)
        .await?;
    provider.record(transaction, accepted).await?;
    if let Some(grace) = authenticated.card.revocation.grace {
        let grace = EventKind::RevocationGraceUsed(grace);
        provider.record(transaction, event(grace)).await?;
    }
    if instance_use == InstanceUse::First {
        let instance_jkt = session.instance_jkt.clone();
        let first = EventKind::AgentInstanceFirstUsed {
            instance_jkt,
            workstation: name.map(str::to_owned),
        };
        provider.record(transaction, event(first)).await?;
    }
    Ok(())
}
