//! What reads other people's bytes, without the sockets that bring them: for the fuzz targets in
//! `fuzz/`, which have no other use for the agent's insides.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use cardea_assertion::Origin;

use crate::agent_socket::message::Request;
use crate::challenge_check::accept_challenge;
use crate::{Agent, Error, local_api};

/// All that a page may ask on loopback, behind its gate.
pub fn loopback_routes(agent: Arc<Agent>, port: u16) -> Router {
    local_api::routes(agent, port)
}

/// Checks a challenge as for a page of `origin`, and shows it to nobody.
///
/// # Errors
/// As every challenge is refused; [`Error::OriginRefused`] when `origin` is none.
pub async fn check_challenge(agent: &Agent, origin: &str, compact: &str) -> Result<(), Error> {
    let origin = Origin::parse(origin).map_err(|_| Error::OriginRefused)?;
    accept_challenge(compact, origin, &agent.issuers.now(), Instant::now())
        .await
        .map(drop)
}

/// Reads what a program asks through the agent's socket.
///
/// # Errors
/// [`Error::RequestInvalid`].
pub fn read_socket_request(text: &[u8]) -> Result<(), Error> {
    Request::parse(text).map(drop)
}
