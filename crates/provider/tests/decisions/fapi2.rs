//! FAPI 2.0: the modules of the OpenID Foundation's suite for the Security Profile (final) and, for
//! signed requests, of Message Signing, under their names. docs/conformance.md lists them.

mod client_assertion;
mod code;
mod dpop;
mod flow;
mod outer_parameters;
mod pushed_request;
mod refresh;
mod registration;
mod request_object;
mod signed_introspection;
mod signed_response;

use cardea_jose::{Algorithm, DpopTarget, Jwk, JwkSet, SigningKey, random_base64url};
use cardea_oauth2_types::{
    AuthorizationParameters, GrantType, Scope, TokenParameters, TokenResponse,
};
use cardea_provider::{
    AuthorizationError, AuthorizationResponse, BegunAuthorization, Client, ClientAuthentication,
    ClientCredentials, DpopRequest, Error, ProtocolProfile, TokenError, TokenRequest,
};
use serde_json::{Value, json};

use super::world::{API, Begun, ISSUER, Settings, World, parameters};

/// The client whose requests these are.
const INSURER: &str = "insurer";
/// Another one.
const CLINIC: &str = "clinic";
const PAR_URL: &str = "https://id.example.fr/par";
const TOKEN_URL: &str = "https://id.example.fr/token";
const BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A provider under the profile, with the keys of its clients.
struct Fapi {
    world: World,
    /// The insurer's.
    key: SigningKey,
    /// The clinic's.
    other_key: SigningKey,
    /// The one that the insurer's tokens are bound to.
    dpop_key: SigningKey,
}

/// A public key that does not say which of its algorithms it is for.
fn nameless(key: &SigningKey) -> Jwk {
    let mut public = key.public_jwk().clone();
    public.alg = None;
    public
}

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::Es256).unwrap()
}

/// A client as the profile wants it.
fn client(client_id: &str, key: &SigningKey) -> Client {
    let jwks = JwkSet {
        keys: vec![key.public_jwk().clone()],
    };
    Client {
        redirect_uris: vec![format!("https://{client_id}.example.fr/cb")],
        jwks,
        grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        id_token_signed_response_alg: Algorithm::Es256,
        scope: Scope::parse("openid profile professional").unwrap(),
        resources: vec![API.to_owned()],
        ..Client::new(client_id, "Assureur", ClientAuthentication::PrivateKeyJwt)
    }
}

/// Every client and the profile.
fn settings(keys: &[(&str, &SigningKey)]) -> Settings {
    let mut settings = Settings::baseline();
    settings.config.profile = ProtocolProfile::Fapi2;
    settings.config.clients = keys.iter().map(|(id, key)| client(id, key)).collect();
    settings
}

