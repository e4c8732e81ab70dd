//! "Back to the portal": the person gives the login up, and the portal learns it.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use cardea_provider::{AuthorizationResponse, Error};

use crate::error_response::language_of;
use crate::handler::authorization_response;
use crate::handler::authorize::append_cookie;
use crate::login_error::page_refusal;
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::request_log::record_login;
use crate::same_origin::check_same_origin;
use crate::state::AppState;
use crate::uninterrupted::to_the_end;

/// Takes the press of the login page's button, which only our own page may cause (attack E17). The
/// form has no fields.
pub(crate) async fn post_cancel(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(request_id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    record_login(&request_id);
    check_same_origin(&headers, state.origin()).map_err(Refusal::page)?;
    let cookie = state.login_cookie(&headers, &request_id)?;
    let charge = state.charge_page(peer, &headers)?;
    let answer = cancel(&state, &request_id, cookie).await?;
    charge.give_back();
    let language = language_of(&uri, &headers);
    let mut response = authorization_response::send(&state, language, &answer);
    append_cookie(&mut response, state.cookies().clear_login(&request_id));
    Ok(response)
}

/// Has the provider decide, and tells the agent whose session is over, to the end.
async fn cancel(
    state: &AppState,
    request_id: &str,
    cookie: String,
) -> Result<AuthorizationResponse, Refusal> {
    let (state, request_id) = (state.clone(), request_id.to_owned());
    let cancelled = to_the_end(async move {
        let cancelled = state.provider().cancel_login(&request_id, &cookie).await?;
        state.announce(cancelled.ended);
        Ok::<_, Error>(cancelled.response)
    });
    cancelled
        .await
        .ok_or_else(|| Refusal::page(Problem::Internal))?
        .map_err(|error| page_refusal(&error))
}
