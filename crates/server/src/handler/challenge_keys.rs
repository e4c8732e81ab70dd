//! The signed list of challenge keys that agents fetch.

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use crate::state::AppState;

/// Gives the list as the offline root key signed it (RFC 7515 section 9.2.1 media type).
pub(crate) async fn get_challenge_keys(State(state): State<AppState>) -> Response {
    let mut response = state.challenge_list().compact().to_string().into_response();
    let media_type = HeaderValue::from_static("application/jose");
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, media_type);
    response
}
