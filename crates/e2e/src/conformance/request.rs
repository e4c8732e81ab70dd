//! An authorization request of the suite, and what may come back at the redirect URI.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use cardea_jose::{random_base64url, sha256_base64url};
use url::Url;

use super::client::SuiteClient;
use super::user_agent::Visit;
use super::{Suite, response};

/// The members of an error answer at a redirect URI; the suite warns at any other.
const ERROR_MEMBERS: [&str; 5] = ["error", "error_description", "error_uri", "state", "iss"];

/// A request whose parameters can be changed.
#[derive(Clone, Debug)]
pub struct SuiteRequest {
    client: &'static SuiteClient,
    parameters: Vec<(String, String)>,
    verifier: Option<String>,
}

impl SuiteRequest {
    /// The request of a client.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn new(client: &'static SuiteClient) -> Result<Self> {
        let parameters = [
            ("client_id", client.id),
            ("redirect_uri", client.redirect_uri),
            ("scope", "openid"),
            ("state", &random_base64url(8)?),
            ("nonce", &random_base64url(8)?),
            ("response_type", "code"),
        ];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Ok(Self {
            client,
            parameters: parameters.to_vec(),
            verifier: None,
        })
    }

    /// The same request with another value for a parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self = self.without(name);
        self.parameters.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same request without a parameter.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.parameters.retain(|(known, _)| known != name);
        self
    }

    /// With 128 characters of state, as the suite does where it wants to see them come back.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn with_long_state(self) -> Result<Self> {
        Ok(self.with("state", &random_base64url(96)?))
    }

    /// With PKCE.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn with_pkce(self) -> Result<Self> {
        let verifier = random_base64url(32)?;
        let challenge = sha256_base64url(verifier.as_bytes());
        let request = self.with("code_challenge", &challenge);
        let mut request = request.with("code_challenge_method", "S256");
        request.verifier = Some(verifier);
        Ok(request)
    }

    /// With its parameters in the reverse order.
    #[must_use]
    pub fn reversed(mut self) -> Self {
        self.parameters.reverse();
        self
    }

    /// Whose request it is.
    #[must_use]
    pub fn client(&self) -> &'static SuiteClient {
        self.client
    }

    /// Its parameters.
    #[must_use]
    pub fn parameters(&self) -> &[(String, String)] {
        &self.parameters
    }

    /// The value of a parameter.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(super) fn verifier(&self) -> Option<&str> {
        self.verifier.as_deref()
    }

    /// Where it wants its answer.
    ///
    /// # Errors
    /// When it has no redirect URI.
    pub fn redirect_uri(&self) -> Result<&str> {
        self.parameter("redirect_uri").context("no redirect URI")
    }

    /// The code that a visit ended with.
    ///
    /// # Errors
    /// When the browser did not come back, or not with a code.
    pub fn code(&self, suite: &Suite, visit: &Visit) -> Result<String> {
        self.code_at(suite, visit.client()?)
    }

    /// The code in an answer that is all that it should be.
    ///
    /// # Errors
    /// When it is not.
    pub fn code_at(&self, suite: &Suite, address: &Url) -> Result<String> {
        let members = self.members(suite, address)?;
        for name in members.keys() {
            ensure!(
                ["code", "state", "iss"].contains(&name.as_str()),
                "unexpected in the answer: {members:?}"
            );
        }
        let code = members.get("code");
        let code = code.with_context(|| format!("no code: {members:?}"))?;
        // 128 bits at least (RFC 6749 section 10.10).
        ensure!(code.len() >= 22, "a code to guess: {code}");
        Ok(code.clone())
    }

    /// The error in an answer that has one as it should be.
    ///
    /// # Errors
    /// When the browser did not come back, or not with an error.
    pub fn error(&self, suite: &Suite, visit: &Visit) -> Result<String> {
        let members = self.members(suite, visit.client()?)?;
        for name in members.keys() {
            ensure!(
                ERROR_MEMBERS.contains(&name.as_str()),
                "unexpected in the answer: {members:?}"
            );
        }
        response::check_error_texts(|name| members.get(name).map(String::as_str))?;
        let error = members.get("error");
        error
            .cloned()
            .with_context(|| format!("no error: {members:?}"))
    }

    /// The members of an answer that came to the right place, with our state and the right issuer
    /// (RFC 9207), each of them once.
    fn members(&self, suite: &Suite, address: &Url) -> Result<BTreeMap<String, String>> {
        let members = members_at(address, self.redirect_uri()?)?;
        let expected = self.parameter("state");
        ensure!(
            members.get("state").map(String::as_str) == expected,
            "another state: {members:?}"
        );
        ensure!(
            members.get("iss").map(String::as_str) == Some(suite.endpoint("issuer")?),
            "another issuer: {members:?}"
        );
        Ok(members)
    }
}

/// What was added to a registered address: nothing but a query whose members are there once.
pub(super) fn members_at(address: &Url, registered: &str) -> Result<BTreeMap<String, String>> {
    let mut bare = address.clone();
    bare.set_query(None);
    ensure!(
        bare.as_str() == registered,
        "not the registered address: {address}"
    );
    let mut members = BTreeMap::new();
    for (name, value) in address.query_pairs() {
        let earlier = members.insert(name.clone().into_owned(), value.into_owned());
        ensure!(earlier.is_none(), "{name} is there twice: {address}");
    }
    Ok(members)
}
