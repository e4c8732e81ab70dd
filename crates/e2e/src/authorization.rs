//! Authorization requests, correct ones and others, and the token endpoint.

use anyhow::{Context, Result};
use cardea_jose::{random_base64url, sha256_base64url};
use cardea_xtask::system::System;
use reqwest::{Client, Response};
use url::Url;

/// The public client of the tests.
pub const CLIENT_ID: &str = "e2e-public";

/// Where that client wants its codes; nobody listens there.
pub const REDIRECT_URI: &str = "http://127.0.0.1:9/callback";

/// The clients file of every test's server.
pub const CLIENTS: &str = "[[client]]\nclient_id = \"e2e-public\"\n\
    name = \"Client des essais\"\nredirect_uris = [\"http://127.0.0.1:9/callback\"]\n\
    token_endpoint_auth_method = \"none\"\n\
    id_token_signed_response_alg = \"RS256\"\nscopes = [\"openid\", \"profile\"]\n";

/// An authorization request of the tests' client, whose parameters can be changed.
#[derive(Clone, Debug)]
pub struct AuthorizationRequest {
    parameters: Vec<(String, String)>,
    verifier: String,
}

impl AuthorizationRequest {
    /// A correct request.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn new() -> Result<Self> {
        let verifier = random_base64url(32).context("no random bytes")?;
        let challenge = sha256_base64url(verifier.as_bytes());
        let parameters = [
            ("response_type", "code"),
            ("client_id", CLIENT_ID),
            ("redirect_uri", REDIRECT_URI),
            ("scope", "openid profile"),
            ("state", "a-state"),
            ("nonce", "a-nonce"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Ok(Self {
            parameters: parameters.to_vec(),
            verifier,
        })
    }

    /// The same request with another value for a parameter; `None` leaves the parameter out.
    #[must_use]
    pub fn with(mut self, name: &str, value: Option<&str>) -> Self {
        self.parameters.retain(|(known, _)| known != name);
        if let Some(value) = value {
            self.parameters.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// The address for the browser.
    ///
    /// # Errors
    /// When the issuer is no address.
    pub fn address(&self, system: &System) -> Result<Url> {
        let endpoint = format!("{}/authorize", system.addresses().issuer());
        Ok(Url::parse_with_params(&endpoint, &self.parameters)?)
    }

    /// The PKCE verifier.
    #[must_use]
    pub fn verifier(&self) -> &str {
        &self.verifier
    }

    /// Redeems a code with this request's verifier.
    ///
    /// # Errors
    /// When the token endpoint does not answer.
    pub async fn redeem(&self, http: &Client, system: &System, code: &str) -> Result<Response> {
        redeem(http, system, code, &self.verifier).await
    }

    /// Redeems a code with the verifier of somebody else.
    ///
    /// # Errors
    /// When the token endpoint does not answer.
    pub async fn redeem_wrongly(
        &self,
        http: &Client,
        system: &System,
        code: &str,
    ) -> Result<Response> {
        redeem(
            http,
            system,
            code,
            &random_base64url(32).context("no random bytes")?,
        )
        .await
    }
}

async fn redeem(http: &Client, system: &System, code: &str, verifier: &str) -> Result<Response> {
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT_URI),
        ("client_id", CLIENT_ID),
        ("code_verifier", verifier),
    ];
    let endpoint = format!("{}/token", system.addresses().issuer());
    Ok(http.post(endpoint).form(&form).send().await?)
}
