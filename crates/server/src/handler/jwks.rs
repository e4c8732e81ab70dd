//! The public token keys (RFC 7517).

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use cardea_jose::JwkSet;

use crate::state::AppState;

/// Gives the keys that tokens are signed with, current and retiring ones.
pub(crate) async fn get_jwks(State(state): State<AppState>) -> (HeaderMap, Json<JwkSet>) {
    (public_headers(), Json(state.provider().jwks()))
}

/// Public documents may be kept for minutes, so that a new key is soon seen (attack G8), and read
/// by any page, since they hold nothing of anybody.
pub(super) fn public_headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=300"),
    );
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    headers.insert(
        "cross-origin-resource-policy",
        HeaderValue::from_static("cross-origin"),
    );
    headers
}