impl Fapi {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let (key, other_key, dpop_key) = (key(), key(), key());
        let mut settings = settings(&[(INSURER, &key), (CLINIC, &other_key)]);
        change(&mut settings);
        Self {
            world: settings.build().await,
            key,
            other_key,
            dpop_key,
        }
    }

    /// The claims of a valid assertion, which cases change.
    fn assertion_claims(&self, client_id: &str) -> Value {
        let now = self.world.now().unix_timestamp();
        let jti = random_base64url(16).unwrap();
        json!({
            "iss": client_id, "sub": client_id, "aud": ISSUER,
            "iat": now, "exp": now + 60, "jti": jti,
        })
    }

    /// The insurer's proof of itself, with changed claims.
    fn credentials_with(&self, change: impl FnOnce(&mut Value)) -> ClientCredentials {
        let mut claims = self.assertion_claims(INSURER);
        change(&mut claims);
        read_credentials(&self.key.sign_jwt("JWT", &claims).unwrap()).unwrap()
    }

    fn credentials(&self) -> ClientCredentials {
        self.credentials_with(|_| {})
    }

    /// The clinic's proof of itself.
    fn other_credentials(&self) -> ClientCredentials {
        let claims = self.assertion_claims(CLINIC);
        read_credentials(&self.other_key.sign_jwt("JWT", &claims).unwrap()).unwrap()
    }

    fn proof(&self, key: &SigningKey, url: &str) -> String {
        let target = DpopTarget {
            method: "POST",
            url,
            access_token: None,
        };
        self.world.proof(key, &target)
    }

    async fn push_as(
        &self,
        credentials: &ClientCredentials,
        asked: AuthorizationParameters,
        proof: Option<&str>,
    ) -> Result<String, TokenError> {
        let dpop = DpopRequest {
            proof,
            method: "POST",
            url: PAR_URL,
        };
        let provider = &self.world.provider;
        let pushing = provider.push_authorization_request(credentials, asked, dpop);
        pushing.await.map(|pushed| pushed.request_uri)
    }

    /// Pushes the insurer's request with a change.
    async fn push(
        &self,
        change: impl FnOnce(&mut AuthorizationParameters),
    ) -> Result<String, TokenError> {
        let mut asked = parameters(INSURER);
        change(&mut asked);
        self.push_as(&self.credentials(), asked, None).await
    }

    /// The OAuth name and the code of the refusal of a push.
    async fn push_refusal(
        &self,
        change: impl FnOnce(&mut AuthorizationParameters),
    ) -> (&'static str, &'static str) {
        names(&self.push(change).await.unwrap_err())
    }

    /// The browser arrives with a reference, and with what stands outside of it.
    async fn open_with(
        &self,
        request_uri: &str,
        change: impl FnOnce(&mut AuthorizationParameters),
    ) -> Result<BegunAuthorization, AuthorizationError> {
        let mut reference = AuthorizationParameters {
            client_id: Some(INSURER.to_owned()),
            request_uri: Some(request_uri.to_owned()),
            ..AuthorizationParameters::default()
        };
        change(&mut reference);
        self.world
            .provider
            .begin_authorization(reference, None)
            .await
    }

    async fn begin_with(
        &self,
        request_uri: &str,
        change: impl FnOnce(&mut AuthorizationParameters),
    ) -> Begun {
        match self.open_with(request_uri, change).await.unwrap() {
            BegunAuthorization::Login {
                request_id,
                login_cookie,
                ..
            } => Begun {
                request_id,
                login_cookie,
            },
            other => panic!("no login: {other:?}"),
        }
    }

    async fn begin(&self, request_uri: &str) -> Begun {
        self.begin_with(request_uri, |_| {}).await
    }

    /// The card answers, and the client gets its answer.
    async fn complete(&self, begun: &Begun) -> Result<AuthorizationResponse, Error> {
        let answer = self.world.answer(begun).await;
        self.world.post(begun, &answer).await.unwrap();
        self.world.present(&answer.presence_key).await;
        let provider = &self.world.provider;
        let completing = provider.complete_authorization(&begun.request_id, begun.cookie(), None);
        completing.await.map(|completed| completed.response)
    }

    /// A whole login; the redirect with the code.
    async fn log_in_with(&self, change: impl FnOnce(&mut AuthorizationParameters)) -> String {
        let request_uri = self.push(change).await.unwrap();
        let begun = self.begin(&request_uri).await;
        self.complete(&begun).await.unwrap().location()
    }

    async fn log_in(&self) -> String {
        self.log_in_with(|_| {}).await
    }

    /// Redeems the code of a redirect as the insurer, bound to a key.
    async fn redeem_by(
        &self,
        location: &str,
        key: &SigningKey,
    ) -> Result<TokenResponse, TokenError> {
        self.redeem_with(location, &self.credentials(), key, |_| {})
            .await
    }

    async fn redeem(&self, location: &str) -> Result<TokenResponse, TokenError> {
        self.redeem_by(location, &self.dpop_key).await
    }

    async fn redeem_with(
        &self,
        location: &str,
        credentials: &ClientCredentials,
        key: &SigningKey,
        change: impl FnOnce(&mut TokenParameters),
    ) -> Result<TokenResponse, TokenError> {
        let (_, mut parameters) = World::token_request(INSURER, location);
        parameters.client_id = None;
        change(&mut parameters);
        let proof = self.proof(key, TOKEN_URL);
        self.issue(credentials, &parameters, Some(&proof)).await
    }

    async fn issue(
        &self,
        credentials: &ClientCredentials,
        parameters: &TokenParameters,
        proof: Option<&str>,
    ) -> Result<TokenResponse, TokenError> {
        let dpop = DpopRequest {
            proof,
            method: "POST",
            url: TOKEN_URL,
        };
        let request = TokenRequest {
            credentials,
            parameters,
            dpop,
        };
        self.world.provider.issue_tokens(request).await
    }
}

fn read_credentials(assertion: &str) -> Result<ClientCredentials, Error> {
    let parameters = TokenParameters {
        client_assertion_type: Some(BEARER.to_owned()),
        client_assertion: Some(assertion.to_owned()),
        ..TokenParameters::default()
    };
    ClientCredentials::read(None, &parameters)
}

/// What the client learns of a refusal, and what the operator does.
fn names(refused: &TokenError) -> (&'static str, &'static str) {
    (refused.error.as_str(), refused.code())
}
