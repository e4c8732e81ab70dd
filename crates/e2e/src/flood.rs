//! A flood of requests without credentials, from an address of its own on loopback (attack H9).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use cardea_xtask::system::{PORTAL_CLIENT_ID, System};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use url::Url;

use crate::authorization::{AuthorizationRequest, CLIENT_ID, REDIRECT_URI};

/// Where the flood comes from; people sign in from 127.0.0.1.
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 66));
/// Requests under way at once, of each kind.
const AT_ONCE: usize = 8;
/// How long the other side has to answer, or to hang up.
const PATIENCE: Duration = Duration::from_secs(60);

/// How much of everything.
#[derive(Clone, Copy, Debug)]
pub struct FloodSize {
    /// Correct authorization requests.
    pub login_starts: usize,
    /// Requests that are refused, of each kind.
    pub refused: usize,
    /// Connections that send nothing, half a head, or open a presence connection.
    pub idle_connections: usize,
}

/// A flood and what it was answered.
#[derive(Clone)]
pub struct Flood {
    http: Client,
    issuer: String,
    server: SocketAddr,
    login_start: Url,
    answers: Arc<Mutex<BTreeMap<(&'static str, u16), usize>>>,
    without_retry_after: Arc<AtomicUsize>,
}

impl Flood {
    /// Prepares a flood of a system's server.
    ///
    /// # Errors
    /// When the issuer is no address.
    pub fn of(system: &System) -> Result<Self> {
        let http = Client::builder()
            .local_address(ADDRESS)
            .redirect(Policy::none())
            .timeout(PATIENCE)
            .no_proxy()
            .build()?;
        let issuer = system.addresses().issuer();
        let (_, server) = issuer.split_once("://").context("the issuer has no host")?;
        Ok(Self {
            http,
            server: server.parse().context("the issuer is no address")?,
            login_start: AuthorizationRequest::new()?.address(system)?,
            issuer,
            answers: Arc::default(),
            without_retry_after: Arc::default(),
        })
    }

    /// Runs the whole flood, and leaves its idle connections to the server to end.
    ///
    /// # Errors
    /// When a connection can't be made at all.
    pub async fn run(&self, size: FloodSize) -> Result<()> {
        let mut kinds = JoinSet::new();
        for _ in 0..2 {
            let flood = self.clone();
            kinds.spawn(async move {
                let start = || flood.http.get(flood.login_start.clone());
                flood
                    .repeat("login start", size.login_starts / 2, start)
                    .await
            });
        }
        for (kind, request) in refused_requests() {
            let flood = self.clone();
            kinds.spawn(async move {
                let send = || request(&flood.http, &flood.issuer);
                flood.repeat(kind, size.refused, send).await
            });
        }
        let flood = self.clone();
        kinds.spawn(async move { flood.idle(size.idle_connections).await });
        while let Some(ended) = kinds.join_next().await {
            ended.context("a part of the flood panicked")??;
        }
        Ok(())
    }

    /// How many requests of a kind were answered with a status.
    #[must_use]
    pub fn count(&self, kind: &str, status: u16) -> usize {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let of_kind = answers
            .iter()
            .filter(|((known, answered), _)| *known == kind && *answered == status);
        of_kind.map(|(_, count)| count).sum()
    }

    /// Every answer by kind and status, for people.
    #[must_use]
    pub fn summary(&self) -> String {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = answers
            .iter()
            .map(|((kind, status), count)| format!("{kind}: {count} times {status}\n"));
        lines.collect()
    }

    /// How many refusals for now (429, 503) did not say when to come back.
    #[must_use]
    pub fn without_retry_after(&self) -> usize {
        self.without_retry_after.load(Ordering::Relaxed)
    }

