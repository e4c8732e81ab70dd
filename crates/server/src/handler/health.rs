//! Whether this server can answer logins.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::state::AppState;

/// 200 while the database answers, 503 otherwise. While many agents are silent at once it is still
/// 200, and says so: a load balancer that took this server out would make it worse.
pub(crate) async fn get_health(State(state): State<AppState>) -> Result<Json<Value>, Refusal> {
    match state.provider().check_health().await {
        Ok(()) if state.provider().is_losing_many() => {
            let alarm = cardea_provider::Error::MassPresenceLoss.code();
            Ok(Json(json!({ "status": "degraded", "alarms": [alarm] })))
        }
        Ok(()) => Ok(Json(json!({ "status": "ok" }))),
        Err(error) => Err(Refusal::json(Problem::Unavailable).because(error.code())),
    }
}
