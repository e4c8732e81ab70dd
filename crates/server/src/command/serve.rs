//! `cardea serve`: reads the configuration, listens, and stops in good order.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use axum_server::tls_openssl::OpenSSLAcceptor;
use axum_server::{Handle, Server};
use tokio::signal::unix::{SignalKind, signal};

use crate::app::App;
use crate::config::Config;
use crate::connection_limit::BoundedAcceptor;
use crate::error::Error;
use crate::file_limit::raise_file_limit;
use crate::log_format::start_logging;
use crate::tls;

/// Time for a TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for the whole head of a request to arrive, counted from the end of the one before: an idle
/// HTTP/1.1 connection ends with it too (attack H10).
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of a request's head.
const HEADER_BYTES_MAX: usize = 32 * 1024;
/// The same, as HTTP/2 counts it.
const HEADER_LIST_BYTES_MAX: u32 = 32 * 1024;
const HEADERS_MAX: usize = 64;
/// Silent HTTP/2 connections are asked whether they are still there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// Time for the answer.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// Requests on one HTTP/2 connection at once.
const STREAMS_MAX: u32 = 64;
/// Requests on one HTTP/2 connection that its caller took back and that are still to be forgotten.
const RESET_STREAMS_MAX: usize = 64;
/// Bytes of bodies that may be under way: of one request (the longest that is read), of all.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 256 * 1024;
/// Bytes of answers that wait for one HTTP/2 request's caller to read them.
const SEND_BUFFER_BYTES_MAX: usize = 64 * 1024;
/// How long running requests may take once the server is to stop.
const GRACE: Duration = Duration::from_secs(10);

/// Runs the server until it is told to stop.
///
/// # Errors
/// Anything that keeps it from starting.
pub(super) fn run(config_file: &Path) -> anyhow::Result<()> {
    start_logging();
    let config = Config::load(config_file)?;
    raise_file_limit(&config);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(&config))
}

async fn serve(config: &Config) -> anyhow::Result<()> {
    let tls = config.tls.as_ref().map(tls::load).transpose()?;
    let app = App::build(config).await?;
    let failed = |source| Error::ListenFailed {
        address: config.listen,
        source,
    };
    let listener = TcpListener::bind(config.listen).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let handle = Handle::new();
    tokio::spawn(stop_on_signal(handle.clone()));
    app.start_tasks();
    tracing::info!(
        issuer = config.issuer.as_str(),
        %address,
        tls = tls.is_some(),
        clients = config.client.len(),
        trust_anchors = config.trust_anchor.len(),
        version = env!("CARGO_PKG_VERSION"),
        "ready"
    );
    let mut server = axum_server::from_tcp(listener)
        .map_err(failed)?
        .handle(handle)
        .first_request_timeout(HEADER_TIMEOUT);
    set_bounds(&mut server);
    let service = app
        .router()
        .into_make_service_with_connect_info::<SocketAddr>();
    let bounded = BoundedAcceptor::new(&config.limits, &config.presence);
    let outcome = match tls {
        Some(tls) => {
            let tls = OpenSSLAcceptor::new(tls).handshake_timeout(HANDSHAKE_TIMEOUT);
            let tls = tls.acceptor(bounded);
            server.acceptor(tls).serve(service).await
        }
        None => server.acceptor(bounded).serve(service).await,
    };
    app.stop();
    app.close().await;
    tracing::info!("stopped");
    Ok(outcome.map_err(failed)?)
}

/// Bounds what a connection may hold before any handler sees it.
fn set_bounds(server: &mut Server<SocketAddr>) {
    let builder = server.http_builder();
    builder
        .http1()
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEADER_BYTES_MAX)
        .max_headers(HEADERS_MAX);
    builder
        .http2()
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEADER_LIST_BYTES_MAX)
        .max_pending_accept_reset_streams(RESET_STREAMS_MAX)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER_BYTES_MAX)
        .keep_alive_interval(Some(KEEP_ALIVE))
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT);
}

/// Lets running requests end, then stops. Presence connections close when the app stops.
async fn stop_on_signal(handle: Handle<SocketAddr>) {
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        tracing::error!(code = "server.internal", "signals cannot be received");
        return;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tracing::info!("stopping");
    handle.graceful_shutdown(Some(GRACE));
}
