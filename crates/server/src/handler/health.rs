//! Whether this server is alive, and whether it can answer logins.

use std::net::SocketAddr;

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::problem::Problem;
use crate::rate_limit::Counted;
use crate::readiness::Report;
use crate::refusal::Refusal;
use crate::state::AppState;

/// 200 while the database answers, 503 otherwise. While many agents are silent at once it is still
/// 200, and says so: a load balancer that took this server out would make it worse.
pub(crate) async fn get_health(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let _counted = state
        .charge(Counted::Health, peer, &headers)
        .ok_or_else(|| Refusal::json(Problem::TooManyRequests))?;
    health_of(&state).await
}

/// The same for operators' programs, as often as they ask.
pub(crate) async fn get_health_uncounted(
    State(state): State<AppState>,
) -> Result<Json<Value>, Refusal> {
    health_of(&state).await
}

async fn health_of(state: &AppState) -> Result<Json<Value>, Refusal> {
    match state.provider().check_health().await {
        Ok(()) if state.provider().is_losing_many() => {
            let alarm = cardea_provider::Error::MassPresenceLoss.code();
            Ok(Json(json!({ "status": "degraded", "alarms": [alarm] })))
        }
        Ok(()) => Ok(Json(json!({ "status": "ok" }))),
        Err(error) => Err(Refusal::json(Problem::Unavailable).because(error.code())),
    }
}

/// 200 while logins can be answered, 503 otherwise, and no word why: anybody may ask here.
pub(crate) async fn get_readiness(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let _counted = state
        .charge(Counted::Readiness, peer, &headers)
        .ok_or_else(|| Refusal::json(Problem::TooManyRequests))?;
    let report = state.readiness().look(&state).await;
    let body = json!({ "status": report.status });
    Ok((status_of(&report), Json(body)))
}

/// The same with its reasons, for operators' programs.
pub(crate) async fn get_readiness_in_full(
    State(state): State<AppState>,
) -> (StatusCode, Json<Report>) {
    let report = state.readiness().look(&state).await;
    (status_of(&report), Json(report))
}

fn status_of(report: &Report) -> StatusCode {
    match report.reasons.is_empty() {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    }
}
