//! `GET /v1/status`: whether an agent is there, and whether a card is.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use crate::agent::Agent;

/// What a page learns before it asks for anything. No name, no reader, no serial number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Status {
    /// The agent's version.
    pub(crate) version: String,
    /// `ready`, or `busy` while a person is asked.
    pub(crate) state: String,
    /// `present`, `absent` or `no_reader`.
    pub(crate) card: String,
}

impl Status {
    /// How the agent is now.
    pub(crate) fn of(agent: &Agent) -> Self {
        let state = if agent.prompt_slot.is_taken() {
            "busy"
        } else {
            "ready"
        };
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            state: state.to_owned(),
            card: agent.cards.watch().now().summary().to_owned(),
        }
    }
}

pub(super) async fn show(State(agent): State<Arc<Agent>>) -> Json<Status> {
    Json(Status::of(&agent))
}
