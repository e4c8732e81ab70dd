//! The answer that goes back to the client through the browser (RFC 6749 section 4.1.2, RFC 9207).

use cardea_oauth2_types::ResponseMode;
use url::Url;
use url::form_urlencoded::Serializer;

use crate::Error;

/// An answer to an authorization request, a code or an error, and how it travels.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorizationResponse {
    /// Where it goes: registered to the letter.
    pub redirect_uri: String,
    /// In which form.
    pub mode: ResponseMode,
    /// What it says, in order: `code` or `error`, then `state` and `iss`.
    pub parameters: Vec<(&'static str, String)>,
}

/// Where answers to a request go, and what they repeat.
#[derive(Clone, Copy)]
pub(crate) struct ReturnAddress<'a> {
    pub(crate) redirect_uri: &'a str,
    pub(crate) mode: ResponseMode,
    pub(crate) state: Option<&'a str>,
    /// `iss` lets the client notice an answer of another provider (attack E19).
    pub(crate) issuer: &'a str,
}

impl ReturnAddress<'_> {
    /// An answer with a code.
    pub(crate) fn code(self, code: &str) -> AuthorizationResponse {
        self.answer(vec![("code", code.to_owned())])
    }

    /// An answer with an error (RFC 6749 section 4.1.2.1), explained to the portal's developer in
    /// the characters that the section allows.
    pub(crate) fn error(self, error: &Error) -> AuthorizationResponse {
        let code = error.code();
        self.answer(vec![
            ("error", error.oauth_error().as_str().to_owned()),
            ("error_description", format!("{code}: {error}")),
            ("error_uri", format!("{}/errors/{code}", self.issuer)),
        ])
    }

    fn answer(self, mut parameters: Vec<(&'static str, String)>) -> AuthorizationResponse {
        parameters.extend(self.state.map(|state| ("state", state.to_owned())));
        parameters.push(("iss", self.issuer.to_owned()));
        AuthorizationResponse {
            redirect_uri: self.redirect_uri.to_owned(),
            mode: self.mode,
            parameters,
        }
    }
}

impl AuthorizationResponse {
    /// The redirect URI with the answer in its query. The registered URI is kept letter for
    /// letter, its own query included; values are form-encoded, so that no character of `state`
    /// can end the header or start another parameter.
    #[must_use]
    pub fn location(&self) -> String {
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
        }
    }

    #[test]
    fn a_code_goes_back_with_state_and_issuer() {
        let response = address("https://portal.example.fr/cb", "s 1").code("abc");
        let wanted =
            "https://portal.example.fr/cb?code=abc&state=s+1&iss=https%3A%2F%2Fid.example.fr";
        assert_eq!(response.location(), wanted);
        assert!(!format!("{response:?}").contains("abc"));
    }

    #[test]
    fn a_registered_query_is_kept_and_hostile_state_stays_a_value() {
        let state = "\r\nSet-Cookie: a=b&code=evil#<script>";
        let address = address("https://portal.example.fr/cb?tenant=1", state);
        let location = address.error(&Error::LoginRequired).location();
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
