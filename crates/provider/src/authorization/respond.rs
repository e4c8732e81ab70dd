//! The address that carries the answer back to the client (RFC 6749 section 4.1.2, RFC 9207).

use url::form_urlencoded::Serializer;

use crate::Error;

/// The redirect URI with a code. `iss` lets the client notice an answer of another provider.
pub(crate) fn code(redirect_uri: &str, code: &str, state: Option<&str>, issuer: &str) -> String {
    append(redirect_uri, &[("code", code)], state, issuer)
}

/// The redirect URI with an error (RFC 6749 section 4.1.2.1), explained to the portal's developer.
pub(crate) fn error(
    redirect_uri: &str,
    error: &Error,
    state: Option<&str>,
    issuer: &str,
) -> String {
    let name = error.oauth_error().as_str();
    let description = format!("{error} ({})", error.code());
    let answer = [("error", name), ("error_description", &description)];
    append(redirect_uri, &answer, state, issuer)
}

/// The registered URI is kept letter for letter, its own query included; values are form-encoded,
/// so that no character of `state` can end the header or start another parameter.
fn append(
    redirect_uri: &str,
    answer: &[(&str, &str)],
    state: Option<&str>,
    issuer: &str,
) -> String {
    let mut query = Serializer::new(String::new());
    query.extend_pairs(answer);
    if let Some(state) = state {
        query.append_pair("state", state);
    }
    query.append_pair("iss", issuer);
    with_query(redirect_uri, &query.finish())
}

/// Appends a finished query to a URI that may have one already.
pub(crate) fn with_query(uri: &str, query: &str) -> String {
    let separator = if uri.contains('?') { '&' } else { '?' };
    format!("{uri}{separator}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_goes_back_with_state_and_issuer() {
        let issuer = "https://id.example.fr";
        let location = code("https://portal.example.fr/cb", "abc", Some("s 1"), issuer);
        let wanted =
            "https://portal.example.fr/cb?code=abc&state=s+1&iss=https%3A%2F%2Fid.example.fr";
        assert_eq!(location, wanted);
    }

    #[test]
    fn a_registered_query_is_kept_and_hostile_state_stays_a_value() {
        let state = "\r\nSet-Cookie: a=b&code=evil#<script>";
        let location = error(
            "https://portal.example.fr/cb?tenant=1",
            &Error::LoginRequired,
            Some(state),
            "https://id.example.fr",
        );
        assert!(
            location.starts_with("https://portal.example.fr/cb?tenant=1&error=login_required&")
        );
        assert!(!location.contains(['\r', '\n', '#', '<']));
        let url = url::Url::parse(&location).unwrap();
        assert_eq!(
            url.query_pairs().filter(|(name, _)| name == "code").count(),
            0
        );
        assert!(
            url.query_pairs()
                .any(|(name, value)| name == "state" && value == state)
        );
    }
}
