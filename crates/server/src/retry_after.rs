//! When to come back: every 429 and 503 says so (RFC 6585 section 4, RFC 9110 section 10.2.3).
//!
//! The number is the longest that what stands in the way can last, so that whoever waits so long
//! does not wait in vain; a flood aside, that goes on.

use axum::http::{HeaderValue, StatusCode};

/// The value of `Retry-After` for a refusal; none where coming back later changes nothing.
pub(crate) fn retry_after(status: StatusCode, code: &str) -> Option<HeaderValue> {
    let seconds = match (status, code) {
        // A pushed request waits so long for its browser.
        (StatusCode::TOO_MANY_REQUESTS, "provider.pushed_request_limit_reached") => "90",
        // A challenge lives so long.
        (StatusCode::TOO_MANY_REQUESTS, "provider.card_grant_challenge_limit_reached") => "120",
        // Everything else is counted by the minute.
        (StatusCode::TOO_MANY_REQUESTS, _) => "60",
        // A login that waits gives way after so long.
        (StatusCode::SERVICE_UNAVAILABLE, "provider.waiting_logins_limit_reached") => "120",
        // Lists are fetched again every minute.
        (StatusCode::SERVICE_UNAVAILABLE, code) if code.starts_with("pki.") => "60",
        // The database: a writer in front has so long, and a connection as well.
        (StatusCode::SERVICE_UNAVAILABLE, _) => "10",
        _ => return None,
    };
    Some(HeaderValue::from_static(seconds))
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::retry_after;

    #[test]
    fn what_passes_by_itself_says_when() {
        let cases = [
            (429, "server.too_many_requests", Some("60")),
            (429, "provider.client_authentication_throttled", Some("60")),
            (429, "provider.pushed_request_limit_reached", Some("90")),
            (503, "storage.unavailable", Some("10")),
            (503, "provider.waiting_logins_limit_reached", Some("120")),
            (403, "login.refused", None),
            (500, "server.internal", None),
        ];
        for (status, code, expected) in cases {
            let status = StatusCode::from_u16(status).unwrap();
            let value = retry_after(status, code);
            let value = value.as_ref().map(|value| value.to_str().unwrap());
            assert_eq!(value, expected, "{code}");
        }
    }
}
