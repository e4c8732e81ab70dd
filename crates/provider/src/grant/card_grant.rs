//! The card grant of business software without a browser (RFC 7523 section 2.1), in two steps: the
//! card is judged and a session waits; once its presence key has answered, there are tokens.
//!
//! Between the two the caller waits, and no transaction is open. A session whose key does not
//! answer in time ends: the challenge is spent, so there is nothing that could be asked for again,
//! which is why the client learns `invalid_grant` and not a pending state.

use std::sync::Arc;

use cardea_oauth2_types::{GrantType, TokenResponse};
use cardea_storage::session::{Session, SessionState};
use cardea_storage::{client_session, session};
use time::OffsetDateTime;

use super::refusal::Refused;
use super::{NewGrant, RefreshTokens, TokenError, TokenRequest, grant_type_of};
use crate::authentication::{AuthenticatedGrant, GrantAttempt};
use crate::key_binding::KeyBinding;
use crate::secret::RANDOM_BYTES;
use crate::session::{EndReason, is_live};
use crate::token::Login;
use crate::{Client, Demand, Error, PendingSession, Provider, RevocationSource};

/// A card grant that was accepted. It gives tokens once the presence key has answered; see
/// [`Provider::complete_card_grant`].
#[derive(Debug)]
pub struct PendingCardGrant {
    client: Arc<Client>,
    pending: PendingSession,
    scope: String,
    resources: Vec<String>,
}

impl PendingCardGrant {
    /// The session that waits, and the key that is to be asked.
    #[must_use]
    pub fn session(&self) -> &PendingSession {
        &self.pending
    }
}

impl Provider {
    /// Judges a card grant: client → proof of possession → challenge → signatures → card. The proof
    /// comes before the challenge is spent, so that a client which is asked for a fresh DPoP nonce
    /// can send the same grant again.
    ///
    /// # Errors
    /// [`TokenError`]; of a refusal about the card it shows what a browser would learn.
    pub async fn accept_card_grant(
        &self,
        request: TokenRequest<'_>,
        revocation_source: &dyn RevocationSource,
    ) -> Result<PendingCardGrant, TokenError> {
        let now = self.now();
        let client = match self.authenticate_client(request.credentials, now).await {
            Ok(client) => client,
            Err(error) => return Err(self.refuse_alone(None, error, now).await),
        };
        let accepted = self
            .accept_from(&client, &request, revocation_source, now)
            .await;
        match accepted {
            Ok(AuthenticatedGrant { challenge, pending }) => Ok(PendingCardGrant {
                client,
                pending,
                scope: challenge.scope,
                resources: challenge.resources,
            }),
            Err(Refused::OnRecord(error)) => Err(error.into()),
            Err(Refused::Unrecorded(error)) => {
                Err(self.refuse_alone(Some(&client), error, now).await)
            }
        }
    }

    async fn accept_from(
        &self,
        client: &Client,
        request: &TokenRequest<'_>,
        revocation_source: &dyn RevocationSource,
        now: OffsetDateTime,
    ) -> Result<AuthenticatedGrant, Refused> {
        let parameters = request.parameters;
        if grant_type_of(client, parameters)? != GrantType::CardGrant {
            return Err(Error::GrantTypeUnsupported.into());
        }
        let (Some(assertion), Some(attestation)) = (&parameters.assertion, &parameters.attestation)
        else {
            return Err(Error::CardGrantAssertionMissing.into());
        };
        // Whatever the client registered: without the proof a stolen grant would be a bearer token.
        let bound = Client {
            dpop_bound_access_tokens: Demand::Required,
            ..client.clone()
        };
        let key = self.check_dpop(&bound, &request.dpop, None, now).await?;
        let key = key.ok_or(Error::DpopProofMissing)?;
        let attempt = GrantAttempt {
            client,
            dpop_jkt: &key.jkt,
            assertion,
            attestation,
            scope: parameters.scope.as_deref(),
            resources: &parameters.resource,
        };
        self.authenticate_grant(attempt, revocation_source, now)
            .await
            .map_err(|error| Refused::OnRecord(error.into()))
    }

    /// Gives the tokens of a card grant whose session has become active: bound to the presence key,
    /// and gone with the card. Call it once the key has answered or the wait is over.
    ///
    /// # Errors
    /// [`TokenError`] with [`Error::CardGrantPresenceMissing`] when the key has not answered, or
    /// the card has left since: the session is over then.
    pub async fn complete_card_grant(
        &self,
        grant: PendingCardGrant,
    ) -> Result<TokenResponse, TokenError> {
        let now = self.now();
        match self.give_tokens(&grant, now).await {
            Ok(response) => Ok(response),
            Err(error) => Err(self.refuse_alone(Some(&grant.client), error, now).await),
        }
    }

    async fn give_tokens(
        &self,
        grant: &PendingCardGrant,
        now: OffsetDateTime,
    ) -> Result<TokenResponse, Error> {
        let mut transaction = self.store.begin().await?;
        let found = session::find(&mut transaction, &grant.pending.session_id).await?;
        let session = found.ok_or(Error::CardGrantPresenceMissing)?;
        // The second condition also holds the session until this transaction ends: it cannot end
        // between this check and the tokens.
        if !self.is_present(&session, now)
            || !session::record_use(&mut transaction, &session.id, now).await?
        {
            self.end_in(&mut transaction, &session, EndReason::NeverPresent, now)
                .await?;
            transaction.commit().await?;
            return Err(Error::CardGrantPresenceMissing);
        }
        let sid_if_new = cardea_jose::random_base64url(RANDOM_BYTES)?;
        let client = &grant.client;
        let client_id = &client.client_id;
        let sid = client_session::load_or_create(
            &mut transaction,
            &session.id,
            client_id,
            &sid_if_new,
            now,
        )
        .await?;
        let sub = self
            .subject_for(&mut transaction, client, &session.sub, now)
            .await?;
        let resources =
            serde_json::to_string(&grant.resources).map_err(Error::StoredValueUnreadable)?;
        let key_binding = KeyBinding::Dpop(session.presence_jkt.clone());
        let new = NewGrant {
            client,
            login: Some(Login::new(&session, &sid)),
            sub: &sub,
            scope: &grant.scope,
            audience: &grant.resources,
            claims: None,
            nonce: None,
            key_binding: Some(&key_binding),
            code: None,
            grant_type: GrantType::CardGrant,
            refresh: RefreshTokens::Begin {
                resources: &resources,
            },
        };
        let recorded = self.record_grant(&mut transaction, &new, now).await?;
        transaction.commit().await?;
        self.sign_tokens(&new, &recorded, now)
    }

    fn is_present(&self, session: &Session, now: OffsetDateTime) -> bool {
        session.state == SessionState::Active
            && is_live(session, &self.lifetimes, now)
            && self.has_presence_lease(session, now)
    }
}
