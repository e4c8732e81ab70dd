//! `/admin/approvals`: what one operator proposed and another confirms, where four eyes are asked
//! for.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use cardea_provider::Proposal;
use cardea_provider::event::ConsoleView;

use super::{OperatorRequest, approvals_of, refuse, refuse_problem};
use crate::anchor_reload::follow_anchors;
use crate::approval_view::{ProposalList, ProposalView};
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::state::AppState;
use crate::uninterrupted::to_the_end;

/// Lists what waits, and what was decided lately.
pub(crate) async fn list_approvals(
    State(state): State<AppState>,
    OperatorRequest(operator): OperatorRequest,
) -> Result<Json<ProposalList>, Refusal> {
    let approvals = approvals_of(&state, &operator)?;
    let proposals = approvals.list().await.map_err(|error| refuse(&error))?;
    let stops = proposals.iter().flat_map(|it| &it.stops);
    let subs: Vec<String> = stops.filter_map(|stop| stop.sub.clone()).collect();
    let look = state.provider();
    let look = look.record_look(&operator, ConsoleView::Stops, subs).await;
    look.map_err(|error| refuse(&error))?;
    let proposals = proposals.iter().map(ProposalView::from).collect();
    Ok(Json(ProposalList { proposals }))
}

/// Makes a command's proposal this operator's own; another one confirms it.
pub(crate) async fn post_taking_over(
    State(state): State<AppState>,
    OperatorRequest(operator): OperatorRequest,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let approvals = approvals_of(&state, &operator)?;
    let taken_over = to_the_end(async move { approvals.take_over(&id).await });
    let taken_over = taken_over.await;
    let taken_over = taken_over.ok_or_else(|| refuse_problem(Problem::Internal))?;
    taken_over
        .map(|proposal| accepted(&proposal))
        .map_err(|error| refuse(&error))
}

/// Confirms another operator's proposal: it is done.
pub(crate) async fn post_confirmation(
    State(state): State<AppState>,
    OperatorRequest(operator): OperatorRequest,
    Path(id): Path<String>,
) -> Result<Json<ProposalView>, Refusal> {
    let approvals = approvals_of(&state, &operator)?;
    let confirmed = to_the_end(async move {
        let confirmed = approvals.confirm(&id).await?;
        if confirmed.change.is_of_anchors() {
            follow_anchors(&state).await;
        }
        Ok(confirmed)
    });
    let confirmed = confirmed.await;
    let confirmed = confirmed.ok_or_else(|| refuse_problem(Problem::Internal))?;
    let confirmed = confirmed.map_err(|error| refuse(&error))?;
    Ok(Json(ProposalView::from(&confirmed)))
}

/// Takes a proposal back.
pub(crate) async fn post_cancellation(
    State(state): State<AppState>,
    OperatorRequest(operator): OperatorRequest,
    Path(id): Path<String>,
) -> Result<Json<ProposalView>, Refusal> {
    let approvals = approvals_of(&state, &operator)?;
    let cancelled = approvals.cancel(&id).await;
    let cancelled = cancelled.map_err(|error| refuse(&error))?;
    Ok(Json(ProposalView::from(&cancelled)))
}

/// The answer to what waits for another operator.
pub(super) fn accepted(proposal: &Proposal) -> Response {
    (StatusCode::ACCEPTED, Json(ProposalView::from(proposal))).into_response()
}
