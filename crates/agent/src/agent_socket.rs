//! The agent's own socket: how programs of this user reach the agent without a port.
//!
//! The browser extension's native host comes this way, and `cardea-agent status`. The socket stands
//! in a folder that nobody else can enter, belongs to this user, and each end looks at the uid of
//! the other (unix(7), `SO_PEERCRED`). A connection carries one request; the answers are frames in
//! the form that native messaging has, so that the host only copies them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

use crate::Error;
use crate::agent::Agent;
use crate::config::Config;
use crate::protected_file;

mod client;
mod connection;
pub mod frame;
pub(crate) mod message;
mod place;

pub(crate) use client::{ask_status, ask_to_read_issuers, connect};
use place::{LockedPlace, Place};

/// Connections at once; more are closed unread. There is one prompt, so one sign-in at a time.
const CONNECTIONS_MAX: usize = 32;
/// How long to wait when the system has no handle left for a new connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// The socket, bound and listening. Dropping it takes its file away.
#[derive(Debug)]
pub struct AgentSocket {
    listener: UnixListener,
    place: LockedPlace,
    own_uid: u32,
}

impl AgentSocket {
    /// Takes the socket that a configuration names, which may stand beside the agent's state.
    ///
    /// # Errors
    /// As [`AgentSocket::bind`], with the file and key that name the socket.
    pub fn of(config: &Config) -> Result<Self, Error> {
        if config.socket.parent() == Some(&config.state_dir) {
            protected_file::prepare_private_folder(&config.state_dir)
                .map_err(config.blame("state_dir"))?;
        }
        Self::bind(&config.socket).map_err(config.blame("socket"))
    }

    /// Takes the socket's path: makes its folder below one that only this user can enter, and
    /// replaces what an agent that died left there.
    ///
    /// # Errors
    /// [`Error::SocketUnavailable`] when another agent of this user runs, or the system refuses;
    /// [`Error::FileUnsafe`] when folder or socket are not this user's alone.
    pub fn bind(path: &Path) -> Result<Self, Error> {
        let own_uid = rustix::process::geteuid().as_raw();
        let place = Place::prepare(path)?.lock()?;
        place.clear()?;
        let unavailable = |source| unavailable(path, source);
        let listener = UnixListener::bind(place.address()).map_err(unavailable)?;
        // Nobody else gets into the folder meanwhile, whatever the umask made of the mode.
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(place.address(), private).map_err(unavailable)?;
        Ok(Self {
            listener,
            place,
            own_uid,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.place.path()
    }

    /// Serves programs of this user until it is dropped. Connections of others are closed unread.
    pub async fn serve(self, agent: Arc<Agent>) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let Ok((stream, _)) = self.listener.accept().await else {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            if let Err(error) = check_peer(&stream, self.own_uid) {
                tracing::warn!(code = error.code(), "connection refused: {error}");
                continue;
            }
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

impl Drop for AgentSocket {
    fn drop(&mut self) {
        let _ = self.place.remove();
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
