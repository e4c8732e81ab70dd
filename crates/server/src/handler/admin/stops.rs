//! `/admin/stops`: what `cardea stops` does.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use cardea_provider::Outcome;
use serde::Deserialize;

use super::approvals::accepted;
use super::{OperatorRequest, approvals_of, read_body, refuse, refuse_problem};
use crate::form::Body;
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::state::AppState;
use crate::stop_view::{StopList, StopView};
use crate::uninterrupted::to_the_end;

/// Why an operator lifts a stop.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LiftReason {
    /// In her own words.
    reason: String,
}

/// Lists the accounts that guards have stopped.
pub(crate) async fn list_stops(
    State(state): State<AppState>,
    OperatorRequest(operator): OperatorRequest,
) -> Result<Json<StopList>, Refusal> {
    let stops = state.provider().account_stops(&operator);
    let found = stops.list().await.map_err(|it| refuse(&it))?;
    let stops = found.into_iter().map(StopView::from).collect();
    Ok(Json(StopList { stops }))
}

/// Lifts a stop, and has the guards of its service told; proposes it where it takes two.
pub(crate) async fn post_lift(
    State(state): State<AppState>,
    OperatorRequest(operator): OperatorRequest,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let approvals = approvals_of(&state, &operator)?;
    let LiftReason { reason } = read_body(&headers, body)?;
    let lifted = to_the_end(async move { approvals.lift_stop(&id, &reason).await });
    let lifted = lifted.await;
    let lifted = lifted.ok_or_else(|| refuse_problem(Problem::Internal))?;
    Ok(match lifted.map_err(|error| refuse(&error))? {
        Outcome::Done(stop) => Json(StopView::from(stop)).into_response(),
        Outcome::Proposed(proposal) => accepted(&proposal),
    })
}
