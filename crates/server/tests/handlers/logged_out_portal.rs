//! Portals that are told of the end of a session over real HTTP: down, slow, failing, refusing,
//! redirecting (attacks H3 and H4).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use cardea_jose::{Algorithm, JwkSet, UnverifiedJws, VerifyingKey};
use cardea_storage::logout_delivery;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::card::Card;
use crate::relying_party::{Request, SignedIn, sign_in};
use crate::test_app::{Changes, PUBLIC_CLIENT_ID, TestApp};

/// The back-channel address of a portal.
struct Portal {
    uri: String,
    received: mpsc::UnboundedReceiver<String>,
    status: Arc<AtomicU16>,
}

#[derive(Clone)]
struct Taking {
    sender: mpsc::UnboundedSender<String>,
    status: Arc<AtomicU16>,
}

impl Portal {
    /// Listens at an address that was reserved before.
    async fn start_at(address: &str, status: u16) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, received) = mpsc::unbounded_channel();
        let status = Arc::new(AtomicU16::new(status));
        let taking = Taking {
            sender,
            status: Arc::clone(&status),
        };
        let router = Router::new()
            .route("/logout", post(take))
            .with_state(taking);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            uri: format!("http://{address}/logout"),
            received,
            status,
        }
    }

    async fn start(status: u16) -> Self {
        Self::start_at("127.0.0.1:0", status).await
    }

    /// The next request, and how long it took.
    async fn next(&mut self) -> String {
        let next = timeout(Duration::from_secs(60), self.received.recv());
        next.await.expect("a logout token in time").unwrap()
    }

    /// That nothing comes for a while.
    async fn hears_nothing(&mut self, seconds: u64) {
        let next = timeout(Duration::from_secs(seconds), self.received.recv()).await;
        assert!(next.is_err(), "{next:?}");
    }

    /// Registers it as the back channel of the confidential client.
    fn registered(&self) -> Changes {
        Changes::replacing(
            "post_logout_redirect_uris",
            &format!(
                "backchannel_logout_uri = \"{}\"\npost_logout_redirect_uris",
                self.uri
            ),
        )
    }
}

async fn take(State(portal): State<Taking>, headers: HeaderMap, body: String) -> Response {
    assert_eq!(
        headers[header::CONTENT_TYPE],
        "application/x-www-form-urlencoded"
    );
    let token = body.strip_prefix("logout_token=").unwrap().to_owned();
    portal.sender.send(token).unwrap();
    let status = portal.status.load(Ordering::SeqCst);
    if status == 0 {
        std::future::pending::<()>().await;
    }
    let status = StatusCode::from_u16(status).unwrap();
    let elsewhere = [(header::LOCATION, "/logout")];
    (status, elsewhere, "x".repeat(100_000)).into_response()
}

/// The host's own address stands in the configuration; a test takes it out and names its own.
fn instead_of_host(mut changes: Changes) -> Changes {
    changes
        .replace
        .insert(0, ("backchannel_logout_uri", "#".to_owned()));
    changes
}

/// Signs in and pulls the card.
async fn pull_a_card(app: &TestApp, request: &Request) {
    let card = Card::pharmacist(app);
    pull(app, &card, sign_in(app, request, &card).await).await;
}

async fn pull(app: &TestApp, card: &Card, mut signed_in: SignedIn) {
    signed_in.connection.send(&card.departed(app)).await;
    assert_eq!(
        signed_in.connection.next().await.unwrap()["reason"],
        "departed"
    );
}

