//! The document that workstations enrol by.

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::state::AppState;

/// Gives the document as the offline root key signed it (RFC 7515 section 9.2.1 media type).
pub(crate) async fn get_enrolment(State(state): State<AppState>) -> Result<Response, Refusal> {
    let document = state
        .enrolment()
        .ok_or_else(|| Refusal::json(Problem::NotFound))?;
    let mut response = document.to_owned().into_response();
    let media_type = HeaderValue::from_static("application/jose");
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, media_type);
    Ok(response)
}
