//! Listeners: as many as are configured, each with the bounds of the first, opened and closed
//! together.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use axum::Router;
use axum_server::Server;
use tokio::task::JoinSet;

use crate::config::LimitsConfig;
use crate::connection_limit::BoundedAcceptor;
use crate::error::Error;
use crate::shutdown::{PeerAddress, Shutdown};
use crate::tls::ReloadableTls;

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

/// A socket that is open, and what is served at it.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    tls: Option<ReloadableTls>,
    router: Router,
    /// Connections of one address, where that is not as at the main listener.
    of_network_max: Option<u32>,
}

impl Listener {
    /// Opens a socket; nothing is accepted yet.
    ///
    /// # Errors
    /// [`Error::ListenFailed`].
    pub(crate) fn bind(
        address: SocketAddr,
        tls: Option<ReloadableTls>,
        router: Router,
    ) -> Result<Self, Error> {
        let failed = |source| Error::ListenFailed { address, source };
        let socket = TcpListener::bind(address).map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        Ok(Self {
            socket,
            address,
            tls,
            router,
            of_network_max: None,
        })
    }

    /// Says that callers come here themselves, also where the main listener stands behind a proxy:
    /// the bound for one address then holds here.
    pub(crate) fn for_callers_themselves(mut self, limits: &LimitsConfig) -> Self {
        self.of_network_max = Some(limits.connections_per_address);
        self
    }

    /// Says that a proxy stands here, whose connections are all one address's: it has to bound its
    /// callers' itself.
    pub(crate) fn for_a_proxy(mut self) -> Self {
        self.of_network_max = Some(u32::MAX);
        self
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether it speaks TLS.
    pub(crate) fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Serves until `shutdown` says that it is enough.
    async fn serve(self, shutdown: Shutdown, bounded: BoundedAcceptor) -> Result<(), Error> {
        let address = self.address;
        let failed = |source| Error::ListenFailed { address, source };
        let bounded = match self.of_network_max {
            Some(max) => bounded.with_network_max(max),
            None => bounded,
        };
        let socket = shutdown.listener(self.socket).map_err(failed)?;
        let mut server = Server::<PeerAddress>::from_listener(socket)
            .handle(shutdown.handle())
            .first_request_timeout(HEADER_TIMEOUT);
        set_bounds(&mut server);
        let service = self
            .router
            .into_make_service_with_connect_info::<SocketAddr>();
        let outcome = match self.tls {
            Some(tls) => server.acceptor(tls.acceptor(bounded)).serve(service).await,
            None => server.acceptor(bounded).serve(service).await,
        };
        outcome.map_err(failed)
    }
}

/// Serves all listeners until `shutdown` says that it is enough; one that fails ends the others.
///
/// # Errors
/// [`Error::ListenFailed`] of the first that failed.
pub(crate) async fn serve_all(
    listeners: Vec<Listener>,
    shutdown: Shutdown,
    bounded: BoundedAcceptor,
) -> Result<(), Error> {
    let mut serving = JoinSet::new();
    for listener in listeners {
        serving.spawn(listener.serve(shutdown.clone(), bounded.clone()));
    }
    let mut outcome = Ok(());
    while let Some(ended) = serving.join_next().await {
        // A panic of a server's own loop is no outcome to go on with either.
        if !matches!(ended, Ok(Ok(()))) {
            shutdown.stop_at_once();
        }
        if let (Ok(Err(error)), Ok(())) = (ended, &outcome) {
            outcome = Err(error);
        }
    }
    outcome
}

/// Bounds what a connection may hold before any handler sees it.
fn set_bounds(server: &mut Server<PeerAddress>) {
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
