//! The introspection endpoint (RFC 7662).

use std::net::SocketAddr;

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use cardea_provider::{Provider, TokenLookup};

use crate::form::Body;
use crate::handler::token_lookup::look_up;
use crate::refusal::Refusal;
use crate::state::AppState;

/// Says what a token is worth, to whom it concerns.
pub(crate) async fn post_introspection(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let look =
        async |provider: &Provider, lookup: TokenLookup<'_>| provider.introspect(lookup).await;
    let answer = look_up(&state, (peer, &headers), &uri, body, look, |_| false).await?;
    Ok(Json(answer).into_response())
}
