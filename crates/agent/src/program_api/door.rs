//! Where programs come in, and who they are as far as the system tells. A Unix socket here; a named
//! pipe of Windows would be another door.

use std::future::Future;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;

use super::CallingProgram;
use crate::agent_socket::OwnSocket;

/// A place where programs of this user connect, and no others do.
pub(crate) trait ProgramDoor: Send + Sync + 'static {
    /// Both directions of one connection.
    type Connection: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    /// The next connection of a program of this user, and that program. Connections of other users
    /// are closed unread.
    fn accept(&self) -> impl Future<Output = (Self::Connection, CallingProgram)> + Send;
}

impl ProgramDoor for OwnSocket {
    type Connection = UnixStream;

    async fn accept(&self) -> (UnixStream, CallingProgram) {
        let stream = OwnSocket::accept(self).await;
        let process = stream.peer_cred().ok().and_then(|peer| peer.pid());
        let process = process.and_then(|process| u32::try_from(process).ok());
        (stream, CallingProgram::of_process(process))
    }
}