/// Waits until the portal's turn has come for the first time.
async fn is_tried(app: &TestApp) {
    let mut attempts = 0;
    for _ in 0..600 {
        app.in_database(async |transaction| {
            let waiting = logout_delivery::list(transaction, 10).await.unwrap();
            attempts = waiting.iter().map(|it| it.attempts).max().unwrap_or(0);
        })
        .await;
        if attempts > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nobody is told");
}

async fn events(app: &TestApp, kind: &str) -> Vec<(Option<String>, Value)> {
    let events = app.events().await.into_iter();
    events
        .filter(|event| event.kind == kind)
        .map(|event| (event.code, serde_json::from_str(&event.details).unwrap()))
        .collect()
}

async fn event(app: &TestApp, kind: &str) -> (Option<String>, Value) {
    for _ in 0..600 {
        if let Some(event) = events(app, kind).await.pop() {
            return event;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no event {kind}")
}

#[tokio::test]
async fn a_portal_that_was_down_is_told_after_the_servers_restart() {
    // An address where nothing listens now.
    let reserved = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = reserved.local_addr().unwrap().to_string();
    drop(reserved);
    let changes = Changes::replacing(
        "post_logout_redirect_uris",
        &format!("backchannel_logout_uri = \"http://{address}/logout\"\npost_logout_redirect_uris"),
    );
    let app = TestApp::start_with(instead_of_host(changes)).await;
    pull_a_card(&app, &Request::new()).await;
    is_tried(&app).await;
    assert!(events(&app, "logout.delivered").await.is_empty());
    let app = app.restart().await;
    let mut portal = Portal::start_at(&address, 200).await;
    portal.next().await;
    let (_, details) = event(&app, "logout.delivered").await;
    assert!(details["attempts"].as_i64().unwrap() >= 2, "{details}");
    portal.hears_nothing(4).await;
}

#[tokio::test]
async fn a_portal_that_fails_is_told_again_with_a_fresh_token() {
    for status in [500, 302, 401, 202] {
        let mut portal = Portal::start(status).await;
        let app = TestApp::start_with(instead_of_host(portal.registered())).await;
        pull_a_card(&app, &Request::new()).await;
        let first = portal.next().await;
        portal.status.store(204, Ordering::SeqCst);
        let second = portal.next().await;
        let jti = |token: &str| claims(token)["jti"].clone();
        assert_ne!(jti(&first), jti(&second), "{status}");
        let (_, details) = event(&app, "logout.delivered").await;
        assert_eq!(details["attempts"], 2, "a redirect is not followed");
    }
}

#[tokio::test]
async fn a_portal_that_refuses_is_not_asked_again() {
    let mut portal = Portal::start(400).await;
    let app = TestApp::start_with(instead_of_host(portal.registered())).await;
    pull_a_card(&app, &Request::new()).await;
    portal.next().await;
    let (code, details) = event(&app, "logout.undelivered").await;
    assert_eq!(code.as_deref(), Some("provider.logout_refused"));
    assert_eq!(details["attempts"], 1);
    portal.hears_nothing(4).await;
}

#[tokio::test]
async fn a_portal_that_never_answers_delays_no_other() {
    let mut dead = Portal::start(0).await;
    let mut portal = Portal::start(200).await;
    let mut changes = instead_of_host(portal.registered());
    changes.replace.push((
        "name = \"Native\"",
        format!(
            "name = \"Native\"\nbackchannel_logout_uri = \"{}\"",
            dead.uri
        ),
    ));
    let app = TestApp::start_with(changes).await;
    let native = || Request::new().with("client_id", PUBLIC_CLIENT_ID);
    for _ in 0..3 {
        pull_a_card(&app, &native()).await;
        dead.next().await;
    }
    let card = Card::pharmacist(&app);
    let signed_in = sign_in(&app, &Request::new(), &card).await;
    let pulled = tokio::time::Instant::now();
    pull(&app, &card, signed_in).await;
    portal.next().await;
    assert!(pulled.elapsed() < Duration::from_secs(4));
}

/// Attack H3: what we send passes the checks of a client (OIDC Back-Channel Logout section 2.6).
#[tokio::test]
async fn h3_a_logout_token_is_what_a_client_checks_it_for() {
    let mut portal = Portal::start(200).await;
    let app = TestApp::start_with(instead_of_host(portal.registered())).await;
    let card = Card::pharmacist(&app);
    let request = Request::new();
    let mut signed_in = sign_in(&app, &request, &card).await;
    let tokens: Value = request
        .redeem(&app, &signed_in.code)
        .await
        .json()
        .await
        .unwrap();
    let id_token = claims(tokens["id_token"].as_str().unwrap());
    signed_in.connection.send(&card.departed(&app)).await;
    let token = portal.next().await;

    let jws = UnverifiedJws::parse(&token, 4096).unwrap();
    assert_eq!(jws.typ(), Some("logout+jwt"));
    assert_eq!(
        jws.algorithm(),
        Algorithm::Es256,
        "as the client's ID tokens"
    );
    let keys: JwkSet = app.get("/jwks").send().await.unwrap().json().await.unwrap();
    let key = keys.find(jws.kid().unwrap()).unwrap();
    let key = VerifyingKey::from_jwk(key).unwrap();
    let verified = jws.verify(&key, "logout+jwt").unwrap();
    let told: Value = verified.claims().unwrap();
    let names: BTreeSet<&str> = told
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let wanted = ["aud", "events", "exp", "iat", "iss", "jti", "sid", "sub"];
    assert_eq!(names, BTreeSet::from(wanted), "and no nonce");
    for member in ["iss", "aud", "sub", "sid"] {
        assert_eq!(told[member], id_token[member], "{member}");
    }
    let events = json!({ "http://schemas.openid.net/event/backchannel-logout": {} });
    assert_eq!(told["events"], events);
    let lasts = told["exp"].as_i64().unwrap() - told["iat"].as_i64().unwrap();
    assert!((1..=120).contains(&lasts), "{lasts}");
}

fn claims(token: &str) -> Value {
    UnverifiedJws::parse(token, 8192)
        .unwrap()
        .unverified_claims()
        .unwrap()
}
