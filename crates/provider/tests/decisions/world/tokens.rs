//! A client's token requests, with a proof of possession where it holds a key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cardea_jose::{DpopTarget, SigningKey, UnverifiedJws, sign_dpop_proof};
use cardea_oauth2_types::{AuthorizationParameters, GrantType, TokenParameters, TokenResponse};
use cardea_provider::{
    BegunAuthorization, Client, ClientCredentials, DpopRequest, Error, PresentedToken, TokenError,
    TokenRequest, TokenScheme, UserinfoAnswer,
};
use serde_json::Value;

use super::{ISSUER, PORTAL, Settings, World, parameters};

/// A resource server's address.
pub(crate) const API: &str = "https://api.example.fr";

impl Settings {
    /// Both clients may refresh, and the portal ask for tokens for two resource servers.
    pub(crate) fn refreshing() -> Self {
        let mut settings = Self::baseline();
        for client in &mut settings.config.clients {
            client.grant_types.push(GrantType::RefreshToken);
        }
        let portal = settings.client(PORTAL);
        portal.resources = vec![API.to_owned(), "https://other.example.fr".to_owned()];
        settings
    }

    pub(crate) fn client(&mut self, client_id: &str) -> &mut Client {
        let mut clients = self.config.clients.iter_mut();
        clients
            .find(|client| client.client_id == client_id)
            .unwrap()
    }
}

/// The claims of a token, unverified.
pub(crate) fn claims_of(token: &str) -> Value {
    let jws = UnverifiedJws::parse(token, 8192).unwrap();
    jws.unverified_claims().unwrap()
}

impl World {
    /// What a client proves itself with; it also fills in the body's part.
    pub(crate) fn credentials(
        client_id: &str,
        parameters: &mut TokenParameters,
    ) -> ClientCredentials {
        let header = match client_id {
            PORTAL => Some(format!("Basic {}", STANDARD.encode("portal:portal+secret"))),
            _ => None,
        };
        if header.is_none() {
            parameters.client_id = Some(client_id.to_owned());
        }
        ClientCredentials::read(header.as_deref(), parameters).unwrap()
    }

    /// A whole login of the portal with a changed authorization request; the redirect with its
    /// code.
    pub(crate) async fn log_in_with(
        &self,
        change: impl FnOnce(&mut AuthorizationParameters),
    ) -> String {
        let begun = self.begin_with(change).await;
        let answer = self.answer(&begun).await;
        self.post(&begun, &answer).await.unwrap();
        self.present(&answer.presence_key).await;
        let completing =
            self.provider
                .complete_authorization(&begun.request_id, begun.cookie(), None);
        completing.await.unwrap().response.location()
    }

    /// The redirect with a code that a client gets without the card, in a session that it is in.
    pub(crate) async fn silently(&self, client_id: &str, cookie: Option<&str>) -> String {
        let asked = parameters(client_id);
        let begun = self.provider.begin_authorization(asked, cookie).await;
        match begun.unwrap() {
            BegunAuthorization::Completed { response } => response.location(),
            _ => panic!("the client is in the session"),
        }
    }

    /// A client's token request for a refresh token.
    pub(crate) fn refresh_request(
        client_id: &str,
        refresh_token: &str,
    ) -> (ClientCredentials, TokenParameters) {
        let mut parameters = TokenParameters {
            grant_type: Some("refresh_token".to_owned()),
            refresh_token: Some(refresh_token.to_owned()),
            ..TokenParameters::default()
        };
        let credentials = Self::credentials(client_id, &mut parameters);
        (credentials, parameters)
    }

    pub(crate) async fn refresh(
        &self,
        client_id: &str,
        refresh_token: &str,
    ) -> Result<TokenResponse, TokenError> {
        let (credentials, parameters) = Self::refresh_request(client_id, refresh_token);
        self.issue(&credentials, &parameters).await
    }

    /// A proof for one request with a nonce of the provider's.
    pub(crate) fn proof(&self, key: &SigningKey, target: &DpopTarget<'_>) -> String {
        let nonce = self.provider.dpop_nonce().unwrap();
        let now = self.now().unix_timestamp();
        sign_dpop_proof(key, target, now, Some(&nonce)).unwrap()
    }

    /// A token request with a proof by a key.
    pub(crate) async fn issue_with(
        &self,
        key: &SigningKey,
        credentials: &ClientCredentials,
        parameters: &TokenParameters,
    ) -> Result<TokenResponse, TokenError> {
        let url = format!("{ISSUER}/token");
        let target = DpopTarget {
            method: "POST",
            url: &url,
            access_token: None,
        };
        let proof = self.proof(key, &target);
        let dpop = DpopRequest {
            proof: Some(&proof),
            method: "POST",
            url: &url,
        };
        let request = TokenRequest {
            credentials,
            parameters,
            dpop,
        };
        self.provider.issue_tokens(request).await
    }

    /// Userinfo of a client that registered a signed answer.
    pub(crate) async fn signed_userinfo(&self, access_token: &str) -> String {
        let presented = PresentedToken {
            token: access_token,
            scheme: TokenScheme::Bearer,
            dpop: DpopRequest::default(),
            certificate: None,
        };
        match self.provider.userinfo(presented).await.unwrap() {
            UserinfoAnswer::Jwt(jwt) => jwt,
            UserinfoAnswer::Claims(_) => panic!("the client registered a signed answer"),
        }
    }

    /// Userinfo for a bound token, with a proof by a key.
    pub(crate) async fn userinfo_with(
        &self,
        key: &SigningKey,
        access_token: &str,
    ) -> Result<UserinfoAnswer, Error> {
        let url = format!("{ISSUER}/userinfo");
        let target = DpopTarget {
            method: "GET",
            url: &url,
            access_token: Some(access_token),
        };
        let proof = self.proof(key, &target);
        let presented = PresentedToken {
            token: access_token,
            scheme: TokenScheme::Dpop,
            dpop: DpopRequest {
                proof: Some(&proof),
                method: "GET",
                url: &url,
            },
            certificate: None,
        };
        self.provider.userinfo(presented).await
    }
}
