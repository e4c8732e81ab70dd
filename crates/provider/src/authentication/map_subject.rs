//! Last: the person becomes a subject, and the login a session, in one transaction with its events.

use cardea_jose::{random_base64url, sha256_base64url};
use cardea_storage::agent_instance::{InstanceUse, record_use};
use cardea_storage::session::{Session, SessionState};
use cardea_storage::subject::{PersonId, load_or_create};
use cardea_storage::{Transaction, authorization_request, session};
use time::OffsetDateTime;

use crate::authentication::PendingSession;
use crate::authentication::steps::Authenticated;
use crate::event::{Event, EventKind};
use crate::secret::RANDOM_BYTES;
use crate::session::EndReason;
use crate::{Error, Provider};

pub(super) async fn open_session(
    provider: &Provider,
    authenticated: &Authenticated,
    now: OffsetDateTime,
) -> Result<PendingSession, Error> {
    let mut transaction = provider.store.begin().await?;
    // The request was read before the evidence was fetched: another card may have answered it, or
    // opened a session, since. A session that no request leads to would be nobody's to end.
    let request_id = &authenticated.challenge.request.id;
    let request = authorization_request::hold_incomplete(&mut transaction, request_id)
        .await?
        .ok_or(Error::AuthorizationRequestCompleted)?;
    let sub = find_subject(&mut transaction, authenticated, now).await?;
    let expected = authenticated.challenge.parameters.expected_sub.as_ref();
    if expected.is_some_and(|expected| *expected != sub) {
        return Err(Error::SubjectNotExpected);
    }
    let session = new_session(authenticated, sub, now)?;
    session::insert(&mut transaction, &session)
        .await
        .map_err(|error| match error {
            // Session ids are random; presence keys must be fresh.
            cardea_storage::Error::Conflict => Error::PresenceKeyReused,
            other => other.into(),
        })?;
    if let Some(earlier) = &request.session_id
        && let Some(earlier) = session::find(&mut transaction, earlier).await?
    {
        provider
            .end_in(&mut transaction, &earlier, EndReason::Continued, now)
            .await?;
    }
    if !authorization_request::attach_session(&mut transaction, request_id, &session.id).await? {
        return Err(Error::AuthorizationRequestCompleted);
    }
    record_events(provider, &mut transaction, authenticated, &session, now).await?;
    transaction.commit().await?;
    Ok(PendingSession {
        session_id: session.id,
        presence_jkt: session.presence_jkt,
    })
}

/// The person is the number in its register, never the card: a renewed card is the same person.
/// Test cards live in registers of their own, whatever the operator trusts.
async fn find_subject(
    transaction: &mut Transaction,
    authenticated: &Authenticated,
    now: OffsetDateTime,
) -> Result<String, Error> {
    let person = PersonId {
        scheme: &authenticated.register,
        value: &authenticated.identity.subject_id,
    };
    let sub_if_new = random_base64url(RANDOM_BYTES)?;
    Ok(load_or_create(transaction, person, &sub_if_new, now).await?)
}

fn new_session(
    authenticated: &Authenticated,
    sub: String,
    now: OffsetDateTime,
) -> Result<Session, Error> {
    let signatures = &authenticated.signatures;
    let identity =
        serde_json::to_string(&authenticated.identity).map_err(Error::StoredValueUnreadable)?;
    Ok(Session {
        id: random_base64url(RANDOM_BYTES)?,
        sub,
        identity,
        card_sha256: sha256_base64url(signatures.certificate.der()),
        instance_jkt: signatures.instance.as_str().to_owned(),
        presence_jkt: signatures.assertion.claims().cnf.jkt.clone(),
        acr: authenticated.policy.acr.as_str().to_owned(),
        revocation_age: Some(authenticated.revocation.card.age_seconds),
        state: SessionState::Pending,
        cookie: None,
        authenticated_at: now,
        present_at: None,
        used_at: now,
    })
}

async fn record_events(
    provider: &Provider,
    transaction: &mut Transaction,
    authenticated: &Authenticated,
    session: &Session,
    now: OffsetDateTime,
) -> Result<(), Error> {
    let request = &authenticated.challenge.request;
    let event = |kind| {
        Event::new(kind, now)
            .of_request(&request.id)
            .of_session(&session.id, &session.sub)
            .of_client(&request.client_id)
    };
    let accepted = EventKind::LoginAccepted {
        acr: authenticated.policy.acr.as_str(),
        instance_jkt: session.instance_jkt.clone(),
        card_rules: authenticated.card_rules.clone(),
        revocation: authenticated.revocation.card,
    };
    provider.record(transaction, event(accepted)).await?;
    if let Some(grace) = authenticated.revocation.grace {
        let grace = EventKind::RevocationGraceUsed(grace);
        provider.record(transaction, event(grace)).await?;
    }
    let instance_use = record_use(transaction, &session.sub, &session.instance_jkt, now).await?;
    if instance_use == InstanceUse::First {
        let instance_jkt = session.instance_jkt.clone();
        let first = EventKind::AgentInstanceFirstUsed { instance_jkt };
        provider.record(transaction, event(first)).await?;
    }
    Ok(())
}
