//! The stored authorization request: what was decided, and the browser it belongs to.

use cardea_assertion::HostAccount;
use cardea_jose::{constant_time_eq, random_base64url};
use cardea_oauth2_types::{Acr, GrantType, ResponseMode, Scope};
use cardea_storage::authorization_request::{self, AuthorizationRequest};
use cardea_storage::{SecretDigest, Transaction};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use crate::activity::Through;
use crate::agentless::AgentlessOffer;
use crate::authorization::check_acr::AcrDemand;
use crate::authorization::respond::{ReturnAddress, form_action};
use crate::secret::RANDOM_BYTES;
use crate::{Client, Error, Provider, Secret};

/// The checked parameters as they are stored with the request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StoredParameters {
    pub(crate) redirect_uri: String,
    #[serde(default)]
    pub(crate) response_mode: ResponseMode,
    pub(crate) state: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) scope: String,
    pub(crate) code_challenge: Option<String>,
    /// The claims asked for by name, as JSON (OIDC Core section 5.5).
    #[serde(default)]
    pub(crate) claims: Option<String>,
    /// The resource servers asked for (RFC 8707).
    #[serde(default)]
    pub(crate) resources: Vec<String>,
    /// The DPoP key that alone may redeem the code.
    #[serde(default)]
    pub(crate) dpop_jkt: Option<String>,
    /// The levels that satisfy the client.
    #[serde(default)]
    pub(crate) acr: AcrDemand,
    /// The person that `id_token_hint` or the `claims` parameter named, by our own name of her.
    pub(crate) expected_sub: Option<String>,
    pub(crate) ui_locales: Option<String>,
    /// `prompt=consent`: ask, whatever was answered before.
    #[serde(default)]
    pub(crate) ask_consent: bool,
    /// `prompt=login` or `max_age`: a PIN typed earlier is no proof that she is there now.
    #[serde(default)]
    pub(crate) ask_pin: bool,
    /// The request began with a session, and waits for the person's consent alone.
    #[serde(default)]
    pub(crate) silent: bool,
    /// The pushed request that this one came from: it is spent by the answer.
    #[serde(default)]
    pub(crate) pushed_id: Option<String>,
    /// The device that asks: the answer is for it, and the browser learns none.
    #[serde(default)]
    pub(crate) device_id: Option<String>,
    /// What that device says about who is at its door.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) host_account: Option<HostAccount>,
    /// Why the person was last refused because of her workstation: its portal is told if she gives
    /// up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refusal: Option<String>,
}

/// What the login page shows about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginPage {
    /// The client's identifier.
    pub client_id: String,
    /// The client's display name.
    pub client_name: String,
    /// How the client wants its answer.
    pub response_mode: ResponseMode,
    /// The languages that the client asked for, space-separated.
    pub ui_locales: Option<String>,
    /// What a policy must allow as the target of a form whose answer leads to the client; see
    /// [`AuthorizationResponse::form_action`](crate::AuthorizationResponse::form_action).
    pub form_action: String,
    /// When the page stops working.
    pub expires_at: OffsetDateTime,
    /// Whether this login can go without the agent.
    pub agentless: AgentlessOffer,
    /// Whether it signs in on another device than this browser's.
    pub for_device: bool,
}

impl Provider {
    /// Says what the login page shows, to the browser that began the login alone.
    ///
    /// # Errors
    /// [`Error::AuthorizationRequestUnknown`], [`Error::LoginCookieMismatch`],
    /// [`Error::AuthorizationRequestExpired`], [`Error::AuthorizationRequestCompleted`],
    /// [`Error::ClientUnknown`] when the client was taken out meanwhile.
    pub async fn describe_login(
        &self,
        request_id: &str,
        login_cookie: &str,
    ) -> Result<LoginPage, Error> {
        let mut transaction = self.store.begin_brief_read().await?;
        let request = load_request(&mut transaction, request_id, login_cookie, self.now()).await?;
        let client = self
            .client_of_login(&request.client_id)
            .ok_or(Error::ClientUnknown)?;
        let parameters = StoredParameters::read(&request)?;
        Ok(LoginPage {
            client_id: client.client_id.clone(),
            client_name: client.name.clone(),
            agentless: self.agentless_offer(&client, &parameters),
            response_mode: parameters.response_mode,
            form_action: form_action(&parameters.redirect_uri),
            for_device: parameters.device_id.is_some(),
            ui_locales: parameters.ui_locales,
            expires_at: request.expires_at,
        })
    }
}

