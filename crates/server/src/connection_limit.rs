//! Bounds on connections, which anybody on the network may open (attacks H9, H10).
//!
//! In all, and for each address: beyond, a connection is closed before a byte of it is read or a
//! TLS handshake begins. A presence connection keeps its place as long as it stands.

use std::collections::HashMap;
use std::future::{Ready, ready};
use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use crate::client_address::network_of;
use crate::config::{ClientAddress, LimitsConfig, PresenceConfig};

/// How long the other side may take nothing of an answer: whoever asks for much and reads nothing
/// would keep its place, and the answers in memory, for ever.
const TAKES_NOTHING_MAX: Duration = Duration::from_secs(15);

/// Connections of operators' programs at once.
const OPERATORS_MAX: usize = 64;

/// Accepts connections while there are places.
#[derive(Clone, Debug)]
pub(crate) struct BoundedAcceptor {
    shared: Arc<Shared>,
    of_network_max: usize,
}

#[derive(Debug)]
struct Shared {
    all_max: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    of_networks: HashMap<IpAddr, usize>,
}

/// One connection's place; given back when dropped.
#[derive(Debug)]
struct Place {
    shared: Arc<Shared>,
    network: IpAddr,
}

/// A connection that has a place, and loses it when its other side takes nothing.
#[derive(Debug)]
pub(crate) struct PlacedStream {
    stream: TcpStream,
    /// Runs while the other side takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
    _place: Place,
}

/// How many connections may stand at once.
pub(crate) fn connections_max(limits: &LimitsConfig, presence: &PresenceConfig) -> u64 {
    u64::from(presence.connections_max)
        + u64::from(presence.unclaimed_max)
        + u64::from(limits.other_connections_max)
}

impl BoundedAcceptor {
    pub(crate) fn new(limits: &LimitsConfig, presence: &PresenceConfig) -> Self {
        let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let of_network_max = match limits.client_address.unwrap_or_default() {
            ClientAddress::Peer => number(limits.connections_per_address.into()),
            // All of them are the proxy's, which has to bound its callers' itself.
            ClientAddress::XForwardedFor => usize::MAX,
        };
        Self::with_bounds(number(connections_max(limits, presence)), of_network_max)
    }

    /// For the listener of operators' programs, which are few.
    pub(crate) fn for_operators() -> Self {
        Self::with_bounds(OPERATORS_MAX, OPERATORS_MAX)
    }

    fn with_bounds(all_max: usize, of_network_max: usize) -> Self {
        let taken = Mutex::default();
        Self {
            shared: Arc::new(Shared { all_max, taken }),
            of_network_max,
        }
    }

    /// The same places, with another bound for each address.
    pub(crate) fn with_network_max(&self, of_network_max: u32) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            of_network_max: usize::try_from(of_network_max).unwrap_or(usize::MAX),
        }
    }

    fn take(&self, address: IpAddr) -> Option<Place> {
        let network = network_of(address);
        let mut taken = self.shared.lock();
        let of_network = taken.of_networks.get(&network).copied().unwrap_or_default();
        if taken.all >= self.shared.all_max || of_network >= self.of_network_max {
            return None;
        }
        taken.all = taken.all.saturating_add(1);
        taken
            .of_networks
            .insert(network, of_network.saturating_add(1));
        Some(Place {
            shared: Arc::clone(&self.shared),
            network,
        })
    }

    fn place(&self, stream: TcpStream) -> io::Result<PlacedStream> {
        let address = stream.peer_addr()?.ip();
        let place = self.take(address).ok_or_else(|| {
            tracing::debug!("a connection is closed at once: too many");
            io::Error::from(io::ErrorKind::QuotaExceeded)
        })?;
        // Two short frames in a row, such as those of a presence connection, would otherwise wait
        // for the other side's delayed acknowledgement: 40 ms in every login.
        stream.set_nodelay(true)?;
        Ok(PlacedStream {
            stream,
            stalled: None,
            _place: place,
        })
    }
}

impl<S> Accept<TcpStream, S> for BoundedAcceptor {
    type Stream = PlacedStream;
    type Service = S;
    type Future = Ready<io::Result<(Self::Stream, Self::Service)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        ready(self.place(stream).map(|stream| (stream, service)))
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.shared.lock();
        taken.all = taken.all.saturating_sub(1);
        if let Some(count) = taken.of_networks.get_mut(&self.network) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.of_networks.remove(&self.network);
            }
        }
    }
}

impl PlacedStream {
    /// Passes an outcome of a write on, unless nothing could be written for too long.
    fn bounded<T>(
        &mut self,
        context: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.stalled = None;
            return outcome;
        }
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(sleep(TAKES_NOTHING_MAX)));
        match stalled.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for PlacedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for PlacedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.bounded(context, outcome)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.bounded(context, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::BoundedAcceptor;
    use crate::config::{ClientAddress, LimitsConfig, PresenceConfig};

    fn acceptor(client_address: ClientAddress) -> BoundedAcceptor {
        let limits = LimitsConfig {
            connections_per_address: 2,
            other_connections_max: 1,
            client_address: Some(client_address),
            ..LimitsConfig::default()
        };
        let presence = PresenceConfig {
            connections_max: 1,
            unclaimed_max: 1,
            ..PresenceConfig::default()
        };
        BoundedAcceptor::new(&limits, &presence)
    }

    fn address(number: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, number])
    }

    #[test]
    fn h9_connections_are_bounded_for_each_address_and_in_all() {
        let acceptor = acceptor(ClientAddress::Peer);
        let first = acceptor.take(address(1)).unwrap();
        let _second = acceptor.take(address(1)).unwrap();
        assert!(acceptor.take(address(1)).is_none());
        let _third = acceptor.take(address(2)).unwrap();
        assert!(acceptor.take(address(3)).is_none(), "all places are taken");
        drop(first);
        assert!(acceptor.take(address(3)).is_some());
    }

    #[test]
    fn a_proxy_may_have_all_connections_and_nothing_is_kept_of_what_is_gone() {
        let acceptor = acceptor(ClientAddress::XForwardedFor);
        let places = [(); 3].map(|()| acceptor.take(address(1)).unwrap());
        assert!(acceptor.take(address(1)).is_none());
        drop(places);
        let taken = acceptor.shared.lock();
        assert_eq!((taken.all, taken.of_networks.len()), (0, 0));
    }
}
