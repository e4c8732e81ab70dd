//! `/admin/initial-access-tokens`: who may register a client (RFC 7591 section 3).

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use cardea_provider::NewInitialAccessToken;
use time::Duration;

use super::{OperatorRequest, read_body, refuse};
use crate::admin_api::{IssuedToken, NewToken, TokenList, TokenView};
use crate::form::Body;
use crate::refusal::Refusal;
use crate::state::AppState;

/// Makes a token.
pub(crate) async fn post_token(
    State(state): State<AppState>,
    OperatorRequest(operator): OperatorRequest,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<IssuedToken>), Refusal> {
    let new: NewToken = read_body(&headers, body)?;
    let new = NewInitialAccessToken {
        note: new.note,
        uses: new.uses,
        lifetime: Duration::seconds(i64::from(new.lifetime_seconds)),
        limits: new.limits.by_profile(state.provider().rules()),
    };
    let tokens = state.provider().initial_access_tokens(&operator);
    let issued = tokens.issue(&new).await.map_err(|error| refuse(&error))?;
    let issued = IssuedToken {
        id: issued.id,
        initial_access_token: issued.token.expose().to_owned(),
        expires_at: issued.expires_at,
    };
    Ok((StatusCode::CREATED, Json(issued)))
}

/// Lists every token, without the tokens themselves.
pub(crate) async fn list_tokens(
    State(state): State<AppState>,
    OperatorRequest(operator): OperatorRequest,
) -> Result<Json<TokenList>, Refusal> {
    let tokens = state.provider().initial_access_tokens(&operator);
    let records = tokens.list().await.map_err(|error| refuse(&error))?;
    let views = records.into_iter().map(TokenView::from);
    Ok(Json(TokenList {
        initial_access_tokens: views.collect(),
    }))
}

/// Takes a token back; the clients that it let in stay.
pub(crate) async fn delete_token(
    State(state): State<AppState>,
    OperatorRequest(operator): OperatorRequest,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    let tokens = state.provider().initial_access_tokens(&operator);
    tokens.revoke(&id).await.map_err(|error| refuse(&error))?;
    Ok(StatusCode::NO_CONTENT)
}
