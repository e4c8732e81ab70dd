//! The portal as an OpenID Connect relying party, on the `openidconnect` crate.

use std::time::{Duration, Instant};

use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreErrorResponseType,
    CoreGenderClaim, CoreJsonWebKey, CoreJsonWebKeySet, CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm, CoreRevocableToken, CoreRevocationErrorResponse,
    CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AccessToken, AdditionalClaims, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken,
    EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, IdToken, IdTokenFields,
    IssuerUrl, LanguageTag, LogoutRequest, Nonce, OAuth2TokenResponse, PkceCodeChallenge,
    PkceCodeVerifier, PostLogoutRedirectUrl, ProviderMetadataWithLogout, RedirectUrl, RefreshToken,
    Scope, StandardErrorResponse, StandardTokenResponse, TokenResponse, UserInfoClaims,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::Mutex;
use url::Url;

use crate::access::Tokens;
use crate::config::Config;
use crate::error::{Error, chain};
use crate::http_client::HttpClient;

/// How long the provider's metadata and keys are believed; a rotated key is seen after this.
const METADATA_LIFETIME: Duration = Duration::from_secs(60);

/// What the portal reads from the ID token beyond the standard: its session at the provider.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct SessionClaims {
    pub(crate) sid: Option<String>,
}

impl AdditionalClaims for SessionClaims {}

/// Userinfo members beyond the standard, kept as they are.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
struct OtherClaims(Map<String, Value>);

impl AdditionalClaims for OtherClaims {}

pub(crate) type PortalIdToken = IdToken<
    SessionClaims,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;

type PortalIdTokenFields = IdTokenFields<
    SessionClaims,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;

type PortalTokens = StandardTokenResponse<PortalIdTokenFields, CoreTokenType>;

type OidcClient = Client<
    SessionClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    PortalTokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// One login on its way: what the callback must be checked against.
pub(crate) struct BegunLogin {
    /// Where the browser goes.
    pub(crate) address: Url,
    pub(crate) state: CsrfToken,
    pub(crate) nonce: Nonce,
    pub(crate) verifier: PkceCodeVerifier,
}

/// What a finished login gave; the ID token has passed its checks.
pub(crate) struct FinishedLogin {
    pub(crate) id_token: PortalIdToken,
    pub(crate) tokens: Tokens,
    pub(crate) subject: String,
    pub(crate) sid: Option<String>,
    pub(crate) acr: Option<String>,
    pub(crate) userinfo: Map<String, Value>,
}

impl Tokens {
    fn of(response: &PortalTokens) -> Self {
        Self {
            access: response.access_token().clone(),
            refresh: response.refresh_token().cloned(),
            lifetime: response.expires_in(),
        }
    }
}

/// The portal's side of OpenID Connect.
pub(crate) struct RelyingParty {
    config: Config,
    http: HttpClient,
    metadata: Mutex<Option<(Instant, ProviderMetadataWithLogout)>>,
}

impl RelyingParty {
    pub(crate) fn new(config: Config) -> Result<Self, Error> {
        let http = HttpClient::new(config.ca_file.as_deref())?;
        Ok(Self {
            config,
            http,
            metadata: Mutex::new(None),
        })
    }

    // snippet:begin rust-discovery
    /// The provider's metadata and keys (OpenID Connect Discovery 1.0).
    pub(crate) async fn metadata(&self) -> Result<ProviderMetadataWithLogout, Error> {
        let mut cached = self.metadata.lock().await;
        if let Some((read_at, metadata)) = cached.as_ref()
            && read_at.elapsed() < METADATA_LIFETIME
        {
            return Ok(metadata.clone());
        }
        let failed = |reason| Error::Provider {
            during: "reading its metadata",
            reason,
        };
        let issuer = IssuerUrl::new(self.config.issuer.clone()).map_err(|e| failed(chain(&e)))?;
        let metadata = ProviderMetadataWithLogout::discover_async(issuer, &self.http)
            .await
            .map_err(|error| failed(chain(&error)))?;
        *cached = Some((Instant::now(), metadata.clone()));
        Ok(metadata)
    }
    // snippet:end rust-discovery

    // snippet:begin rust-login
    /// Begins a login: authorization code with PKCE S256, state and nonce.
    pub(crate) async fn begin(&self, language: &str) -> Result<BegunLogin, Error> {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let client = self.client(self.metadata().await?)?;
        let (address, state, nonce) = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scope(Scope::new("profile".into()))
            .add_scope(Scope::new("professional".into()))
            .add_ui_locale(LanguageTag::new(language.into()))
            .set_pkce_challenge(challenge)
            .url();
        Ok(BegunLogin {
            address,
            state,
            nonce,
            verifier,
        })
    }

