//! Taking a card grant, up to the session that waits for its presence key.

use std::sync::Arc;

use cardea_oauth2_types::{GrantType, TokenParameters};

use crate::authentication::GrantAttempt;
use crate::client_authentication::ClientCredentials;
use crate::dpop::DpopRequest;
use crate::{Client, Demand, Error, PendingSession, Provider, RevocationSource};

/// A card grant that was accepted. It gives tokens once the presence key has answered; see
/// [`Provider::complete_card_grant`].
#[derive(Debug)]
pub struct PendingCardGrant {
    pub(crate) client: Arc<Client>,
    pub(crate) pending: PendingSession,
    pub(crate) scope: String,
    pub(crate) resources: Vec<String>,
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
    /// Those of client authentication and of the proof; [`Error::GrantTypeNotAllowed`],
    /// [`Error::CardGrantAssertionMissing`], [`Error::CardGrant`], [`Error::ScopeNotGranted`],
    /// [`Error::ResourceNotGranted`].
    pub async fn accept_card_grant(
        &self,
        credentials: &ClientCredentials,
        parameters: &TokenParameters,
        dpop: &DpopRequest<'_>,
        revocation_source: &dyn RevocationSource,
    ) -> Result<PendingCardGrant, Error> {
        let now = self.now();
        let client = self.authenticate_client(credentials, now).await?;
        if !client.may_use(GrantType::CardGrant) {
            return Err(Error::GrantTypeNotAllowed);
        }
        let (Some(assertion), Some(attestation)) = (&parameters.assertion, &parameters.attestation)
        else {
            return Err(Error::CardGrantAssertionMissing);
        };
        // Whatever the client registered: without the proof a stolen grant would be a bearer token.
        let always = Client {
            dpop_bound_access_tokens: Demand::Required,
            ..Client::clone(&client)
        };
        let key = self.check_dpop(&always, dpop, None, now).await?;
        let key = key.ok_or(Error::DpopProofMissing)?;
        let attempt = GrantAttempt {
            client: &client,
            dpop_jkt: &key.jkt,
            assertion,
            attestation,
            scope: parameters.scope.as_deref(),
            resources: &parameters.resource,
        };
        let grant = self
            .authenticate_grant(attempt, revocation_source, now)
            .await?;
        Ok(PendingCardGrant {
            pending: grant.pending,
            scope: grant.challenge.scope,
            resources: grant.challenge.resources,
            client,
        })
    }
}
