//! Accepts connections of the agent's own user only.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::Error;
use crate::peer_check::PeerOwner;

/// Connections whose owner is looked up at a time. A page's burst must not make everybody wait for
/// one look-up after the other; beyond this many, the kernel keeps them waiting.
const LOOKUPS_MAX: usize = 16;

pub(crate) struct OwnUserListener {
    listener: TcpListener,
    peers: Arc<dyn PeerOwner>,
    address: SocketAddr,
    lookups: JoinSet<LookedUp>,
}

/// A connection, unread, and whether it is the agent's own user's.
struct LookedUp {
    stream: TcpStream,
    peer: SocketAddr,
    is_own_user: bool,
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
            lookups: JoinSet::new(),
        }
    }

    fn look_up(&mut self, stream: TcpStream, peer: SocketAddr) {
        let (peers, local) = (Arc::clone(&self.peers), self.address);
        self.lookups.spawn_blocking(move || LookedUp {
            is_own_user: peers.is_own_user(peer, local),
            stream,
            peer,
        });
    }
}

impl Listener for OwnUserListener {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let has_room = self.lookups.len() < LOOKUPS_MAX;
            let looked_up = tokio::select! {
                Some(looked_up) = self.lookups.join_next() => looked_up,
                (stream, peer) = Listener::accept(&mut self.listener), if has_room => {
                    self.look_up(stream, peer);
                    continue;
                }
            };
            match looked_up {
                Ok(LookedUp {
                    stream,
                    peer,
                    is_own_user: true,
                }) => {
                    // The lines of a stream are short and wanted at once.
                    let _ = stream.set_nodelay(true);
                    return (stream, peer);
                }
                Ok(LookedUp { peer, .. }) => {
                    let error = Error::PeerRefused;
                    tracing::warn!(
                        code = error.code(),
                        port = peer.port(),
                        "connection refused: {error}"
                    );
                }
                // A look-up that failed took its connection with it.
                Err(error) => tracing::error!("a connection's owner was not looked up: {error}"),
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        Ok(self.address)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Mutex, mpsc};

    use tokio::io::AsyncReadExt as _;
    use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

    use super::*;

    /// Look-ups of which one, or each, waits to be told its answer.
    struct Held {
        only: Option<SocketAddr>,
        answers: Mutex<mpsc::Receiver<bool>>,
        begun: UnboundedSender<()>,
        running: Arc<AtomicUsize>,
    }

    impl PeerOwner for Held {
        fn is_own_user(&self, peer: SocketAddr, _local: SocketAddr) -> bool {
            if self.only.is_some_and(|only| only != peer) {
                return true;
            }
            self.running.fetch_add(1, Ordering::SeqCst);
            self.begun.send(()).unwrap();
            let answer = self.answers.lock().unwrap().recv().unwrap();
            self.running.fetch_sub(1, Ordering::SeqCst);
            answer
        }
    }

    async fn listening() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    #[tokio::test]
    async fn a_slow_look_up_keeps_nobody_else_waiting_and_a_foreign_one_ends_unread() {
        for own_user in [true, false] {
            let (listener, address) = listening().await;
            let mut slow = TcpStream::connect(address).await.unwrap();
            let slow_address = slow.local_addr().unwrap();
            let (answer, answers) = mpsc::channel();
            let (begun, _begun) = unbounded_channel();
            let peers = Held {
                only: Some(slow_address),
                answers: Mutex::new(answers),
                begun,
                running: Arc::default(),
            };
            let mut listener = OwnUserListener::new(listener, Box::new(peers), address);
            let second = TcpStream::connect(address).await.unwrap();
            let (_kept, peer) = listener.accept().await;
            assert_eq!(peer, second.local_addr().unwrap());
            answer.send(own_user).unwrap();
            if own_user {
                let (_kept, peer) = listener.accept().await;
                assert_eq!(peer, slow_address);
                continue;
            }
            let mut byte = [0];
            tokio::select! {
                (_, peer) = listener.accept() => panic!("{peer} came in"),
                read = slow.read(&mut byte) => assert_eq!(read.unwrap(), 0),
            }
        }
    }

    #[tokio::test]
    async fn no_more_than_the_bound_are_looked_up_at_a_time() {
        const CLIENTS: usize = LOOKUPS_MAX + 8;
        let (listener, address) = listening().await;
        let mut clients = Vec::new();
        for _ in 0..CLIENTS {
            clients.push(TcpStream::connect(address).await.unwrap());
        }
        let (answer, answers) = mpsc::channel();
        let (begun, mut beginnings) = unbounded_channel();
        let running = Arc::new(AtomicUsize::new(0));
        let peers = Held {
            only: None,
            answers: Mutex::new(answers),
            begun,
            running: Arc::clone(&running),
        };
        let mut listener = OwnUserListener::new(listener, Box::new(peers), address);
        let accepting = async {
            for _ in 0..CLIENTS {
                listener.accept().await;
            }
        };
        let answering = async {
            for begun in 1..=CLIENTS {
                beginnings.recv().await.unwrap();
                assert!(running.load(Ordering::SeqCst) <= LOOKUPS_MAX);
                if begun >= LOOKUPS_MAX {
                    answer.send(true).unwrap();
                }
            }
            for _ in 1..LOOKUPS_MAX {
                answer.send(true).unwrap();
            }
        };
        tokio::join!(accepting, answering);
    }
}
