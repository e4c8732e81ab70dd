//! A card issuer's web server: lists and OCSP, with every request counted.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use cardea_test_pki::{IssuedCertificate, OcspSpec, OcspStatus, TestPki};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::world::START;

#[derive(Clone)]
pub(super) struct Publisher {
    shared: Arc<Shared>,
    address: SocketAddr,
}

struct Shared {
    content: Mutex<Content>,
    /// Answers wait for it.
    gate: Semaphore,
}

#[derive(Default)]
pub(super) struct Content {
    files: HashMap<String, Vec<u8>>,
    requests: HashMap<String, usize>,
    /// Requests that were answered with "not modified".
    pub(super) unmodified: usize,
    /// Lists carry an entity tag: their length and first octets would do for a test, a count does.
    pub(super) etag: Option<&'static str>,
    /// What every request is answered with instead.
    pub(super) fault: Option<StatusCode>,
    /// Where requests are sent instead.
    pub(super) redirect: Option<String>,
    pub(super) ocsp: Option<OcspStatus>,
    pki: Option<Arc<TestPki>>,
    cards: Vec<IssuedCertificate>,
}

impl Publisher {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            content: Mutex::default(),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
        });
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { shared, address }
    }

    pub(super) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Content)) {
        change(&mut self.lock());
    }

    pub(super) fn serve(&self, pki: Arc<TestPki>) {
        self.lock().pki = Some(pki);
    }

    /// Answers about a card from now on; the newest is asked about.
    pub(super) fn know(&self, card: &IssuedCertificate) {
        self.lock().cards.push(card.clone());
    }

    pub(super) fn put(&self, path: &str, body: Vec<u8>) {
        self.lock().files.insert(path.to_owned(), body);
    }

    /// Requests for a path so far.
    pub(super) fn requests(&self, path: &str) -> usize {
        self.lock().requests.get(path).copied().unwrap_or_default()
    }

    /// Requests for lists so far.
    pub(super) fn list_requests(&self) -> usize {
        self.requests_below("/CRL/")
    }

    pub(super) fn ocsp_requests(&self) -> usize {
        self.requests_below("/ocsp/")
    }

    fn requests_below(&self, prefix: &str) -> usize {
        let content = self.lock();
        let below = content.requests.iter();
        below
            .filter(|(path, _)| path.starts_with(prefix))
            .map(|(_, count)| count)
            .sum()
    }

    /// Holds answers back until [`open_gate`](Self::open_gate).
    pub(super) fn close_gate(&self) {
        self.shared.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub(super) fn open_gate(&self) {
        self.shared.gate.add_permits(Semaphore::MAX_PERMITS / 2);
    }

    fn lock(&self) -> MutexGuard<'_, Content> {
        self.shared.content.lock().unwrap()
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    *shared
        .content
        .lock()
        .unwrap()
        .requests
        .entry(path.clone())
        .or_default() += 1;
    let headers = request.headers().clone();
    let body = axum::body::to_bytes(request.into_body(), 65_536).await;
    drop(shared.gate.acquire().await.unwrap());
    let mut content = shared.content.lock().unwrap();
    if let Some(status) = content.fault {
        return status.into_response();
    }
    if let Some(location) = &content.redirect {
        return (StatusCode::FOUND, [(header::LOCATION, location.clone())]).into_response();
    }
    if path.starts_with("/ocsp/") {
        return content.answer_ocsp(&body.unwrap());
    }
    content.give_list(&path, &headers)
}

impl Content {
    fn give_list(&mut self, path: &str, headers: &HeaderMap) -> Response {
        let Some(body) = self.files.get(path) else {
            return StatusCode::NOT_FOUND.into_response();
        };
        let Some(etag) = self.etag else {
            return body.clone().into_response();
        };
        if headers
            .get(header::IF_NONE_MATCH)
            .is_some_and(|known| known == etag)
        {
            self.unmodified += 1;
            return StatusCode::NOT_MODIFIED.into_response();
        }
        ([(header::ETAG, etag)], body.clone()).into_response()
    }

    fn answer_ocsp(&self, request: &Bytes) -> Response {
        let Some(status) = self.ocsp else {
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        };
        let mut spec = OcspSpec::new(status, START);
        // Good for as long as the policy lets it be: that is a day where no end is given.
        spec.next_update = Some(START + time::Duration::days(60));
        // The request's nonce comes back; it is its last 32 bytes.
        spec.nonce = Some(request[request.len() - 32..].to_vec());
        let pki = self.pki.as_ref().unwrap();
        let card = self.cards.last().unwrap();
        let der = pki.ocsp_response(card, &spec).unwrap();
        ([(header::CONTENT_TYPE, "application/ocsp-response")], der).into_response()
    }
}

/// What a listener does with a connection.
#[derive(Clone, Copy, Debug)]
enum Manner {
    Silent,
    Closing,
    /// An octet of the answer now and then.
    Trickling,
    /// An answer that never ends.
    Endless,
    /// An answer that says that it is long.
    Announcing,
}

/// A listener that never answers well, and counts who came.
pub(super) struct Canary {
    pub(super) address: SocketAddr,
    connections: Arc<Mutex<usize>>,
}

impl Canary {
    /// Takes connections and says nothing on them.
    pub(super) async fn silent() -> Self {
        Self::start(Manner::Silent).await
    }

    /// Takes connections and ends them.
    pub(super) async fn closing() -> Self {
        Self::start(Manner::Closing).await
    }

    /// Gives an octet every few milliseconds, for ever.
    pub(super) async fn trickling() -> Self {
        Self::start(Manner::Trickling).await
    }

    /// Gives octets as fast as they are taken, for ever.
    pub(super) async fn endless() -> Self {
        Self::start(Manner::Endless).await
    }

    /// Says that a hundred megabytes will come.
    pub(super) async fn announcing() -> Self {
        Self::start(Manner::Announcing).await
    }

    async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(Mutex::new(0));
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *count.lock().unwrap() += 1;
                // Until the other side gives up.
                tokio::spawn(async move { misbehave(stream, manner).await });
            }
        });
        Self {
            address,
            connections,
        }
    }

    pub(super) fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }
}

async fn misbehave(mut stream: TcpStream, manner: Manner) -> std::io::Result<()> {
    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\n";
    match manner {
        Manner::Closing => Ok(()),
        Manner::Silent => {
            let mut sink = Vec::new();
            stream.read_to_end(&mut sink).await.map(|_| ())
        }
        Manner::Trickling => {
            stream.write_all(&[HEAD, b"\r\n"].concat()).await?;
            loop {
                stream.write_all(b"x").await?;
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        }
        Manner::Endless => {
            stream.write_all(&[HEAD, b"\r\n"].concat()).await?;
            loop {
                stream.write_all(&[b'x'; 16_384]).await?;
            }
        }
        Manner::Announcing => {
            stream
                .write_all(&[HEAD, b"Content-Length: 104857600\r\n\r\nx"].concat())
                .await?;
            let mut sink = Vec::new();
            stream.read_to_end(&mut sink).await.map(|_| ())
        }
    }
}
