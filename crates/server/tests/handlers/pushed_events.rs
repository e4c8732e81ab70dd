//! Security events that are pushed (RFC 8935): taken, refused, put off, over restarts and nodes.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use cardea_jose::{Algorithm, JwkSet, UnverifiedJws, VerifyingKey};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::card::Card;
use crate::program::Program;
use crate::relying_party::{Request, SignedIn, sign_in};
use crate::test_app::{CLIENT_ID, CLIENT_SECRET, Changes, TestApp};
use crate::two_nodes::on_postgres;

const SESSION_REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
const TOKEN_REVOKED: &str = "https://schemas.openid.net/secevent/oauth/event-type/token-revoked";
const PATIENCE: Duration = Duration::from_secs(90);
const HEADER: &str = "Bearer a-value-that-the-receiver-knows";

/// Where a portal is told.
struct Receiver {
    uri: String,
    received: mpsc::UnboundedReceiver<(Option<String>, String)>,
    status: Arc<AtomicU16>,
}

#[derive(Clone)]
struct Taking {
    sender: mpsc::UnboundedSender<(Option<String>, String)>,
    status: Arc<AtomicU16>,
}

impl Receiver {
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
            .route("/events", post(take))
            .with_state(taking);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            uri: format!("http://{address}/events"),
            received,
            status,
        }
    }

    async fn start(status: u16) -> Self {
        Self::start_at("127.0.0.1:0", status).await
    }

    /// The next request: its `Authorization`, and the SET.
    async fn next(&mut self) -> (Option<String>, String) {
        let next = timeout(PATIENCE, self.received.recv());
        next.await.expect("an event in time").unwrap()
    }

    async fn hears_nothing(&mut self, seconds: u64) {
        let next = timeout(Duration::from_secs(seconds), self.received.recv()).await;
        assert!(next.is_err(), "{next:?}");
    }

    fn changes(&self) -> Changes {
        told_at(&self.uri)
    }
}

async fn take(State(receiver): State<Taking>, headers: HeaderMap, body: String) -> Response {
    assert_eq!(headers[header::CONTENT_TYPE], "application/secevent+jwt");
    assert_eq!(headers[header::ACCEPT], "application/json");
    let authorization = headers.get(header::AUTHORIZATION);
    let authorization = authorization.map(|it| it.to_str().unwrap().to_owned());
    // Before the test hears of the request, and changes what the next is answered.
    let status = receiver.status.load(Ordering::SeqCst);
    receiver.sender.send((authorization, body)).unwrap();
    let body = match status {
        400 => r#"{"err":"invalid_audience","description":"not mine"}"#.to_owned(),
        // A 400 of a proxy that does not say why.
        499 => return (StatusCode::BAD_REQUEST, "<html>").into_response(),
        _ => "x".repeat(100_000),
    };
    let elsewhere = [(header::LOCATION, "/events")];
    (StatusCode::from_u16(status).unwrap(), elsewhere, body).into_response()
}

fn told_at(uri: &str) -> Changes {
    let mut changes = Changes::replacing(
        "id_token_signed_response_alg = \"ES256\"",
        &format!(
            "event_push_uri = \"{uri}\"\nid_token_signed_response_alg = \"ES256\"\n\
             subject_type = \"pairwise\""
        ),
    );
    changes
        .replace
        .insert(0, ("backchannel_logout_uri", "#".to_owned()));
    changes
}

async fn redeem(app: &TestApp, request: &Request, signed_in: &SignedIn) -> Value {
    let tokens = request.redeem(app, &signed_in.code).await;
    tokens.json().await.unwrap()
}

fn claims(token: &str) -> Value {
    let token = UnverifiedJws::parse(token, 8192).unwrap();
    token.unverified_claims().unwrap()
}

async fn pull_a_card(app: &TestApp, request: &Request) {
    let card = Card::pharmacist(app);
    let mut signed_in = sign_in(app, request, &card).await;
    signed_in.connection.send(&card.departed(app)).await;
    while let Some(frame) = signed_in.connection.next().await {
        if frame["reason"] == "departed" {
            return;
        }
    }
}

