//! `cardea-witness serve`.

mod places;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum_server::{Handle, Server};
use tokio::signal::unix::{SignalKind, signal};

use crate::{Config, Error, Witness, router};
use places::Places;

/// Time for the whole head of a request to arrive, and for an idle connection to live: logs keep
/// theirs open.
const HEADER_TIMEOUT: Duration = Duration::from_secs(75);
const HEADER_BYTES_MAX: usize = 16 * 1024;
const HEADERS_MAX: usize = 64;

/// Serves until it is told to stop; requests that are at work then are answered.
///
/// # Errors
/// As [`Witness::open`], and [`Error::ListenFailed`].
pub async fn serve(config: &Config) -> Result<(), Error> {
    let address = config.serve.listen;
    let failed = |source| Error::ListenFailed { address, source };
    let witness = Arc::new(Witness::open(config)?);
    let socket = TcpListener::bind(address).map_err(failed)?;
    socket.set_nonblocking(true).map_err(failed)?;
    let bound = socket.local_addr().map_err(failed)?;
    let handle = Handle::new();
    let mut server: Server<SocketAddr> = axum_server::from_tcp(socket).map_err(failed)?;
    let builder = server.http_builder();
    builder
        .http1()
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEADER_BYTES_MAX)
        .max_headers(HEADERS_MAX);
    let stop_after = Duration::from_secs(config.serve.stop_seconds.into());
    let stopping = tokio::spawn(stop_when_told(handle.clone(), stop_after));
    let key = witness.verifier().to_string();
    tracing::info!(address = %bound, %key, logs = config.logs.len(), "the witness listens");
    let outcome = server
        .handle(handle)
        .acceptor(Places::new(config.serve.connections_max))
        .serve(router(witness, config.serve.requests_max).into_make_service())
        .await;
    stopping.abort();
    outcome.map_err(failed)
}

async fn stop_when_told(handle: Handle<SocketAddr>, stop_after: Duration) {
    let told = async {
        let (mut terminate, mut interrupt) = (
            signal(SignalKind::terminate()).ok()?,
            signal(SignalKind::interrupt()).ok()?,
        );
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        Some(())
    };
    if told.await.is_none() {
        tracing::warn!("no signals can be heard: the witness ends without ceremony");
        return;
    }
    tracing::info!("the witness stops");
    handle.graceful_shutdown(Some(stop_after));
}
