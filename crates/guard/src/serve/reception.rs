//! Where connections come in: at an address, and at the proxy's own socket.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};

use super::desk::{Accepted, Desks};
use crate::peer::Peer;
use crate::{AccessError, unix_socket};

/// Owner and group: whom the folder's owner has given the group.
const PROXY_MODE: u32 = 0o660;
/// How long nobody is let in after the system could not, as where it has no descriptor left.
const PAUSE: Duration = Duration::from_millis(100);

/// What is listened at.
pub(super) struct Reception {
    listener: TcpListener,
    socket: Option<UnixListener>,
}

impl Reception {
    /// Listens. Call this inside a Tokio runtime.
    pub(super) fn open(address: SocketAddr, socket: Option<&Path>) -> Result<Self, AccessError> {
        let failed = |address: String| move |source| AccessError::ListenFailed { address, source };
        let listener = listen(address).map_err(failed(address.to_string()))?;
        let socket = match socket {
            Some(path) => {
                let listening = unix_socket::listen(path, PROXY_MODE);
                Some(listening.map_err(failed(path.display().to_string()))?)
            }
            None => None,
        };
        Ok(Self { listener, socket })
    }

    /// Gives whoever comes to the desks, as long as somebody waits for this.
    pub(super) async fn receive(&self, desks: &Desks) {
        tokio::join!(
            self.receive_at_address(desks),
            self.receive_at_socket(desks)
        );
    }

    async fn receive_at_address(&self, desks: &Desks) {
        loop {
            let accepted = self.listener.accept().await.and_then(|(stream, address)| {
                stream.set_nodelay(true)?;
                Ok((Accepted::Tcp(stream.into_std()?), address.ip()))
            });
            match accepted {
                Ok((accepted, address)) => desks.receive(accepted, Peer::At(address)),
                Err(error) => pause_after(&error).await,
            }
        }
    }

    async fn receive_at_socket(&self, desks: &Desks) {
        let Some(socket) = &self.socket else {
            return std::future::pending().await;
        };
        loop {
            let accepted = socket.accept().await.and_then(|(stream, _)| {
                let stream = stream.into_std()?;
                Ok(Accepted::Unix(stream))
            });
            match accepted {
                Ok(accepted) => desks.receive(accepted, Peer::Socket),
                Err(error) => pause_after(&error).await,
            }
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// One that has gone away again says nothing of the next.
async fn pause_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    ) {
        tracing::warn!("a connection can't be accepted: {error}");
        tokio::time::sleep(PAUSE).await;
    }
}
