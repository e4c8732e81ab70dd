//! Accepts connections of the agent's own user only.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};

use crate::Error;
use crate::peer_check::PeerOwner;

pub(crate) struct OwnUserListener {
    listener: TcpListener,
    peers: Arc<dyn PeerOwner>,
    address: SocketAddr,
}

impl OwnUserListener {
    pub(crate) fn new(
        listener: TcpListener,
        peers: Box<dyn PeerOwner>,
        address: SocketAddr,
    ) -> Self {
        Self {
            listener,
            peers: Arc::from(peers),
            address,
        }
    }
}

impl Listener for OwnUserListener {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, peer) = Listener::accept(&mut self.listener).await;
            let (peers, local) = (Arc::clone(&self.peers), self.address);
            let own = tokio::task::spawn_blocking(move || peers.is_own_user(peer, local));
            if own.await.unwrap_or(false) {
                // The lines of a stream are short and wanted at once.
                let _ = stream.set_nodelay(true);
                return (stream, peer);
            }
            let error = Error::PeerRefused;
            tracing::warn!(
                code = error.code(),
                port = peer.port(),
                "connection refused: {error}"
            );
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        Ok(self.address)
    }
}