    async fn repeat(
        &self,
        kind: &'static str,
        times: usize,
        request: impl Fn() -> RequestBuilder,
    ) -> Result<()> {
        let mut under_way = JoinSet::new();
        for _ in 0..times {
            if under_way.len() >= AT_ONCE {
                under_way.join_next().await;
            }
            let (sending, flood) = (request().send(), self.clone());
            under_way.spawn(async move {
                // A server that hangs up on a flood has answered it too.
                let Ok(answer) = sending.await else {
                    return flood.note(kind, 0);
                };
                let status = answer.status();
                let for_now = [
                    StatusCode::TOO_MANY_REQUESTS,
                    StatusCode::SERVICE_UNAVAILABLE,
                ];
                if for_now.contains(&status) && !answer.headers().contains_key("retry-after") {
                    flood.without_retry_after.fetch_add(1, Ordering::Relaxed);
                }
                let _ = answer.bytes().await;
                flood.note(kind, status.as_u16());
            });
        }
        under_way.join_all().await;
        Ok(())
    }

    fn note(&self, kind: &'static str, status: u16) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        *answers.entry((kind, status)).or_default() += 1;
    }

    async fn connect(&self) -> Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(ADDRESS, 0))?;
        Ok(socket.connect(self.server).await?)
    }

    /// Connections that hold something of the server without asking for anything.
    async fn idle(&self, count: usize) -> Result<()> {
        const PRESENCE: &str = "GET /presence HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n\
            Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
            Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
        let mut held = Vec::new();
        for number in 0..count {
            let mut stream = self.connect().await?;
            let (kind, bytes) = match number % 3 {
                0 => ("silent connection", ""),
                1 => ("half a head", "GET /jwks HTTP/1.1\r\nHost: x\r\nA:"),
                _ => ("presence connection", PRESENCE),
            };
            stream.write_all(bytes.as_bytes()).await?;
            held.push((kind, stream));
        }
        for (kind, mut stream) in held {
            let mut answer = Vec::new();
            let end = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer));
            let is_ended_by_server = end.await.is_ok();
            self.note(kind, u16::from(!is_ended_by_server));
        }
        Ok(())
    }
}

type Refused = fn(&Client, &str) -> RequestBuilder;

/// What is refused everywhere, without any credentials.
fn refused_requests() -> [(&'static str, Refused); 8] {
    [
        ("unknown client", |http, issuer| {
            http.get(format!("{issuer}/authorize?client_id=nobody"))
        }),
        ("wrong secret", |http, issuer| {
            let form = [("grant_type", "authorization_code"), ("code", "guess")];
            http.post(format!("{issuer}/token"))
                .basic_auth(PORTAL_CLIENT_ID, Some("guess"))
                .form(&form)
        }),
        ("public push", |http, issuer| {
            let form = [
                ("client_id", CLIENT_ID),
                ("redirect_uri", REDIRECT_URI),
                ("response_type", "code"),
                ("scope", "openid"),
                (
                    "code_challenge",
                    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                ),
                ("code_challenge_method", "S256"),
            ];
            http.post(format!("{issuer}/par")).form(&form)
        }),
        ("introspection", |http, issuer| {
            let form = [("token", "guess")];
            http.post(format!("{issuer}/introspect"))
                .basic_auth(PORTAL_CLIENT_ID, Some("guess"))
                .form(&form)
        }),
        ("userinfo", |http, issuer| {
            http.get(format!("{issuer}/userinfo")).bearer_auth("a.b.c")
        }),
        ("assertion", |http, issuer| {
            let nothing = serde_json::json!({ "assertion": "a.b.c", "attestation": "a.b.c" });
            http.post(format!("{issuer}/login/nobody/assertion"))
                .header("Origin", issuer)
                .json(&nothing)
        }),
        ("long body", |http, issuer| {
            let form = [("code", "x".repeat(64 * 1024))];
            http.post(format!("{issuer}/token")).form(&form)
        }),
        ("long head", |http, issuer| {
            http.get(format!("{issuer}/jwks"))
                .header("x-long", "x".repeat(1024 * 1024))
        }),
    ]
}