impl StoredParameters {
    pub(crate) fn read(request: &AuthorizationRequest) -> Result<Self, Error> {
        serde_json::from_str(&request.parameters).map_err(Error::StoredValueUnreadable)
    }

    pub(crate) fn to_stored(&self) -> Result<String, Error> {
        serde_json::to_string(self).map_err(Error::StoredValueUnreadable)
    }

    /// Takes away what the operator has taken from the client's registration since the request was
    /// checked, so that it is neither shown nor given.
    pub(super) fn narrow_to(&mut self, client: &Client) -> Result<(), Error> {
        self.check_redirect_uri(client)?;
        let scope = Scope::parse(&self.scope)?.intersection(&client.scope);
        self.scope = scope.to_string();
        let is_for_others = !self.resources.is_empty();
        self.resources
            .retain(|resource| client.resources.contains(resource));
        // A token for nobody would become one for userinfo.
        if is_for_others && self.resources.is_empty() {
            return Err(Error::ResourceNotAllowed);
        }
        Ok(())
    }

    /// Whether the answer may still go where it was to go: to an address that the client has, or
    /// to a device that it may still ask by.
    pub(super) fn check_redirect_uri(&self, client: &Client) -> Result<(), Error> {
        if self.device_id.is_some() {
            return if client.may_use(GrantType::DeviceCode) {
                Ok(())
            } else {
                Err(Error::GrantTypeNotAllowed)
            };
        }
        if client.redirect_uris.contains(&self.redirect_uri) {
            Ok(())
        } else {
            Err(Error::RedirectUriMismatch)
        }
    }

    /// Whether a level says that the person proved herself as freshly as the client wants it.
    pub(crate) fn is_fresh_enough(&self, reached: Acr) -> bool {
        !self.ask_pin || reached == Acr::CardPin
    }

    /// For what the card signs, where that is no portal's page on the same screen.
    pub(crate) fn through(&self) -> Option<Through> {
        match (&self.device_id, &self.host_account) {
            (_, Some(_)) => Some(Through::Host),
            (Some(_), None) => Some(Through::Device),
            (None, None) => None,
        }
    }

    /// Where the answer goes.
    pub(crate) fn return_address<'a>(&'a self, issuer: &'a str) -> ReturnAddress<'a> {
        ReturnAddress {
            redirect_uri: &self.redirect_uri,
            mode: self.response_mode,
            state: self.state.as_deref(),
            issuer,
            for_device: self.device_id.is_some(),
        }
    }
}

pub(super) fn new_record(
    client: &Client,
    parameters: &StoredParameters,
    login_cookie: &Secret,
    now: OffsetDateTime,
    lifetime: Duration,
) -> Result<AuthorizationRequest, Error> {
    Ok(AuthorizationRequest {
        id: random_base64url(RANDOM_BYTES)?,
        cookie: login_cookie.digest(),
        client_id: client.client_id.clone(),
        parameters: parameters.to_stored()?,
        session_id: None,
        created_at: now,
        expires_at: now + lifetime,
        completed_at: None,
    })
}

/// Loads a request for the browser that holds its cookie, while it waits for an answer.
pub(crate) async fn load_request(
    transaction: &mut Transaction,
    request_id: &str,
    login_cookie: &str,
    now: OffsetDateTime,
) -> Result<AuthorizationRequest, Error> {
    let request = authorization_request::find(transaction, request_id)
        .await?
        .ok_or(Error::AuthorizationRequestUnknown)?;
    if !is_browser_of(&request, login_cookie) {
        return Err(Error::LoginCookieMismatch);
    }
    if request.completed_at.is_some() {
        return Err(Error::AuthorizationRequestCompleted);
    }
    if now >= request.expires_at {
        return Err(Error::AuthorizationRequestExpired);
    }
    Ok(request)
}

/// Whether a cookie is the one of the browser that began the request.
pub(crate) fn is_browser_of(request: &AuthorizationRequest, login_cookie: &str) -> bool {
    let presented = SecretDigest::of(login_cookie);
    constant_time_eq(
        presented.as_str().as_bytes(),
        request.cookie.as_str().as_bytes(),
    )
}
