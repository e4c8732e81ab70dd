//! The one bearer token of a request's `Authorization` header (RFC 6750 section 2.1).

use axum::http::{HeaderMap, header};

/// The token; none where there is none, two, or another scheme.
pub(crate) fn bearer_of(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else {
        return None;
    };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("Bearer") && !token.is_empty()).then_some(token)
}
