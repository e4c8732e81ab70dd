//! The agents' presence connections.

use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use tracing::Instrument;

use crate::presence::{FRAME_BYTES_MAX, serve_connection};
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::state::AppState;

/// Opens a connection, within the bound on their number.
pub(crate) async fn open_presence(
    State(state): State<AppState>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Refusal> {
    // Browsers name the page's origin; agents are no pages.
    if headers.contains_key(header::ORIGIN) {
        return Err(Refusal::json(Problem::OriginRefused));
    }
    let upgrade = upgrade.map_err(|_| Refusal::json(Problem::RequestMalformed))?;
    let connections_max = state.presence_config().connections_max;
    let connections_max = usize::try_from(connections_max).unwrap_or(usize::MAX);
    let place = state
        .presence()
        .take_place(connections_max)
        .ok_or_else(|| Refusal::json(Problem::TooManyRequests))?;
    let span = tracing::Span::current();
    Ok(upgrade
        .max_message_size(FRAME_BYTES_MAX)
        .max_frame_size(FRAME_BYTES_MAX)
        .on_upgrade(move |socket| serve_connection(state, socket, place).instrument(span)))
}
