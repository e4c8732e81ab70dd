//! All routes of the portal.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

use crate::config::Config;
use crate::error::Error;
use crate::handler::{
    assets, backchannel_logout, callback, ended, health, home, language, login, logout, patients,
    session_events,
};
use crate::look_up::desk::Desk;
use crate::relying_party::RelyingParty;
use crate::session::Sessions;

const BODY_BYTES_MAX: usize = 16 * 1024;

/// What every handler works with.
pub(crate) struct State {
    pub(crate) relying_party: RelyingParty,
    pub(crate) sessions: Sessions,
    /// None where the service could not be opened.
    pub(crate) look_ups: Option<Desk>,
}

pub(crate) fn router(config: Config, look_ups: Option<Desk>) -> Result<Router, Error> {
    Ok(routes(Arc::new(State {
        relying_party: RelyingParty::new(config)?,
        sessions: Sessions::default(),
        look_ups,
    })))
}

fn routes(state: Arc<State>) -> Router {
    Router::new()
        .route("/", get(home::show_home))
        .route("/login", get(login::begin_login))
        .route("/callback", get(callback::finish_login))
        .route("/logout", post(logout::end_session))
        .route(
            "/backchannel-logout",
            post(backchannel_logout::receive_logout),
        )
        .route("/session/events", get(session_events::watch_session))
        .route("/session/ended", get(ended::show_ended))
        .route("/language/{tag}", get(language::choose_language))
        .route("/patients", get(patients::search_patients))
        .route("/patients/walk", post(patients::walk_patients))
        .route("/assets/{name}", get(assets::serve_asset))
        .route("/healthz", get(health::answer_health))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(state)
}

#[cfg(test)]
mod tests;
