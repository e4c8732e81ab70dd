//! The revocation endpoint (RFC 7009).

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use cardea_provider::{Provider, TokenLookup};

use crate::form::Body;
use crate::handler::token_lookup::look_up;
use crate::mtls::Peer;
use crate::refusal::Refusal;
use crate::state::AppState;

/// Takes a token back; the answer is the same whether there was anything to take back.
pub(crate) async fn post_revocation(
    State(state): State<AppState>,
    peer: Peer,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Refusal> {
    let look =
        async |provider: &Provider, lookup: TokenLookup<'_>| provider.revoke_token(lookup).await;
    look_up(&state, (&peer, &headers), &uri, body, look, |was_ours| {
        *was_ours
    })
    .await?;
    Ok(StatusCode::OK)
}
