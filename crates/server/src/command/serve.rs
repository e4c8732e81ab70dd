//! `cardea serve`: reads the configuration, listens, and stops in good order.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_openssl::OpenSSLAcceptor;
use axum_server::{Handle, Server};
use tokio::signal::unix::{SignalKind, signal};

use crate::app::App;
use crate::config::Config;
use crate::error::Error;
use crate::file_limit::raise_file_limit;
use crate::log_format::start_logging;
use crate::tls;

/// Time for the whole head of a request to arrive (attack H10).
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of a request's head.
const HEADER_BYTES_MAX: usize = 32 * 1024;
/// The same, as HTTP/2 counts it.
const HEADER_LIST_BYTES_MAX: u32 = 32 * 1024;
const HEADERS_MAX: usize = 64;
/// Silent HTTP/2 connections are asked whether they are still there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// Requests on one HTTP/2 connection at once.
const STREAMS_MAX: u32 = 64;
/// How long running requests may take once the server is to stop.
const GRACE: Duration = Duration::from_secs(10);

/// Runs the server until it is told to stop.
///
/// # Errors
/// Anything that keeps it from starting.
pub(super) fn run(config_file: &Path) -> anyhow::Result<()> {
    start_logging();
    let config = Config::load(config_file)?;
    raise_file_limit(&config.presence);
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
        .handle(handle);
    set_bounds(&mut server);
    let service = app
        .router()
        .into_make_service_with_connect_info::<SocketAddr>();
    // Two short frames in a row, such as those of a presence connection, would otherwise wait for
    // the other side's delayed acknowledgement: 40 ms in every login.
    let no_delay = NoDelayAcceptor::new();
    let outcome = match tls {
        Some(tls) => {
            let tls = OpenSSLAcceptor::new(tls).acceptor(no_delay);
            server.acceptor(tls).serve(service).await
        }
        None => server.acceptor(no_delay).serve(service).await,
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
        .keep_alive_interval(Some(KEEP_ALIVE));
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
