//! Grants: what a client turns into tokens (RFC 6749 section 1.3), one file a grant.

mod authorization_code;
mod card_grant;
mod client_credentials;
pub(crate) mod code;
mod held_session;
mod issue;
mod narrow;
mod refresh_token;
mod refusal;
pub(crate) mod revoke;

use std::sync::Arc;

use cardea_oauth2_types::{GrantType, TokenParameters, TokenResponse};
use time::OffsetDateTime;

use crate::client_authentication::ClientCredentials;
use crate::dpop::DpopRequest;
use crate::key_binding::KeyBinding;
use crate::{Client, Error, Provider};

pub(crate) use authorization_code::check_verifier;
pub use card_grant::PendingCardGrant;
pub(crate) use issue::{NewGrant, RecordedGrant, RefreshTokens};
pub(crate) use narrow::{narrow_scope, read_resources};
pub use refusal::TokenError;
pub(crate) use refusal::{Refused, of_session_of};

/// Everything that a token request says.
#[derive(Debug)]
pub struct TokenRequest<'a> {
    /// Who asks.
    pub credentials: &'a ClientCredentials,
    /// What for.
    pub parameters: &'a TokenParameters,
    /// The proof that the client holds a key (RFC 9449), where it sends one.
    pub dpop: DpopRequest<'a>,
}

/// A token request whose client and key are proven.
pub(crate) struct ProvenRequest<'a> {
    pub(crate) client: &'a Client,
    pub(crate) parameters: &'a TokenParameters,
    /// What the tokens will be bound to.
    pub(crate) key_binding: Option<&'a KeyBinding>,
}

impl Provider {
    /// Turns a grant into tokens: by whichever grant the request names and the client may use.
    ///
    /// # Errors
    /// [`TokenError`].
    pub async fn issue_tokens(
        &self,
        request: TokenRequest<'_>,
    ) -> Result<TokenResponse, TokenError> {
        let now = self.now();
        let client = match self.authenticate_client(request.credentials, now).await {
            Ok(client) => client,
            Err(error) => return Err(self.refuse_alone(None, error, now).await),
        };
        match self.redeem_grant(&client, &request, now).await {
            Ok(response) => Ok(response),
            Err(Refused::OnRecord(error)) => Err(error.into()),
            Err(Refused::Unrecorded(error)) => {
                Err(self.refuse_alone(Some(&client), error, now).await)
            }
        }
    }

    async fn redeem_grant(
        &self,
        client: &Arc<Client>,
        request: &TokenRequest<'_>,
        now: OffsetDateTime,
    ) -> Result<TokenResponse, Refused> {
        let grant_type = grant_type_of(client, request.parameters)?;
        // Before the grant is touched: a proof that must be made anew with our nonce, or that is
        // wrong, leaves the code or the refresh token as it was.
        let key_binding = self
            .check_key_binding(client, request.credentials, &request.dpop, now)
            .await?;
        let proven = ProvenRequest {
            client,
            parameters: request.parameters,
            key_binding: key_binding.as_ref(),
        };
        match grant_type {
            GrantType::AuthorizationCode => self.redeem_code(&proven, now).await,
            GrantType::RefreshToken => self.redeem_refresh_token(&proven, now).await,
            GrantType::ClientCredentials => self.redeem_client_credentials(&proven, now).await,
            GrantType::DeviceCode => self.redeem_device_code(&proven, now).await,
            // The card grant waits for a key and asks for evidence: see `accept_card_grant`.
            _ => Err(Error::GrantTypeUnsupported.into()),
        }
    }
}

/// The grant that a request names, if its client may use it. Passwords are no grant of ours
/// (attack F7).
fn grant_type_of(client: &Client, parameters: &TokenParameters) -> Result<GrantType, Error> {
    let named = parameters.grant_type.as_deref();
    let named = named.ok_or(Error::GrantTypeMissing)?;
    let grant_type = GrantType::find(named).ok_or(Error::GrantTypeUnsupported)?;
    if client.may_use(grant_type) {
        Ok(grant_type)
    } else {
        Err(Error::GrantTypeNotAllowed)
    }
}
