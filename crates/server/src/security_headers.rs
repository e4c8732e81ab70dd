//! Headers that every answer carries (attacks D17, E23, F12, H12).

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;

use crate::state::AppState;

/// Nothing may load, frame or be framed; pages that need more set a policy of their own.
const STRICT_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; \
                             form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The policy of the login page: its script, this server, and the agent on this workstation. Its
/// form, the way back, comes here; where a redirect to the client follows, browsers hold it to the
/// same list, which then names that client's origin and no other.
pub(crate) fn login_page_policy(agent_url: &str, redirect_origin: Option<&str>) -> String {
    let space = if redirect_origin.is_some() { " " } else { "" };
    let redirect_origin = redirect_origin.unwrap_or_default();
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
         connect-src 'self' {agent_url}; form-action 'self'{space}{redirect_origin}; \
         base-uri 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'"
    )
}

/// The policy of the page that carries an answer to the portal: its script, and a form that may go
/// to the redirect URI's origin alone.
pub(crate) fn form_post_policy(redirect_origin: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
         form-action {redirect_origin}; base-uri 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'"
    )
}

/// The policy of the consent page: its form comes back here, and browsers hold the redirect that
/// follows to the same list.
pub(crate) fn consent_page_policy(redirect_origin: &str) -> String {
    format!(
        "default-src 'none'; style-src 'self'; img-src 'self'; \
         form-action 'self' {redirect_origin}; base-uri 'none'; frame-ancestors 'none'"
    )
}

/// The policy of the page that confirms a login without the agent. It is on a host of its own,
/// where each file would be a handshake with the card: styles come from the issuer's. Its form
/// comes back here, and browsers hold the redirects that follow to the same list.
pub(crate) fn agentless_page_policy(home: &str, redirect_origin: &str) -> String {
    format!(
        "default-src 'none'; style-src {home}; img-src {home}; \
         form-action 'self' {home} {redirect_origin}; base-uri 'none'; frame-ancestors 'none'"
    )
}

/// Adds the headers; what a handler has set itself stays.
pub(crate) async fn add_security_headers<F>(
    state: &AppState,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response
where
    F: Future<Output = Response>,
{
    let mut response = next(request).await;
    secure(response.headers_mut(), state.is_https());
    response
}

/// Adds the headers to those of an answer; what stands there stays.
pub(crate) fn secure(headers: &mut HeaderMap, is_https: bool) {
    let mut set = |name: HeaderName, value: &'static str| {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    };
    set(header::CONTENT_SECURITY_POLICY, STRICT_POLICY);
    set(header::X_FRAME_OPTIONS, "DENY");
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "no-referrer");
    set(header::CACHE_CONTROL, "no-store");
    set(
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    );
    set(
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=(), hid=(), serial=()",
    );
    if is_https {
        // RFC 6797: two years, as browsers' own lists ask.
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=63072000");
    }
}
