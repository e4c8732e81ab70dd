//! The loopback API: what a login page of an enrolled issuer may ask of the agent.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;

use crate::Error;
use crate::agent::Agent;
use crate::peer_check::PeerOwner;

mod assertion;
mod gate;
mod opening;
mod own_user_listener;
mod router;
mod status;

pub use opening::LoopbackDoor;
pub(crate) use own_user_listener::OwnUserListener;
pub(crate) use status::Status;

/// All routes behind their gate, for requests whose `Host` is `port` on loopback.
pub(crate) fn routes(agent: Arc<Agent>, port: u16) -> Router {
    router::router(agent, port)
}

/// The API, listening on 127.0.0.1 and nowhere else.
#[derive(Debug)]
pub struct LocalApi {
    listener: TcpListener,
    address: SocketAddr,
}

impl LocalApi {
    /// Takes the port; 0 takes any free one.
    ///
    /// # Errors
    /// [`Error::AddressUnavailable`] when another program has it.
    pub async fn bind(port: u16) -> Result<Self, Error> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let unavailable = |source| Error::AddressUnavailable { address, source };
        let listener = TcpListener::bind(address).await.map_err(unavailable)?;
        let address = listener.local_addr().map_err(unavailable)?;
        Ok(Self { listener, address })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves pages of enrolled origins until `stop` resolves. Connections of other users' programs
    /// are closed unread.
    ///
    /// # Errors
    /// [`Error::AddressUnavailable`] when the socket fails.
    pub async fn serve(
        self,
        agent: Arc<Agent>,
        peers: Box<dyn PeerOwner>,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), Error> {
        let Self { listener, address } = self;
        let router = routes(agent, address.port());
        let listener = OwnUserListener::new(listener, peers, address);
        let failed = |source| Error::AddressUnavailable { address, source };
        let serving = axum::serve(listener, router).into_future();
        // Streams may last minutes: they end with the agent, not the agent with them.
        tokio::select! {
            result = serving => result.map_err(failed),
            () = stop => Ok(()),
        }
    }
}