async fn event(app: &TestApp, kind: &str) -> (Option<String>, Value) {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Some(event) = app.events().await.iter().find(|it| it.kind == kind) {
            let details = serde_json::from_str(&event.details).unwrap();
            return (event.code.clone(), details);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("no event {kind}")
}

/// By the portal's own names, whose they are pairwise, and not a word to a portal beside.
#[tokio::test(flavor = "multi_thread")]
async fn a_portal_is_told_of_its_own_session_by_the_names_of_its_tokens() {
    let mut receiver = Receiver::start(202).await;
    let mut other = Receiver::start(202).await;
    let mut changes = receiver.changes();
    changes.replace.push((
        "name = \"Native\"",
        format!("name = \"Native\"\nevent_push_uri = \"{}\"", other.uri),
    ));
    let app = TestApp::start_with(changes).await;
    let card = Card::pharmacist(&app);
    let request = Request::new();
    let mut signed_in = sign_in(&app, &request, &card).await;
    let tokens = redeem(&app, &request, &signed_in).await;
    let id_token = claims(tokens["id_token"].as_str().unwrap());
    signed_in.connection.send(&card.departed(&app)).await;

    let (authorization, set) = receiver.next().await;
    assert_eq!(authorization, None);
    let jws = UnverifiedJws::parse(&set, 8192).unwrap();
    assert_eq!(
        jws.algorithm(),
        Algorithm::Es256,
        "as the portal's ID tokens"
    );
    let keys: JwkSet = app.get("/jwks").send().await.unwrap().json().await.unwrap();
    let key = VerifyingKey::from_jwk(keys.find(jws.kid().unwrap()).unwrap()).unwrap();
    let told: Value = jws.verify(&key, "secevent+jwt").unwrap().claims().unwrap();
    assert_eq!(told["aud"], CLIENT_ID);
    assert_eq!(told["iss"], id_token["iss"]);
    assert_eq!(told["sub_id"]["user"]["sub"], id_token["sub"]);
    assert_eq!(told["sub_id"]["session"]["id"], id_token["sid"]);
    assert_eq!(told["events"][SESSION_REVOKED]["initiating_entity"], "user");
    for absent in ["exp", "sub", "since", "nonce"] {
        assert!(told.get(absent).is_none(), "{absent}");
    }
    // Taken, it does not come again, and there is no heartbeat by push.
    receiver.hears_nothing(4).await;
    other.hears_nothing(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_given_back_is_told_and_a_session_without_tokens_too() {
    let mut receiver = Receiver::start(202).await;
    let app = TestApp::start_with(receiver.changes()).await;
    let card = Card::pharmacist(&app);
    let request = Request::new();
    let mut signed_in = sign_in(&app, &request, &card).await;
    let tokens = redeem(&app, &request, &signed_in).await;
    let access_token = tokens["access_token"].as_str().unwrap();
    let revoke = app
        .post("/revoke")
        .basic_auth(CLIENT_ID, Some(CLIENT_SECRET))
        .form(&[("token", access_token)]);
    assert_eq!(revoke.send().await.unwrap().status(), 200);
    let told = claims(&receiver.next().await.1);
    assert!(told["events"].get(TOKEN_REVOKED).is_some(), "{told}");
    assert_eq!(told["sub_id"]["jti"], claims(access_token)["jti"]);
    signed_in.connection.send(&card.departed(&app)).await;
    let told = claims(&receiver.next().await.1);
    assert!(told["events"].get(SESSION_REVOKED).is_some(), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_put_aside_with_its_code() {
    let mut receiver = Receiver::start(400).await;
    let app = TestApp::start_with(receiver.changes()).await;
    pull_a_card(&app, &Request::new()).await;
    let jti = claims(&receiver.next().await.1)["jti"].clone();
    let (code, details) = event(&app, "event_push.refused").await;
    assert_eq!(code.as_deref(), Some("provider.event_push_refused"));
    let expected = json!({"jti": jti, "err": "invalid_audience", "attempts": 1});
    assert_eq!(details, expected);
    receiver.hears_nothing(4).await;
}

/// Attack H4: a redirect is not followed; and only 202 takes an event.
#[tokio::test(flavor = "multi_thread")]
async fn h4_whatever_else_is_answered_the_same_event_comes_again() {
    for status in [200, 302, 499, 503] {
        let mut receiver = Receiver::start(status).await;
        let app = TestApp::start_with(receiver.changes()).await;
        pull_a_card(&app, &Request::new()).await;
        let first = claims(&receiver.next().await.1);
        receiver.status.store(202, Ordering::SeqCst);
        let second = claims(&receiver.next().await.1);
        for member in ["jti", "sequence", "sub_id", "events"] {
            assert_eq!(first[member], second[member], "{status} {member}");
        }
        receiver.hears_nothing(1).await;
    }
}

/// Attack H18: a server that is killed before a receiver is there tells it from its next start on;
/// with the receiver's header, which stands in no log.
#[tokio::test(flavor = "multi_thread")]
async fn h18_a_receiver_that_was_down_is_told_by_the_next_life_of_the_server() {
    let at = Program::unused_address().await;
    let mut changes = told_at(&format!("http://{at}/events"));
    changes.replace.push((
        "subject_type = \"pairwise\"",
        "subject_type = \"pairwise\"\nevent_push_authorization_file = \"header\"".to_owned(),
    ));
    let folder_of_header = |app: &TestApp| app.folder().join("header");
    // The file is named before it is there: the configuration says so, by its key.
    let address = Program::unused_address().await;
    let without = told_at(&format!("http://{at}/events"));
    let app = TestApp::start_with(without).await;
    let configuration = app.folder().join("cardea.toml");
    let text = fs::read_to_string(&configuration).unwrap();
    let (from, to) = changes.replace.last().unwrap();
    fs::write(&configuration, text.replace(from, to)).unwrap();
    let refused = app.reload().await.unwrap_err().to_string();
    assert!(
        refused.contains("client[0].event_push_authorization_file"),
        "{refused}"
    );
    fs::write(folder_of_header(&app), format!("{HEADER}\n")).unwrap();
    let app = app.handed_to(format!("http://{address}"));
    let mut program = Program::start(app.folder(), &address).await;
    pull_a_card(&app, &Request::new()).await;
    let begun = Instant::now();
    while !String::from_utf8(program.log())
        .unwrap()
        .contains("server.event_not_pushed")
    {
        assert!(begun.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    program.kill();
    let mut receiver = Receiver::start_at(&at, 202).await;
    let program = Program::start(app.folder(), &address).await;
    let (authorization, set) = receiver.next().await;
    assert_eq!(authorization.as_deref(), Some(HEADER));
    assert!(claims(&set)["events"].get(SESSION_REVOKED).is_some());
    let log = String::from_utf8(program.log()).unwrap();
    assert!(!log.contains("a-value-that"), "{log}");
}

/// Attack H19: two nodes, and each event is posted once.
#[tokio::test(flavor = "multi_thread")]
async fn h19_two_nodes_tell_a_receiver_once() {
    let mut receiver = Receiver::start(202).await;
    let (one, _) = on_postgres(receiver.changes()).await;
    let _other = one.another_node().await;
    for _ in 0..3 {
        pull_a_card(&one, &Request::new()).await;
        let (_, set) = receiver.next().await;
        assert!(claims(&set)["events"].get(SESSION_REVOKED).is_some());
    }
    receiver.hears_nothing(4).await;
}
