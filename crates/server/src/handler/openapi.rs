//! The description of what this server speaks beside OAuth and OpenID Connect.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use cardea_provider::ADMIN_PATH;
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
    let document = document(Some(state.provider().issuer()));
    let mut document = document.map_err(|_| Refusal::json(Problem::Internal))?;
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    // What is off has no address.
    if let Some(paths) = paths.filter(|_| state.administration().admin().is_none()) {
        paths.retain(|path, _| !path.starts_with(ADMIN_PATH));
    }
    Ok((public_headers(), Json(document)))
}
