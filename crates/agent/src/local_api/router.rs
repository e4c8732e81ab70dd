//! All routes of the loopback API.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Router, middleware};

use super::{assertion, gate, status};
use crate::agent::Agent;
use crate::{Error, problem};

/// Every route stands behind the gate; the gate itself answers preflights.
pub(super) fn router(agent: Arc<Agent>, port: u16) -> Router {
    let gate = gate::Gate {
        agent: Arc::clone(&agent),
        port,
    };
    Router::new()
        .route("/v1/status", get(status::show))
        .route("/v1/assertion", post(assertion::request))
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(not_found)
        .layer(middleware::from_fn_with_state(Arc::new(gate), gate::pass))
        .with_state(agent)
}

async fn not_found(State(agent): State<Arc<Agent>>) -> Response {
    problem::response(&Error::NotFound, agent.language)
}

async fn method_not_allowed(State(agent): State<Arc<Agent>>) -> Response {
    problem::response(&Error::MethodNotAllowed, agent.language)
}

/// The origin that the gate let through.
pub(super) type PageOrigin = Extension<cardea_assertion::Origin>;
