//! The registered clients, and a browser that begins a login for one of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cardea_jose::{Algorithm, sha256_base64url};
use cardea_oauth2_types::{AuthorizationParameters, Scope, TokenParameters, TokenResponse};
use cardea_provider::{
    AuthorizationError, BegunAuthorization, Client, ClientAuthentication, ClientCredentials,
    DpopRequest, Error, PresentedToken, Secret, TokenError, TokenRequest, TokenScheme,
    UserinfoAnswer,
};
use cardea_storage::SecretDigest;
use serde_json::{Map, Value};

use super::World;

/// A confidential client with every address.
pub(crate) const PORTAL: &str = "portal";
/// A public client with a back-channel address.
pub(crate) const SECOND: &str = "second";

/// The PKCE verifier of every login in these tests.
fn verifier() -> String {
    "correct-horse-battery-staple-correct-horse-battery".to_owned()
}

pub(crate) fn clients() -> Vec<Client> {
    let secret = ClientAuthentication::SecretBasic(SecretDigest::of("portal secret").into());
    let portal = Client {
        redirect_uris: vec![
            "https://portal.example.fr/cb".to_owned(),
            "https://portal.example.fr/other".to_owned(),
        ],
        post_logout_redirect_uris: vec!["https://portal.example.fr/bye".to_owned()],
        backchannel_logout_uri: Some("https://portal.example.fr/backchannel".to_owned()),
        scope: Scope::parse("openid profile professional").unwrap(),
        ..Client::new(PORTAL, "Portail de démonstration", secret)
    };
    let second = Client {
        redirect_uris: vec!["https://second.example.fr/cb".to_owned()],
        backchannel_logout_uri: Some("https://second.example.fr/backchannel".to_owned()),
        id_token_signed_response_alg: Algorithm::Es256,
        scope: Scope::parse("openid").unwrap(),
        ..Client::new(SECOND, "Second portal", ClientAuthentication::None)
    };
    vec![portal, second]
}

/// A valid authorization request of a client; cases change a parameter.
pub(crate) fn parameters(client_id: &str) -> AuthorizationParameters {
    AuthorizationParameters {
        client_id: Some(client_id.to_owned()),
        redirect_uri: Some(format!("https://{client_id}.example.fr/cb")),
        response_type: Some("code".to_owned()),
        scope: Some("openid profile professional".to_owned()),
        state: Some("the state".to_owned()),
        nonce: Some("the nonce".to_owned()),
        code_challenge: Some(sha256_base64url(verifier().as_bytes())),
        code_challenge_method: Some("S256".to_owned()),
        ..AuthorizationParameters::default()
    }
}

/// A login that a browser has begun.
pub(crate) struct Begun {
    pub(crate) request_id: String,
    pub(crate) login_cookie: Secret,
}

impl Begun {
    pub(crate) fn cookie(&self) -> &str {
        self.login_cookie.expose()
    }
}

impl World {
    /// Asks the authorization endpoint with a changed parameter.
    pub(crate) async fn authorize(
        &self,
        change: impl FnOnce(&mut AuthorizationParameters),
    ) -> Result<BegunAuthorization, AuthorizationError> {
        let mut asked = parameters(PORTAL);
        change(&mut asked);
        self.provider.begin_authorization(asked, None).await
    }

    /// Begins a login with a changed parameter.
    pub(crate) async fn begin_with(
        &self,
        change: impl FnOnce(&mut AuthorizationParameters),
    ) -> Begun {
        match self.authorize(change).await.unwrap() {
            BegunAuthorization::Login {
                request_id,
                login_cookie,
                ..
            } => Begun {
                request_id,
                login_cookie,
            },
            other => panic!("no session exists yet: {other:?}"),
        }
    }

    /// Begins a login for a client.
    pub(crate) async fn begin(&self, client_id: &str) -> Begun {
        self.begin_with(|asked| *asked = parameters(client_id))
            .await
    }
}

impl World {
    /// A client's valid token request for the code in a redirect.
    pub(crate) fn token_request(
        client_id: &str,
        location: &str,
    ) -> (ClientCredentials, TokenParameters) {
        let mut parameters = TokenParameters {
            grant_type: Some("authorization_code".to_owned()),
            code: query_value(location, "code"),
            redirect_uri: location.split_once('?').map(|(uri, _)| uri.to_owned()),
            code_verifier: Some(verifier()),
            ..TokenParameters::default()
        };
        let header = match client_id {
            // RFC 6749 section 2.3.1: form-urlencoded, so the space is a plus.
            PORTAL => Some(format!("Basic {}", STANDARD.encode("portal:portal+secret"))),
            _ => None,
        };
        if header.is_none() {
            parameters.client_id = Some(client_id.to_owned());
        }
        let credentials = ClientCredentials::read(header.as_deref(), &parameters).unwrap();
        (credentials, parameters)
    }

    /// Redeems the code in a redirect as the portal.
    pub(crate) async fn redeem(&self, location: &str) -> Result<TokenResponse, TokenError> {
        self.redeem_as(PORTAL, location).await
    }

    /// Redeems the code in a redirect as a client.
    pub(crate) async fn redeem_as(
        &self,
        client_id: &str,
        location: &str,
    ) -> Result<TokenResponse, TokenError> {
        let (credentials, parameters) = Self::token_request(client_id, location);
        self.issue(&credentials, &parameters).await
    }

    /// A token request without a proof of possession.
    pub(crate) async fn issue(
        &self,
        credentials: &ClientCredentials,
        parameters: &TokenParameters,
    ) -> Result<TokenResponse, TokenError> {
        let request = TokenRequest {
            credentials,
            parameters,
            dpop: DpopRequest::default(),
        };
        self.provider.issue_tokens(request).await
    }

    /// Userinfo as JSON, for a bearer token.
    pub(crate) async fn userinfo(&self, access_token: &str) -> Result<Map<String, Value>, Error> {
        let request = PresentedToken {
            token: access_token,
            scheme: TokenScheme::Bearer,
            dpop: DpopRequest::default(),
            certificate: None,
        };
        match self.provider.userinfo(request).await? {
            UserinfoAnswer::Claims(claims) => Ok(claims),
            UserinfoAnswer::Jwt(_) => panic!("the client did not register a signed answer"),
        }
    }
}

/// A parameter of a redirect's query.
pub(crate) fn query_value(location: &str, name: &str) -> Option<String> {
    let url = url::Url::parse(location).unwrap();
    url.query_pairs()
        .find(|(found, _)| found == name)
        .map(|(_, value)| value.into_owned())
}
