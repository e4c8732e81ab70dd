//! Whether this server can answer logins.

use std::net::SocketAddr;

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;
use serde_json::{Value, json};

use crate::problem::Problem;
use crate::rate_limit::Counted;
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
    match state.provider().check_health().await {
        Ok(()) if state.provider().is_losing_many() => {
            let alarm = cardea_provider::Error::MassPresenceLoss.code();
            Ok(Json(json!({ "status": "degraded", "alarms": [alarm] })))
        }
        Ok(()) => Ok(Json(json!({ "status": "ok" }))),
        Err(error) => Err(Refusal::json(Problem::Unavailable).because(error.code())),
    }
}
