//! Presence connections: a card pulled out ends everything, a foreign statement ends nothing.

use std::time::{Duration, Instant};

use cardea_test_pki::{CardProfile, KeyKind, PersonIdentifier};
use serde_json::Value;

use crate::card::{Card, PresenceConnection};
use crate::relying_party::{Request, sign_in};
use crate::test_app::{Changes, TestApp};

#[tokio::test]
async fn pulling_the_card_ends_tokens_and_tells_the_portal() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    let request = Request::new();
    let mut signed_in = sign_in(&app, &request, &card).await;
    let tokens: Value = request
        .redeem(&app, &signed_in.code)
        .await
        .json()
        .await
        .unwrap();
    signed_in.connection.send(&card.departed(&app)).await;
    let ended = signed_in.connection.next().await.unwrap();
    assert_eq!(ended["state"], "ended");
    assert_eq!(ended["reason"], "departed");
    assert_eq!(
        signed_in.connection.next().await,
        None,
        "the connection closes"
    );
    let logout_token = app.host.logout_token().await;
    let payload = logout_token.split('.').nth(1).unwrap();
    let claims = cardea_jose::parse_base64url(payload).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["aud"], "portal");
    assert!(claims.get("nonce").is_none());
    let token = tokens["access_token"].as_str().unwrap();
    let userinfo = app
        .get("/userinfo")
        .bearer_auth(token)
        .send()
        .await
        .unwrap();
    assert_eq!(userinfo.status(), 401);
}

#[tokio::test]
async fn an_agent_that_reconnects_goes_on_with_its_session() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    let request = Request::new();
    let signed_in = sign_in(&app, &request, &card).await;
    drop(signed_in.connection);
    let mut connection = card.connect(&app).await;
    connection.prove(&app, &card).await;
    assert_eq!(request.redeem(&app, &signed_in.code).await.status(), 200);
}

#[tokio::test]
async fn what_is_not_a_statement_closes_the_connection() {
    let app = TestApp::start().await;
    let long = format!(
        r#"{{"type":"presence","statement":"{}"}}"#,
        "x".repeat(5_000)
    );
    for text in ["", "{}", r#"{"type":"nonce","nonce":"x"}"#, "[[[[", &long] {
        let mut connection = PresenceConnection::open(&app).await;
        connection.nonce().await;
        connection.send_text(text).await;
        assert_eq!(connection.next().await, None, "{text:.40}");
    }
}

#[tokio::test]
async fn statements_count_only_over_the_nonce_of_their_connection() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    let mut first = card.connect(&app).await;
    let nonce = first.nonce().await;
    let mut second = card.connect(&app).await;
    second.nonce().await;
    second.send(&card.present(&app, &nonce)).await;
    // Statements over a foreign nonce are not answered, and only a few are taken.
    for _ in 0..4 {
        second.send(&card.present(&app, &nonce)).await;
    }
    assert_eq!(second.next().await, None);
    first.send(&card.present(&app, &nonce)).await;
    assert_eq!(first.next().await.unwrap()["state"], "pending");
}

#[tokio::test]
async fn one_connection_speaks_for_one_key() {
    let app = TestApp::start().await;
    let (one, other) = (Card::pharmacist(&app), Card::pharmacist(&app));
    let mut connection = one.connect(&app).await;
    let nonce = connection.nonce().await;
    connection.send(&one.present(&app, &nonce)).await;
    assert_eq!(connection.next().await.unwrap()["state"], "pending");
    connection.send(&other.departed(&app)).await;
    assert_eq!(connection.next().await, None);
}

#[tokio::test]
async fn connections_are_bounded_and_no_page_opens_one() {
    let changes = Changes::replacing("wait_seconds = 2", "unclaimed_per_address_max = 1");
    let app = TestApp::start_with(changes).await;
    let first = PresenceConnection::open(&app).await;
    let upgrade = || {
        app.get("/presence")
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
    };
    assert_eq!(upgrade().send().await.unwrap().status(), 429);
    let page = upgrade()
        .header("Origin", "https://evil.test")
        .send()
        .await
        .unwrap();
    assert_eq!(page.status(), 403);
    assert_eq!(app.get("/presence").send().await.unwrap().status(), 400);
    drop(first);
}

/// Strangers' idle connections take no places from people who are signed in.
#[tokio::test]
async fn a_session_s_connection_leaves_its_place_to_newcomers() {
    let changes = Changes::replacing("wait_seconds = 2", "unclaimed_max = 1");
    let app = TestApp::start_with(changes).await;
    let (one, other) = (Card::pharmacist(&app), Card::pharmacist(&app));
    let _one = sign_in(&app, &Request::new(), &one).await;
    app.host.know(&other.issued.authentication);
    let mut other = sign_in(&app, &Request::new(), &other).await;
    let _stranger = PresenceConnection::open(&app).await;
    app.stop();
    assert_eq!(other.connection.next().await, None, "open until the stop");
}

#[tokio::test]
async fn who_says_nothing_is_cut_off() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    let mut silent = PresenceConnection::open(&app).await;
    let mut honest = card.connect(&app).await;
    let nonce = honest.nonce().await;
    honest.send(&card.present(&app, &nonce)).await;
    assert_eq!(honest.next().await.unwrap()["state"], "pending");
    silent.nonce().await;
    while let Some(frame) = silent.next().await {
        assert_eq!(frame["type"], "nonce");
    }
    assert_eq!(honest.next().await.unwrap()["type"], "nonce", "still open");
}

#[tokio::test]
async fn a_stopping_server_closes_connections_and_keeps_sessions() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    let request = Request::new();
    let mut signed_in = sign_in(&app, &request, &card).await;
    app.stop();
    assert_eq!(signed_in.connection.next().await, None);
    assert_eq!(request.redeem(&app, &signed_in.code).await.status(), 200);
}

/// Between two proofs an echo shows that the agent is there: no signature, and no other word, does.
#[tokio::test]
async fn an_agent_that_echoes_keeps_its_session_and_one_that_does_not_loses_it() {
    let often = "wait_seconds = 2\ninterval_seconds = 1\ngrace_seconds = 8";
    let app = TestApp::start_with(Changes::replacing("wait_seconds = 2", often)).await;
    let request = Request::new();
    let mut people = Vec::new();
    for number in ["10000000001", "10000000002", "10000000003"] {
        let profile = CardProfile::pharmacist()
            .with_key(KeyKind::P256)
            .with_identifier(PersonIdentifier::Rpps(number.to_owned()));
        people.push(sign_in(&app, &request, &Card::new(&app, &profile)).await);
    }
    let [echoing, mute, inventing] = &mut people[..] else {
        panic!("three people")
    };
    let begun = Instant::now();
    while app.count_events("session.ended").await < 2 {
        assert!(begun.elapsed() < Duration::from_secs(60));
        // The library echoes while it reads. The others read nothing.
        let frame = tokio::time::timeout(Duration::from_millis(200), echoing.connection.next());
        assert!(frame.await.is_err(), "asked for a proof");
        inventing.connection.echo("invented").await;
    }
    assert_eq!(request.redeem(&app, &echoing.code).await.status(), 200);
    for silent in [mute, inventing] {
        assert_eq!(request.redeem(&app, &silent.code).await.status(), 400);
    }
}
