//! The answer that goes back to the client through the browser (RFC 6749 section 4.1.2, RFC 9207),
//! in clear or as one signed JWT (JARM).

use cardea_oauth2_types::ResponseMode;
use serde_json::{Map, Value};
use time::{Duration, OffsetDateTime};
use url::Url;
use url::form_urlencoded::Serializer;

use crate::{Client, Error, Provider};

/// `typ` of a signed answer. JARM names none, and client libraries that look at it expect this one;
/// without `sub` no such answer passes for an ID token (attack G5).
const SIGNED_RESPONSE_TYP: &str = "JWT";
/// How long a signed answer is good: JARM section 2.1 has ten minutes at most, and the code in it
/// lives one.
const SIGNED_RESPONSE_LIFETIME: Duration = Duration::seconds(120);
/// Where the browser is led once a device has its answer, below the address of the user code.
const APPROVED: &str = "/approved";
const REFUSED: &str = "/refused";

/// An answer to an authorization request, a code or an error, and how it travels.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorizationResponse {
    /// Where it goes: registered to the letter.
    pub redirect_uri: String,
    /// In which form.
    pub mode: ResponseMode,
    /// What it says, in order: `code` or `error`, then `state` and `iss`; or `response` alone, a
    /// JWT of all of it.
    pub parameters: Vec<(&'static str, String)>,
    is_refusal: bool,
}

/// An answer that is decided and not yet in the form that it travels in.
#[derive(Debug)]
pub(crate) struct DraftResponse(AuthorizationResponse);

/// Where answers to a request go, and what they repeat.
#[derive(Clone, Copy)]
pub(crate) struct ReturnAddress<'a> {
    pub(crate) redirect_uri: &'a str,
    pub(crate) mode: ResponseMode,
    pub(crate) state: Option<&'a str>,
    /// `iss` lets the client notice an answer of another provider (attack E19).
    pub(crate) issuer: &'a str,
    /// The answer is for a device: the browser is told that there is one, and not which.
    pub(crate) for_device: bool,
}

impl ReturnAddress<'_> {
    /// An answer with a code.
    pub(crate) fn code(self, code: &str) -> DraftResponse {
        if self.for_device {
            return self.own_page(APPROVED, false);
        }
        self.answer(vec![("code", code.to_owned())])
    }

    /// An answer with an error (RFC 6749 section 4.1.2.1), explained to the portal's developer in
    /// the characters that the section allows.
    pub(crate) fn error(self, error: &Error) -> DraftResponse {
        if self.for_device {
            return self.own_page(REFUSED, true);
        }
        let code = error.code();
        self.answer(vec![
            ("error", error.oauth_error().as_str().to_owned()),
            ("error_description", format!("{code}: {error}")),
            ("error_uri", format!("{}/errors/{code}", self.issuer)),
        ])
    }

    /// A page of ours that says how it ended, and carries nothing.
    fn own_page(self, page: &str, is_refusal: bool) -> DraftResponse {
        DraftResponse(AuthorizationResponse {
            redirect_uri: format!("{}{page}", self.redirect_uri),
            mode: ResponseMode::Query,
            parameters: Vec::new(),
            is_refusal,
        })
    }

    fn answer(self, mut parameters: Vec<(&'static str, String)>) -> DraftResponse {
        parameters.extend(self.state.map(|state| ("state", state.to_owned())));
        parameters.push(("iss", self.issuer.to_owned()));
        DraftResponse(AuthorizationResponse {
            redirect_uri: self.redirect_uri.to_owned(),
            mode: self.mode,
            is_refusal: parameters.iter().any(|(name, _)| *name == "error"),
            parameters,
        })
    }
}

impl Provider {
    /// Puts an answer into the form that it travels in: a signed one in the algorithm that the
    /// client registered, or in the profile's. A client that has registered one since the login
    /// began gets no answer in clear any more. Call this outside any transaction, so that nothing
    /// is signed under the database's write lock.
    pub(crate) fn finish_response(
        &self,
        client: &Client,
        DraftResponse(mut answer): DraftResponse,
        now: OffsetDateTime,
    ) -> Result<AuthorizationResponse, Error> {
        if answer.is_own_page() {
            return Ok(answer);
        }
        if client.authorization_signed_response_alg.is_some() {
            answer.mode = answer.mode.signed();
        }
        if !answer.mode.is_signed() {
            return Ok(answer);
        }
        let algorithm = client
            .authorization_signed_response_alg
            .unwrap_or(self.rules.default_algorithm);
        let expires_at = now + SIGNED_RESPONSE_LIFETIME;
        // JARM section 2.1: who, for whom, how long, and every parameter. `iss` is one of these.
        let mut claims = Map::new();
        claims.insert("aud".to_owned(), client.client_id.as_str().into());
        claims.insert("exp".to_owned(), expires_at.unix_timestamp().into());
        for (name, value) in answer.parameters {
            claims.insert(name.to_owned(), Value::from(value));
        }
        let keys = self.keys();
        let key = keys.signing(algorithm, now)?;
        let signed = key.sign_jwt(SIGNED_RESPONSE_TYP, &claims)?;
        Ok(AuthorizationResponse {
            parameters: vec![("response", signed)],
            ..answer
        })
    }
}

