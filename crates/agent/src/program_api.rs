//! The local API of business software: tokens and proofs for programs of this user that run all
//! day, over a socket of their own (docs/business-software.md).
//!
//! A connection carries one session: it asks for tokens, gets proofs of possession for them, and
//! ends the session by ending. There is no name of a session on the wire, so that nobody can use
//! another's. Lines of JSON and not HTTP: HTTP clients open and close connections as they like, and
//! here a closed connection means that the tokens are to die; and the agent has something to say
//! unasked, when the card leaves.
//!
//! Off unless the configuration says otherwise, as all of business software is.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use crate::Error;
use crate::agent::Agent;
use crate::agent_socket::OwnSocket;
use crate::config::Config;
use crate::rate_limit::Allowance;

mod caller;
mod connection;
mod door;
mod lines;
pub(crate) mod message;

pub use caller::CallingProgram;
#[cfg(test)]
pub(crate) use caller::tests::program as calling_program;
use connection::Connection;
use door::ProgramDoor;
use lines::Lines;

/// Connections at once; the next is told that there are too many.
const CONNECTIONS_MAX: usize = 32;
/// How long one that is refused may take to read why.
const REFUSAL_LIMIT: Duration = Duration::from_secs(1);

/// The socket for programs, bound and listening. Dropping it takes its file away.
#[derive(Debug)]
pub struct ProgramApi(OwnSocket);

/// What all connections share.
struct Shared {
    agent: Arc<Agent>,
    sign_ins: Mutex<Allowance>,
}

impl ProgramApi {
    /// Takes the socket beside the agent's own, where the configuration lets programs sign in.
    ///
    /// # Errors
    /// [`Error::SocketUnavailable`] and [`Error::FileUnsafe`], with the file and key that name the
    /// socket.
    pub fn of(config: &Config) -> Result<Option<Self>, Error> {
        if !config.business_software.enabled {
            return Ok(None);
        }
        OwnSocket::of(config, &config.programs_socket()).map(|socket| Some(Self(socket)))
    }

    /// Where it listens.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Serves programs of this user until it is dropped. Connections of others are closed unread.
    pub async fn serve(self, agent: Arc<Agent>) {
        serve_at(self.0, agent).await;
    }
}

async fn serve_at(door: impl ProgramDoor, agent: Arc<Agent>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let sign_ins = Allowance::new(agent.program_sign_ins_per_minute, Instant::now());
    let shared = Arc::new(Shared {
        agent,
        sign_ins: Mutex::new(sign_ins),
    });
    loop {
        let (stream, caller) = door.accept().await;
        let lines = Lines::new(stream);
        let connection = Connection::new(lines, caller, Arc::clone(&shared));
        match Arc::clone(&places).try_acquire_owned() {
            Ok(place) => {
                tokio::spawn(async move {
                    connection.serve().await;
                    drop(place);
                });
            }
            Err(_) => {
                let refused = connection.refuse(Error::TooManyPrograms);
                let _ = tokio::time::timeout(REFUSAL_LIMIT, refused).await;
            }
        }
    }
}

impl Shared {
    /// Takes one sign-in off what all programs together may ask for.
    fn take_sign_in(&self) -> Result<(), Error> {
        let mut sign_ins = self.sign_ins.lock().unwrap_or_else(PoisonError::into_inner);
        sign_ins.take(Instant::now())
    }
}
