//! Threads that answer, each with connections and a runtime of its own: no request wakes another
//! thread up, which takes longer than most answers.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tower::ServiceExt as _;

use crate::forward_auth::{AUTH, ForwardAuth, answer};
use crate::peer::Peer;

/// Time for the whole head of a request to arrive, and for an idle connection to live: a proxy
/// keeps some open.
const HEADER_TIMEOUT: Duration = Duration::from_secs(75);
/// Bytes of a request's head: a token, a proof, a certificate, and what clients send beside.
const HEADER_BYTES_MAX: usize = 64 * 1024;
const HEADERS_MAX: usize = 100;

/// What is asked at a desk.
#[derive(Clone)]
pub(super) struct Counter {
    pub(super) state: Arc<ForwardAuth>,
    /// Everything that is asked seldom.
    pub(super) router: Router,
}

/// A connection that somebody has accepted.
pub(super) enum Accepted {
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
}

/// All threads that answer. Their runtimes live as long as this: who answered has begun what goes
/// on there, such as connections to a shared store.
pub(super) struct Desks {
    desks: Vec<Desk>,
    /// Of the port, where everybody on the machine can connect, and of the socket, where the proxy
    /// alone can: nobody takes its places.
    places: [Arc<Semaphore>; 2],
    places_max: u32,
    is_over: watch::Sender<bool>,
}

struct Desk {
    arrivals: mpsc::UnboundedSender<Arrival>,
    open: Arc<AtomicUsize>,
}

struct Arrival {
    accepted: Accepted,
    peer: Peer,
    place: Place,
}

/// One of the connections that there may be, which is given back when it ends.
struct Place {
    open: Arc<AtomicUsize>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Desks {
    /// Opens so many, for so many connections at the port and as many at the socket.
    pub(super) fn open(count: usize, places_max: u32, counter: &Counter) -> io::Result<Self> {
        let (is_over, _) = watch::channel(false);
        let mut desks = Vec::new();
        for number in 0..count.max(1) {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let (arrivals, waiting) = mpsc::unbounded_channel();
            let (counter, is_over) = (counter.clone(), is_over.subscribe());
            let thread = std::thread::Builder::new().name(format!("desk-{number}"));
            thread.spawn(move || attend(&runtime, waiting, &counter, &is_over))?;
            desks.push(Desk {
                arrivals,
                open: Arc::default(),
            });
        }
        let places = usize::try_from(places_max).unwrap_or(Semaphore::MAX_PERMITS);
        Ok(Self {
            desks,
            places: [(); 2].map(|()| Arc::new(Semaphore::new(places))),
            places_max,
            is_over,
        })
    }

    /// Gives a connection to the desk that has the fewest. One beyond the bound is closed, rather
    /// than held: a proxy then says so at once.
    pub(super) fn receive(&self, accepted: Accepted, peer: Peer) {
        let [port, socket] = &self.places;
        let places = match peer {
            Peer::At(_) => port,
            Peer::Socket => socket,
        };
        let Ok(permit) = Arc::clone(places).try_acquire_owned() else {
            return;
        };
        let fewest = self
            .desks
            .iter()
            .min_by_key(|desk| desk.open.load(Ordering::Relaxed));
        let Some(desk) = fewest else {
            return;
        };
        desk.open.fetch_add(1, Ordering::Relaxed);
        let place = Place {
            open: Arc::clone(&desk.open),
            _permit: permit,
        };
        // A desk that is gone closes what it is given.
        let _ = desk.arrivals.send(Arrival {
            accepted,
            peer,
            place,
        });
    }

    /// Ends each connection with the answer that it waits for, as far as there is time.
    pub(super) async fn close(&self, patience: Duration) {
        self.is_over.send_replace(true);
        let all_are_free = async {
            for places in &self.places {
                let _ = places.acquire_many(self.places_max).await;
            }
        };
        let _ = tokio::time::timeout(patience, all_are_free).await;
    }
}

/// What a desk's thread does, as long as somebody can give it connections.
fn attend(
    runtime: &Runtime,
    mut waiting: mpsc::UnboundedReceiver<Arrival>,
    counter: &Counter,
    is_over: &watch::Receiver<bool>,
) {
    runtime.block_on(async {
        while let Some(arrival) = waiting.recv().await {
            let (counter, is_over) = (counter.clone(), is_over.clone());
            tokio::spawn(async move {
                let _place = arrival.place;
                let peer = arrival.peer;
                match arrival.accepted {
                    Accepted::Tcp(stream) => {
                        if let Ok(stream) = TcpStream::from_std(stream) {
                            converse(stream, peer, counter, is_over).await;
                        }
                    }
                    Accepted::Unix(stream) => {
                        if let Ok(stream) = UnixStream::from_std(stream) {
                            converse(stream, peer, counter, is_over).await;
                        }
                    }
                }
            });
        }
    });
}

/// One connection, to its end.
async fn converse(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    peer: Peer,
    counter: Counter,
    mut is_over: watch::Receiver<bool>,
) {
    let service = service_fn(move |request| {
        let counter = counter.clone();
        async move { Ok::<_, Infallible>(serve_one(&counter, peer, request).await) }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEADER_BYTES_MAX)
        .max_headers(HEADERS_MAX);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    // How a connection ends is its caller's business.
    tokio::select! {
        biased;
        _ = connection.as_mut() => return,
        _ = is_over.wait_for(|it| *it) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

/// What a proxy asks for each request takes the short way.
async fn serve_one(counter: &Counter, peer: Peer, request: Request<Incoming>) -> Response {
    if request.uri().path() == AUTH {
        return answer(&counter.state, peer, request.headers()).await;
    }
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(peer);
    match Box::pin(counter.router.clone().oneshot(request)).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
