//! The description of what this server speaks beside OAuth and OpenID Connect.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde_json::Value;

use crate::handler::jwks::public_headers;
use crate::openapi::document;
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::state::AppState;

/// Gives the OpenAPI document.
pub(crate) async fn get_openapi(
    State(state): State<AppState>,
) -> Result<(HeaderMap, Json<Value>), Refusal> {
    let document = document(Some(state.origin()));
    let document = document.map_err(|_| Refusal::json(Problem::Internal))?;
    Ok((public_headers(), Json(document)))
}
