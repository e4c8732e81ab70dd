//! The login page posts what the card has signed.

use std::net::SocketAddr;

use axum::Json;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use cardea_provider::{Error, LoginAttempt, PendingSession, SessionState};
use serde::{Deserialize, Serialize};

use crate::error_response::language_of;
use crate::form::{Body, parse_json};
use crate::handler::authorization_response::location;
use crate::handler::authorize::append_cookie;
use crate::handler::on_the_way::keeping_language;
use crate::handler::{login_answer, on_the_way};
use crate::login_error::{problem_of, problem_of_card};
use crate::presence_wait;
use crate::problem::Problem;
use crate::rate_limit::Counted;
use crate::refusal::Refusal;
use crate::request_log::{record_login, short_login_id};
use crate::same_origin::check_same_origin;
use crate::state::AppState;
use crate::uninterrupted::to_the_end;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AssertionRequest {
    assertion: String,
    attestation: String,
}

#[derive(Serialize)]
struct AssertionResponse {
    redirect_to: String,
}

/// Judges the assertion, waits for the presence key, and says where the browser goes.
pub(crate) async fn post_assertion(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(request_id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    record_login(&request_id);
    check_same_origin(&headers, state.origin()).map_err(Refusal::json)?;
    let signed: AssertionRequest = parse_json(&headers, body).map_err(Refusal::json)?;
    let cookies = state.cookies();
    // Without its cookie a browser is another browser: the provider refuses, and spends the
    // challenge; the person learns which of the two it was.
    let login_cookie = cookies.login(&headers, &request_id);
    let foreign = login_cookie.is_none();
    let login_cookie = login_cookie.unwrap_or_default();
    // A refusal may go on record: it is counted before anything is written.
    let charge = state
        .charge(Counted::LoginRefusal, peer, &headers)
        .ok_or_else(|| Refusal::json(Problem::TooManyRequests))?;
    let judged = authenticate(&state, &request_id, &login_cookie, signed).await;
    let pending = judged.map_err(|refusal| match foreign {
        true => Refusal::json(Problem::OtherBrowser).because(refusal.code),
        false => refusal,
    })?;
    charge.give_back();
    tracing::info!(
        session = short_login_id(&pending.session_id),
        "the card is accepted"
    );
    wait_for_presence(&state, &pending).await?;
    answer(&state, (&uri, &headers), &request_id, &login_cookie).await
}

/// Says where the page goes on: to the portal with its answer, or to a page of ours where the
/// answer takes one.
async fn answer(
    state: &AppState,
    (uri, headers): (&Uri, &HeaderMap),
    request_id: &str,
    login_cookie: &str,
) -> Result<Response, Refusal> {
    let provider = state.provider();
    let refuse = |error: Error| Refusal::json(problem_of(&error)).because(error.code());
    let go_on = |redirect_to: String| Json(AssertionResponse { redirect_to }).into_response();
    let described = provider
        .describe_login(request_id, login_cookie)
        .await
        .map_err(refuse)?;
    if described.response_mode.is_posted() {
        let onward = keeping_language(&login_answer::address(request_id), uri);
        return Ok(go_on(onward));
    }
    let cookies = state.cookies();
    let session_cookie = cookies.session(headers);
    let completed = provider
        .complete_authorization(request_id, login_cookie, session_cookie.as_deref())
        .await;
    let completed = match completed {
        Ok(completed) => completed,
        Err(error) => {
            let first = on_the_way::first(&error, request_id);
            let first = first.map(|address| keeping_language(&address, uri));
            return first.map(go_on).ok_or_else(|| refuse(error));
        }
    };
    state.announce(completed.ended);
    let language = language_of(uri, headers);
    let mut response = go_on(location(&completed.response, language));
    let session_cookie = cookies.set_session(completed.session_cookie.expose());
    append_cookie(&mut response, session_cookie);
    append_cookie(&mut response, cookies.clear_login(request_id));
    Ok(response)
}

/// Has the provider judge the assertion, to the end: a challenge that is spent goes on record.
async fn authenticate(
    state: &AppState,
    request_id: &str,
    login_cookie: &str,
    signed: AssertionRequest,
) -> Result<PendingSession, Refusal> {
    let (state, request_id) = (state.clone(), request_id.to_owned());
    let login_cookie = login_cookie.to_owned();
    let judged = to_the_end(async move {
        let attempt = LoginAttempt {
            request_id: &request_id,
            login_cookie: &login_cookie,
            assertion: &signed.assertion,
            attestation: &signed.attestation,
        };
        let provider = state.provider();
        provider.authenticate(attempt, state.revocation()).await
    });
    judged
        .await
        .ok_or_else(|| Refusal::json(Problem::Internal))?
        .map_err(|error| Refusal::json(problem_of_card(error.public)).because(error.code()))
}

/// Waits until the presence key has answered on the agent's own connection.
async fn wait_for_presence(state: &AppState, pending: &PendingSession) -> Result<(), Refusal> {
    match presence_wait::settled(state, pending).await {
        Ok(Some(SessionState::Active)) => Ok(()),
        Ok(_) => Err(Refusal::json(Problem::PresenceMissing)),
        Err(error) => Err(Refusal::json(Problem::LoginUnavailable).because(error.code())),
    }
}
