//! The agent's own socket: how programs of this user reach the agent without a port.
//!
//! The browser extension's native host comes this way, and `cardea-agent status`. The socket stands
//! in a folder that nobody else can enter, belongs to this user, and each end looks at the uid of
//! the other (unix(7), `SO_PEERCRED`). A connection carries one request; the answers are frames in
//! the form that native messaging has, so that the host only copies them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::UnixStream;
use tokio::sync::Semaphore;

use crate::Error;
use crate::agent::Agent;
use crate::config::Config;

mod client;
mod connection;
pub mod frame;
pub(crate) mod message;
mod own_socket;
mod place;

pub(crate) use client::{
    ask_status, ask_to_end_sessions, ask_to_read_issuers, connect, hear_of_end,
};
pub(crate) use own_socket::OwnSocket;

/// Connections at once; more are closed unread. There is one prompt, so one sign-in at a time.
const CONNECTIONS_MAX: usize = 32;

/// The socket, bound and listening. Dropping it takes its file away.
#[derive(Debug)]
pub struct AgentSocket(OwnSocket);

impl AgentSocket {
    /// Takes the socket that a configuration names, which may stand beside the agent's state.
    ///
    /// # Errors
    /// As [`AgentSocket::bind`], with the file and key that name the socket.
    pub fn of(config: &Config) -> Result<Self, Error> {
        OwnSocket::of(config, &config.socket).map(Self)
    }

    /// Takes the socket's path: makes its folder below one that only this user can enter, and
    /// replaces what an agent that died left there.
    ///
    /// # Errors
    /// [`Error::SocketUnavailable`] when another agent of this user runs, or the system refuses;
    /// [`Error::FileUnsafe`] when folder or socket are not this user's alone.
    pub fn bind(path: &Path) -> Result<Self, Error> {
        OwnSocket::bind(path).map(Self)
    }

    /// Where it listens.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Serves programs of this user until it is dropped. Connections of others are closed unread.
    pub async fn serve(self, agent: Arc<Agent>) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let stream = self.0.accept().await;
            let Ok(permit) = Arc::clone(&places).try_acquire_owned() else {
                tracing::warn!("connection refused: {CONNECTIONS_MAX} are open");
                continue;
            };
            let agent = Arc::clone(&agent);
            tokio::spawn(async move {
                connection::serve(stream, agent).await;
                drop(permit);
            });
        }
    }
}

/// Whether the other end belongs to the user: for a server the one who connected, for a client the
/// one who listens.
fn check_peer(stream: &UnixStream, own_uid: u32) -> Result<(), Error> {
    match stream.peer_cred() {
        Ok(peer) if peer.uid() == own_uid => Ok(()),
        _ => Err(Error::PeerRefused),
    }
}

fn unavailable(path: &Path, source: std::io::Error) -> Error {
    Error::SocketUnavailable {
        path: PathBuf::from(path),
        source,
    }
}

#[cfg(test)]
mod tests;
