//! The agents' presence connections.

use std::net::SocketAddr;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use tracing::Instrument;

use crate::client_address::network_of;
use crate::presence::{FRAME_BYTES_MAX, serve_connection};
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::state::AppState;

/// Frames are small, and so are the buffers: most connections are idle most of the time.
/// An agent's statement has some 700 bytes; a longer frame makes its own room.
const BUFFER_BYTES: usize = 512;

/// What may wait for an agent that does not read: a full buffer and a few frames.
const WRITE_BYTES_MAX: usize = 16 * 1024;

/// Opens a connection, within the bounds on their number.
pub(crate) async fn open_presence(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Refusal> {
    // Browsers name the page's origin; agents are no pages.
    if headers.contains_key(header::ORIGIN) {
        return Err(Refusal::json(Problem::OriginRefused));
    }
    let upgrade = upgrade.map_err(|_| Refusal::json(Problem::RequestMalformed))?;
    let place = state
        .presence_places()
        .take(network_of(state.address_of(peer, &headers)))
        .ok_or_else(|| Refusal::json(Problem::TooManyRequests))?;
    let span = tracing::Span::current();
    let serve = move |socket| serve_connection(state, Box::new(socket), place).instrument(span);
    Ok(upgrade
        .max_message_size(FRAME_BYTES_MAX)
        .max_frame_size(FRAME_BYTES_MAX)
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES)
        .max_write_buffer_size(WRITE_BYTES_MAX)
        .on_upgrade(serve))
}
