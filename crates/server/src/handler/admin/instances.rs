//! `/admin/instances`: what `cardea instances` does.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::{OperatorRequest, read_body, refuse, refuse_problem};
use crate::form::Body;
use crate::instance_view::{InstanceList, InstanceView};
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::state::AppState;
use crate::uninterrupted::to_the_end;

/// An operator's word on a workstation.
#[derive(Deserialize)]
#[serde(tag = "standing", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum InstanceDecision {
    /// It is trusted, for everybody.
    Managed {
        /// What the operator calls it.
        name: String,
        /// For the operator's own records.
        note: Option<String>,
    },
    /// It signs nobody in.
    Revoked {
        /// For the operator's own records.
        note: Option<String>,
    },
}

/// Lists the workstations.
pub(crate) async fn list_instances(
    State(state): State<AppState>,
    OperatorRequest(operator): OperatorRequest,
) -> Result<Json<InstanceList>, Refusal> {
    let instances = state.provider().trusted_instances(&operator);
    let reports = instances.list().await.map_err(|error| refuse(&error))?;
    Ok(Json(reports.into()))
}

/// Trusts a workstation or takes it out, and tells everybody whose session ends.
pub(crate) async fn put_instance(
    State(state): State<AppState>,
    OperatorRequest(operator): OperatorRequest,
    Path(instance_jkt): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<InstanceView>, Refusal> {
    let decision: InstanceDecision = read_body(&headers, body)?;
    let decided = to_the_end(async move {
        let instances = state.provider().trusted_instances(&operator);
        match decision {
            InstanceDecision::Managed { name, note } => {
                instances.trust(&instance_jkt, &name, note.as_deref()).await
            }
            InstanceDecision::Revoked { note } => {
                let (report, ended) = instances.revoke(&instance_jkt, note.as_deref()).await?;
                state.announce(ended);
                Ok(report)
            }
        }
    });
    let decided = decided.await;
    let decided = decided.ok_or_else(|| refuse_problem(Problem::Internal))?;
    let report = decided.map_err(|error| refuse(&error))?;
    Ok(Json(report.into()))
}

/// Takes back what was said of a workstation.
pub(crate) async fn delete_instance(
    State(state): State<AppState>,
    OperatorRequest(operator): OperatorRequest,
    Path(instance_jkt): Path<String>,
) -> Result<StatusCode, Refusal> {
    let instances = state.provider().trusted_instances(&operator);
    let forgotten = instances.forget(&instance_jkt).await;
    forgotten.map_err(|error| refuse(&error))?;
    Ok(StatusCode::NO_CONTENT)
}
