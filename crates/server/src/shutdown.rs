//! How the server stops without losing a request.
//!
//! 1. The signal: `/readyz` answers 503, and each answer tells its connection to close. New
//!    connections are still accepted for the time that a load balancer needs to look elsewhere.
//! 2. The listeners close, once nobody waits to be accepted any more: whoever the kernel has let in
//!    gets an answer. Connections that have just been made send their first request yet.
//! 3. Idle connections close, running requests end, those that wait for an agent among them.
//! 4. Only then presence connections close: agents come back, each after a wait of its own.
//!
//! A second signal ends all of it at once.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum_server::{AddrListener, Address, Control, Handle};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::config::OperationsConfig;

/// How long a connection that was accepted last may take for its first request.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// How often it is looked whether all connections have ended by themselves.
const LOOK: Duration = Duration::from_millis(10);

/// What stops any number of listeners together; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Shutdown {
    control: Control,
    accepting: watch::Sender<bool>,
    at_once: watch::Sender<bool>,
}

/// How long each part of a stop may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StopTimes {
    /// New callers are still accepted.
    pub(crate) drain: Duration,
    /// Running requests may end.
    pub(crate) finish: Duration,
}

impl StopTimes {
    pub(crate) fn of(config: &OperationsConfig) -> Self {
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        Self {
            drain: seconds(config.drain_seconds),
            finish: seconds(config.stop_seconds),
        }
    }
}

/// A caller's address, as a [`ClosableListener`] gives it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeerAddress(SocketAddr);

/// A listener that closes when the server stops, with nobody left waiting to be accepted.
#[derive(Debug)]
pub(crate) struct ClosableListener {
    listener: Mutex<Option<Arc<TcpListener>>>,
    address: SocketAddr,
    accepting: watch::Sender<bool>,
}

impl Shutdown {
    pub(crate) fn new() -> Self {
        Self {
            control: Control::new(),
            accepting: watch::Sender::new(true),
            at_once: watch::Sender::new(false),
        }
    }

    /// A handle for one more server that is to stop with the others.
    pub(crate) fn handle(&self) -> Handle<PeerAddress> {
        Handle::with_control(self.control.clone())
    }

    /// Makes a listener close with the others.
    ///
    /// # Errors
    /// Where it cannot be used without blocking.
    pub(crate) fn listener(&self, listener: std::net::TcpListener) -> io::Result<ClosableListener> {
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        Ok(ClosableListener {
            address: listener.local_addr()?,
            listener: Mutex::new(Some(Arc::new(listener))),
            accepting: self.accepting.clone(),
        })
    }

    /// Stops in good order, as the module says; connections that stand may outlast this call.
    pub(crate) async fn stop_in_order(&self, times: StopTimes) {
        sleep(times.drain).await;
        self.accepting.send_replace(false);
        let until = Instant::now() + LAST_WORDS;
        while self.control.connection_count() > 0 && Instant::now() < until {
            sleep(LOOK).await;
        }
        self.control.graceful_shutdown(Some(times.finish));
    }

    /// Ends all connections where they are.
    pub(crate) fn stop_at_once(&self) {
        self.accepting.send_replace(false);
        self.at_once.send_replace(true);
        self.control.shutdown();
    }

    /// Waits until everything is to end at once; what is only polite is left then.
    pub(crate) async fn told_to_stop_at_once(&self) {
        let mut at_once = self.at_once.subscribe();
        // This keeps the sender.
        let _ = at_once.wait_for(|at_once| *at_once).await;
    }
}

impl ClosableListener {
    fn open(&self) -> Option<Arc<TcpListener>> {
        let listener = self.listener.lock();
        listener.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn close(&self) {
        let listener = self.listener.lock();
        *listener.unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl AddrListener<TcpStream, PeerAddress> for ClosableListener {
    /// Never called: a [`Shutdown`] makes these listeners.
    async fn bind_to(_address: PeerAddress) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn accept_stream(&self) -> io::Result<(TcpStream, PeerAddress)> {
        let mut accepting = self.accepting.subscribe();
        if let Some(listener) = self.open() {
            tokio::select! {
                // Whoever waits is taken before the end is looked at.
                biased;
                accepted = listener.accept() => {
                    let (stream, address) = accepted?;
                    return Ok((stream, PeerAddress(address)));
                }
                _ = accepting.wait_for(|accepting| !*accepting) => {}
            }
        }
        self.close();
        std::future::pending().await
    }

    fn get_local_addr(&self) -> io::Result<PeerAddress> {
        Ok(PeerAddress(self.address))
    }
}

impl Address for PeerAddress {
    type Stream = TcpStream;
    type Listener = ClosableListener;
}

impl Connected<PeerAddress> for SocketAddr {
    fn connect_info(peer: PeerAddress) -> Self {
        peer.0
    }
}
