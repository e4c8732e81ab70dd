//! `/admin/anchors`: what `cardea anchors` does.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use cardea_pki::Certificate;
use cardea_provider::{Error, Outcome, Permission, check_fingerprint};

use super::approvals::accepted;
use super::{OperatorRequest, approvals_of, read_body, refuse, refuse_problem};
use crate::admin_api::{AnchorList, NewAnchor};
use crate::anchor_reload::follow_anchors;
use crate::anchor_view::{added_view, configured_views};
use crate::form::Body;
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::state::AppState;

/// Lists every certificate of every trust anchor.
pub(crate) async fn list_anchors(
    State(state): State<AppState>,
    OperatorRequest(operator): OperatorRequest,
) -> Result<Json<AnchorList>, Refusal> {
    let registrations = state.provider().anchor_registrations(&operator);
    let (added, _) = registrations.list().await.map_err(|error| refuse(&error))?;
    let mut anchors = configured_views(&state.administration().configured_anchors());
    anchors.extend(added.iter().map(added_view));
    Ok(Json(AnchorList { anchors }))
}

/// Adds a certificate.
pub(crate) async fn post_anchor(
    State(state): State<AppState>,
    OperatorRequest(operator): OperatorRequest,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let approvals = approvals_of(&state, &operator)?;
    check_switch(&state)?;
    let new: NewAnchor = read_body(&headers, body)?;
    let mut certificates = Certificate::parse_pem_bundle(new.certificate.as_bytes())
        .map_err(|error| refuse(&Error::Pki(error)))?;
    let (Some(certificate), true) = (certificates.pop(), certificates.is_empty()) else {
        return Err(refuse_problem(Problem::RequestMalformed));
    };
    if let Some(sha256) = &new.sha256 {
        check_fingerprint(&certificate, sha256).map_err(|error| refuse(&error))?;
    }
    let configured = state.administration().configured_anchors();
    let mut rules = configured.iter().map(|anchor| &anchor.rules);
    let rules = rules.find(|rules| rules.name == new.trust_anchor);
    let rules = rules.ok_or_else(|| {
        let name = new.trust_anchor.clone();
        refuse(&Error::AnchorRulesUnknown { name })
    })?;
    let store = &rules.trust_store;
    let own: Vec<_> = store.anchors().chain(store.intermediates()).collect();
    let added = approvals.add_anchor(&rules.name, new.role, &certificate, &own);
    match added.await.map_err(|error| refuse(&error))? {
        Outcome::Done(added) => {
            follow_anchors(&state).await;
            Ok((StatusCode::CREATED, Json(added_view(&added))).into_response())
        }
        Outcome::Proposed(proposal) => Ok(accepted(&proposal)),
    }
}

/// Takes an added certificate away.
pub(crate) async fn delete_anchor(
    State(state): State<AppState>,
    OperatorRequest(operator): OperatorRequest,
    Path((rules, sha256)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let approvals = approvals_of(&state, &operator)?;
    check_switch(&state)?;
    let removed = approvals
        .remove_anchor(&rules, &sha256.to_ascii_lowercase())
        .await;
    match removed.map_err(|error| refuse(&error))? {
        Outcome::Done(()) => {
            follow_anchors(&state).await;
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        Outcome::Proposed(proposal) => Ok(accepted(&proposal)),
    }
}

/// Who adds a trust anchor decides whose cards are believed, which is more than other operators do.
fn check_switch(state: &AppState) -> Result<(), Refusal> {
    let rules = state.administration().admin();
    match rules.is_some_and(|rules| rules.anchors == Permission::Allowed) {
        true => Ok(()),
        false => Err(refuse(&Error::AdminAnchorsOff)),
    }
}
