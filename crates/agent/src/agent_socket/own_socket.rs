//! A socket in a folder that is this user's alone, and connections of this user's programs only.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};

use super::place::{LockedPlace, Place};
use super::{check_peer, unavailable};
use crate::Error;
use crate::config::Config;
use crate::protected_file;

/// How long to wait when the system has no handle left for a new connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// The socket, bound and listening. Dropping it takes its file away.
#[derive(Debug)]
pub(crate) struct OwnSocket {
    pub(super) listener: UnixListener,
    place: LockedPlace,
    own_uid: u32,
}

impl OwnSocket {
    /// Takes a path that a configuration's `socket` leads to, which may stand beside the agent's
    /// state.
    ///
    /// # Errors
    /// As [`OwnSocket::bind`], with the file and key that name the socket.
    pub(crate) fn of(config: &Config, path: &Path) -> Result<Self, Error> {
        if path.parent() == Some(&config.state_dir) {
            protected_file::prepare_private_folder(&config.state_dir)
                .map_err(config.blame("state_dir"))?;
        }
        Self::bind(path).map_err(config.blame("socket"))
    }

    /// Takes the socket's path: makes its folder below one that only this user can enter, and
    /// replaces what an agent that died left there.
    ///
    /// # Errors
    /// [`Error::SocketUnavailable`] when another agent of this user runs, or the system refuses;
    /// [`Error::FileUnsafe`] when folder or socket are not this user's alone.
    pub(crate) fn bind(path: &Path) -> Result<Self, Error> {
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
    pub(crate) fn path(&self) -> &Path {
        self.place.path()
    }

    /// The next connection of a program of this user. Those of others are closed unread.
    pub(crate) async fn accept(&self) -> UnixStream {
        loop {
            let Ok((stream, _)) = self.listener.accept().await else {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            match check_peer(&stream, self.own_uid) {
                Ok(()) => return stream,
                Err(error) => {
                    tracing::warn!(code = error.code(), "connection refused: {error}");
                }
            }
        }
    }
}

impl Drop for OwnSocket {
    fn drop(&mut self) {
        let _ = self.place.remove();
    }
}
