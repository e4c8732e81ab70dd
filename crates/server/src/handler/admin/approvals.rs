//! `/admin/approvals`: what one operator proposed and another confirms, where four eyes are asked
//! for.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use cardea_provider::{Confirmation, Proposal};

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
    let proposals = proposals.iter().map(ProposalView::from).collect();
    Ok(Json(ProposalList { proposals }))
}

/// Confirms another operator's proposal: it is done. That of a command waits for one more.
pub(crate) async fn post_confirmation(
    State(state): State<AppState>,
    OperatorRequest(operator): OperatorRequest,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let approvals = approvals_of(&state, &operator)?;
    let confirmed = to_the_end(async move {
        let confirmed = approvals.confirm(&id).await?;
        if let Confirmation::Done(proposal) = &confirmed
            && proposal.change.is_of_anchors()
        {
            follow_anchors(&state).await;
        }
        Ok(confirmed)
    });
    let confirmed = confirmed.await;
    let confirmed = confirmed.ok_or_else(|| refuse_problem(Problem::Internal))?;
    Ok(match confirmed.map_err(|error| refuse(&error))? {
        Confirmation::Done(proposal) => Json(ProposalView::from(&*proposal)).into_response(),
        Confirmation::TakenOver(proposal) => accepted(&proposal),
    })
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