    /// Redeems the code, checks the ID token and reads the identity.
    pub(crate) async fn finish(
        &self,
        code: String,
        verifier: PkceCodeVerifier,
        nonce: &Nonce,
    ) -> Result<FinishedLogin, Error> {
        let metadata = self.metadata().await?;
        let client = self.client(metadata.clone())?;
        let refused = |reason| Error::Provider {
            during: "redeeming the code",
            reason,
        };
        let tokens = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| refused(chain(&error)))?
            .set_pkce_verifier(verifier)
            .request_async(&self.http)
            .await
            .map_err(|error| refused(chain(&error)))?;
        let invalid = |reason| Error::IdToken { reason };
        let id_token = tokens
            .id_token()
            .ok_or_else(|| invalid("there is none".into()))?;
        let claims = id_token
            .claims(&client.id_token_verifier(), nonce)
            .map_err(|error| invalid(chain(&error)))?;
        let userinfo = self
            .userinfo(&metadata, tokens.access_token(), claims.subject())
            .await?;
        Ok(FinishedLogin {
            id_token: id_token.clone(),
            tokens: Tokens::of(&tokens),
            subject: claims.subject().to_string(),
            sid: claims.additional_claims().sid.clone(),
            acr: claims.auth_context_ref().map(|acr| acr.to_string()),
            userinfo,
        })
    }
    // snippet:end rust-login

    /// Has the access token renewed, which is refused once the card is gone (RFC 6749, 6).
    pub(crate) async fn refresh(&self, refresh_token: &RefreshToken) -> Result<Tokens, Error> {
        let client = self.client(self.metadata().await?)?;
        let refused = |reason| Error::Provider {
            during: "renewing the access token",
            reason,
        };
        let tokens = client
            .exchange_refresh_token(refresh_token)
            .map_err(|error| refused(chain(&error)))?
            .request_async(&self.http)
            .await
            .map_err(|error| refused(chain(&error)))?;
        Ok(Tokens::of(&tokens))
    }

    /// As [`RelyingParty::begin`], and the card has to sign now (RFC 9470 section 4, `max_age`).
    pub(crate) async fn begin_fresh(&self, language: &str) -> Result<BegunLogin, Error> {
        let mut begun = self.begin(language).await?;
        begun.address.query_pairs_mut().append_pair("max_age", "0");
        Ok(begun)
    }

    /// Reads the identity; its subject must be the ID token's (OpenID Connect Core, 5.3.2).
    async fn userinfo(
        &self,
        metadata: &ProviderMetadataWithLogout,
        access_token: &AccessToken,
        subject: &openidconnect::SubjectIdentifier,
    ) -> Result<Map<String, Value>, Error> {
        let failed = |reason| Error::Provider {
            during: "reading the identity",
            reason,
        };
        let client = self.client(metadata.clone())?;
        let claims: UserInfoClaims<OtherClaims, CoreGenderClaim> = client
            .user_info(access_token.clone(), Some(subject.clone()))
            .map_err(|error| failed(chain(&error)))?
            .request_async(&self.http)
            .await
            .map_err(|error| failed(chain(&error)))?;
        match serde_json::to_value(claims) {
            Ok(Value::Object(members)) => Ok(members),
            other => Err(failed(format!("it is no JSON object: {other:?}"))),
        }
    }

    /// Where the browser goes to end the session at the provider (RP-Initiated Logout 1.0).
    pub(crate) async fn logout_address(
        &self,
        id_token: &PortalIdToken,
        language: &str,
    ) -> Result<Option<Url>, Error> {
        let metadata = self.metadata().await?;
        let Some(endpoint) = metadata.additional_metadata().end_session_endpoint.clone() else {
            return Ok(None);
        };
        let back = PostLogoutRedirectUrl::new(self.config.address("/")).map_err(|error| {
            Error::Provider {
                during: "signing out",
                reason: chain(&error),
            }
        })?;
        let request = LogoutRequest::from(endpoint)
            .set_id_token_hint(id_token)
            .set_client_id(ClientId::new(self.config.client_id.clone()))
            .set_post_logout_redirect_uri(back)
            .add_ui_locale(LanguageTag::new(language.into()));
        Ok(Some(request.http_get_url()))
    }

    /// The provider's keys, for tokens that `openidconnect` has no type for.
    pub(crate) async fn keys(&self) -> Result<CoreJsonWebKeySet, Error> {
        Ok(self.metadata().await?.jwks().clone())
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    // snippet:begin rust-client
    fn client(&self, metadata: ProviderMetadataWithLogout) -> Result<OidcClient, Error> {
        let redirect = RedirectUrl::new(self.config.address("/callback")).map_err(|error| {
            Error::Provider {
                during: "preparing",
                reason: chain(&error),
            }
        })?;
        let secret = self.config.client_secret.as_ref();
        Ok(OidcClient::from_provider_metadata(
            metadata,
            ClientId::new(self.config.client_id.clone()),
            secret.map(|secret| ClientSecret::new(secret.reveal().to_owned())),
        )
        .set_redirect_uri(redirect))
    }
    // snippet:end rust-client
}
