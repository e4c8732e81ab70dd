//! Authentication by a card grant: from what business software hands in to a session that waits for
//! its presence key (design, life of a login, step 9).

use time::OffsetDateTime;

use crate::authentication::new_session::{Accepted, find_subject, insert_session, record_accepted};
use crate::authentication::redeem_grant_challenge::GrantChallengeRedeemed;
use crate::authentication::refusal::Stop;
use crate::authentication::steps::{self, Authenticated};
use crate::authentication::{AuthenticationError, PendingSession};
use crate::event::{Event, EventKind};
use crate::{Client, Error, Provider, RevocationSource};

/// What a client hands in at the token endpoint, and the key that it proved to hold.
#[derive(Clone, Copy)]
pub(crate) struct GrantAttempt<'a> {
    /// The client, authenticated.
    pub(crate) client: &'a Client,
    /// The thumbprint of the proof's key.
    pub(crate) dpop_jkt: &'a str,
    /// What the card signed.
    pub(crate) assertion: &'a str,
    /// The agent's countersignature.
    pub(crate) attestation: &'a str,
    /// Less than the challenge was for, where the client asks for less.
    pub(crate) scope: Option<&'a str>,
    /// The same for resource servers.
    pub(crate) resources: &'a [String],
}

/// What a card grant may give, and the session that waits.
pub(crate) struct AuthenticatedGrant {
    pub(crate) challenge: GrantChallengeRedeemed,
    pub(crate) pending: PendingSession,
}

impl Provider {
    /// Judges a card grant. Its challenge is spent whatever the outcome, and the precise reason of
    /// a refusal is on record before the caller learns of it.
    pub(crate) async fn authenticate_grant(
        &self,
        attempt: GrantAttempt<'_>,
        revocation_source: &dyn RevocationSource,
        now: OffsetDateTime,
    ) -> Result<AuthenticatedGrant, AuthenticationError> {
        let opened = match steps::judge_grant(self, attempt, revocation_source, now).await {
            Ok((challenge, authenticated)) => self
                .open_grant_session(attempt.client, &authenticated, now)
                .await
                .map(|pending| AuthenticatedGrant { challenge, pending })
                .map_err(|error| {
                    Stop::proven(error)
                        .for_client(&attempt.client.client_id)
                        .of_card(Some(authenticated.identified()))
                }),
            Err(stop) => Err(stop),
        };
        match opened {
            Ok(authenticated) => Ok(authenticated),
            Err(stop) => {
                // A refusal that cannot be put on record is our own fault, and says so.
                let error = match self.record_refused_grant(&stop, now).await {
                    Ok(()) => stop.error,
                    Err(unrecorded) => unrecorded,
                };
                Err(AuthenticationError::new(error, stop.proof))
            }
        }
    }

    async fn open_grant_session(
        &self,
        client: &Client,
        authenticated: &Authenticated,
        now: OffsetDateTime,
    ) -> Result<PendingSession, Error> {
        let mut transaction = self.store.begin().await?;
        let sub = find_subject(&mut transaction, &authenticated.card, now).await?;
        let new = authenticated.new_session();
        let (session, card) = insert_session(self, &mut transaction, new, sub, now).await?;
        let event = |kind| {
            Event::new(kind, now)
                .of_session(&session.id, &session.sub)
                .of_client(&client.client_id)
        };
        let Accepted {
            acr,
            instance_jkt,
            workstation,
            card_rules,
            revocation,
            ..
        } = authenticated.accepted();
        let accepted = EventKind::CardGrantAccepted {
            acr,
            card: Some(card),
            instance_jkt,
            workstation,
            card_rules,
            revocation,
        };
        let record = (accepted, event);
        record_accepted(self, &mut transaction, authenticated, &session, record, now).await?;
        transaction.commit().await?;
        Ok(PendingSession {
            session_id: session.id,
            presence_jkt: session.presence_jkt,
        })
    }

    /// What names no challenge of ours is a stranger's invention, and is noted only.
    async fn record_refused_grant(&self, stop: &Stop, now: OffsetDateTime) -> Result<(), Error> {
        let code = stop.error.code();
        let instance_jkt = stop.card.as_ref().and_then(|card| card.instance_jkt());
        let kind = EventKind::CardGrantRefused {
            code,
            instance_jkt,
            card: None,
        };
        let mut event = Event::new(kind, now);
        if let Some(client_id) = &stop.client_id {
            event = event.of_client(client_id);
        }
        event = self.tie_suspended_use(event, &stop.error).await?;
        event = self.tie_refused_instance(event, None, &stop.error).await?;
        if stop.spent {
            self.record_refused_use(event, stop.card.as_deref(), &stop.error)
                .await
        } else {
            self.note(&event);
            Ok(())
        }
    }
}
