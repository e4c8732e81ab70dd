//! The login page asks for a challenge.

use std::net::SocketAddr;

use axum::Json;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};

use crate::form::{Body, parse_json};
use crate::login_error::problem_of;
use crate::problem::Problem;
use crate::rate_limit::Counted;
use crate::refusal::Refusal;
use crate::request_log::record_login;
use crate::same_origin::check_same_origin;
use crate::state::AppState;

/// An empty object: JSON forces a preflight on foreign pages.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChallengeRequest {}

#[derive(Serialize)]
pub(crate) struct ChallengeResponse {
    challenge: String,
    agent_url: String,
}

/// Gives a challenge to the browser that began the login.
pub(crate) async fn post_challenge(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(request_id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ChallengeResponse>, Refusal> {
    record_login(&request_id);
    check_same_origin(&headers, state.origin()).map_err(Refusal::json)?;
    let ChallengeRequest {} = parse_json(&headers, body).map_err(Refusal::json)?;
    let cookie = state
        .cookies()
        .login(&headers, &request_id)
        .ok_or_else(|| Refusal::json(Problem::OtherBrowser))?;
    let _counted = state
        .charge(Counted::Challenge, peer, &headers)
        .ok_or_else(|| Refusal::json(Problem::TooManyRequests))?;
    let challenge = state
        .provider()
        .issue_challenge(&request_id, &cookie)
        .await
        .map_err(|error| Refusal::json(problem_of(&error)).because(error.code()))?;
    Ok(Json(ChallengeResponse {
        challenge,
        agent_url: state.agent_url().to_owned(),
    }))
}