impl AuthorizationResponse {
    /// Whether it tells the client an error, in clear or signed.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        self.is_refusal
    }

    /// Whether it leads to a page of ours, which no client reads and which says how it ended.
    #[must_use]
    pub fn is_own_page(&self) -> bool {
        self.parameters.is_empty()
    }

    /// The redirect URI with the answer in its query. The registered URI is kept letter for
    /// letter, its own query included; values are form-encoded, so that no character of `state`
    /// can end the header or start another parameter.
    #[must_use]
    pub fn location(&self) -> String {
        if self.is_own_page() {
            return self.redirect_uri.clone();
        }
        let mut query = Serializer::new(String::new());
        query.extend_pairs(&self.parameters);
        with_query(&self.redirect_uri, &query.finish())
    }

    /// What a Content Security Policy must allow as the target of a form that leads to the client:
    /// the redirect URI's origin, or the scheme of an application that has no origin.
    #[must_use]
    pub fn form_action(&self) -> String {
        form_action(&self.redirect_uri)
    }
}

/// The answer holds a code.
impl std::fmt::Debug for AuthorizationResponse {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("AuthorizationResponse")
            .field("redirect_uri", &self.redirect_uri)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

/// See [`AuthorizationResponse::form_action`].
pub(crate) fn form_action(redirect_uri: &str) -> String {
    match Url::parse(redirect_uri) {
        Ok(url) if url.origin().is_tuple() => url.origin().ascii_serialization(),
        Ok(url) => format!("{}:", url.scheme()),
        Err(_) => "'none'".to_owned(),
    }
}

/// Appends a finished query to a URI that may have one already.
pub(crate) fn with_query(uri: &str, query: &str) -> String {
    let separator = if uri.contains('?') { '&' } else { '?' };
    format!("{uri}{separator}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address<'a>(redirect_uri: &'a str, state: &'a str) -> ReturnAddress<'a> {
        ReturnAddress {
            redirect_uri,
            mode: ResponseMode::Query,
            state: Some(state),
            issuer: "https://id.example.fr",
            for_device: false,
        }
    }

    #[test]
    fn a_code_goes_back_with_state_and_issuer() {
        let DraftResponse(response) = address("https://portal.example.fr/cb", "s 1").code("abc");
        let wanted =
            "https://portal.example.fr/cb?code=abc&state=s+1&iss=https%3A%2F%2Fid.example.fr";
        assert_eq!(response.location(), wanted);
        assert!(!format!("{response:?}").contains("abc"));
    }

    #[test]
    fn the_browser_of_a_device_s_person_learns_no_code() {
        let of_device = || ReturnAddress {
            for_device: true,
            ..address("https://id.example.fr/device", "s")
        };
        let DraftResponse(response) = of_device().code("abc");
        assert_eq!(response.location(), "https://id.example.fr/device/approved");
        let DraftResponse(refusal) = of_device().error(&Error::LoginCancelled);
        assert_eq!(refusal.location(), "https://id.example.fr/device/refused");
        assert!(refusal.is_refusal() && !response.is_refusal());
    }

    #[test]
    fn a_registered_query_is_kept_and_hostile_state_stays_a_value() {
        let state = "\r\nSet-Cookie: a=b&code=evil#<script>";
        let address = address("https://portal.example.fr/cb?tenant=1", state);
        let DraftResponse(refusal) = address.error(&Error::LoginRequired);
        let location = refusal.location();
        assert!(
            location.starts_with("https://portal.example.fr/cb?tenant=1&error=login_required&")
        );
        assert!(!location.contains(['\r', '\n', '#', '<']));
        let url = Url::parse(&location).unwrap();
        assert_eq!(
            url.query_pairs().filter(|(name, _)| name == "code").count(),
            0
        );
        assert!(
            url.query_pairs()
                .any(|(name, value)| name == "state" && value == state)
        );
    }

    #[test]
    fn a_form_may_lead_to_the_redirect_uri_s_origin_alone() {
        for (uri, allowed) in [
            (
                "https://portal.example.fr/cb?x=1",
                "https://portal.example.fr",
            ),
            ("http://127.0.0.1:3000/cb", "http://127.0.0.1:3000"),
            ("fr.example.portal:/callback", "fr.example.portal:"),
        ] {
            assert_eq!(form_action(uri), allowed);
        }
    }
}
