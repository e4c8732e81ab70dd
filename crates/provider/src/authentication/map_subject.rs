//! The end of a judged login: its session, tied to the authorization request, in one transaction
//! with its events.

use cardea_storage::{authorization_request, session};
use time::OffsetDateTime;

use crate::authentication::PendingSession;
use crate::authentication::new_session::{Accepted, find_subject, insert_session, record_accepted};
use crate::authentication::redeem_challenge::ChallengeRedeemed;
use crate::authentication::steps::Authenticated;
use crate::event::{Event, EventKind};
use crate::session::EndReason;
use crate::{Error, Provider};

pub(super) async fn open_session(
    provider: &Provider,
    challenge: &ChallengeRedeemed,
    authenticated: &Authenticated,
    now: OffsetDateTime,
) -> Result<PendingSession, Error> {
    let mut transaction = provider.store.begin().await?;
    // The request was read before the evidence was fetched: another card may have answered it, or
    // opened a session, since. A session that no request leads to would be nobody's to end.
    let request_id = &challenge.request.id;
    let request = authorization_request::hold_incomplete(&mut transaction, request_id)
        .await?
        .ok_or(Error::AuthorizationRequestCompleted)?;
    let sub = find_subject(&mut transaction, &authenticated.card, now).await?;
    let expected = challenge.parameters.expected_sub.as_ref();
    if expected.is_some_and(|expected| *expected != sub) {
        return Err(Error::SubjectNotExpected);
    }
    let new = authenticated.new_session();
    let (session, card) = insert_session(provider, &mut transaction, new, sub, now).await?;
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
    let event = |kind| {
        Event::new(kind, now)
            .of_request(request_id)
            .of_session(&session.id, &session.sub)
            .of_client(&request.client_id)
    };
    let Accepted {
        acr,
        instance_jkt,
        workstation,
        reader,
        card_rules,
        revocation,
    } = authenticated.accepted();
    let accepted = EventKind::LoginAccepted {
        acr,
        card: Some(card),
        instance_jkt,
        workstation,
        reader,
        through: challenge.parameters.through(),
        card_rules,
        revocation,
    };
    record_accepted(
        provider,
        &mut transaction,
        authenticated,
        &session,
        (accepted, event),
        now,
    )
    .await?;
    // A pending session gives nothing to anybody. What it leads to is told after a later commit.
    transaction.commit_with_the_next().await?;
    Ok(PendingSession {
        session_id: session.id,
        presence_jkt: session.presence_jkt,
    })
}
