//! A running server follows what an operator does to the clients of the database.

use std::time::Duration;

use cardea_storage::SecretDigest;
use cardea_storage::client::{ClientRecord, insert};
use serde_json::Value;
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::card::Card;
use crate::relying_party::{Request, sign_in};
use crate::test_app::{Changes, REDIRECT_URI, TestApp, header};

const DYNAMIC: &str = "dynamic";
/// Operators are promised less; the rest is for a busy machine.
const KNOWN_WITHIN: Duration = Duration::from_secs(60);

/// Registers the client, and gives its secret.
async fn add(app: &TestApp) -> String {
    let added = app
        .operate(&[
            "add",
            "--client-id",
            DYNAMIC,
            "--name",
            "Ajouté",
            "--redirect-uri",
            REDIRECT_URI,
        ])
        .await;
    added["added"][0]["secret"].as_str().unwrap().to_owned()
}

/// What the token endpoint says to the client, whose code is none.
async fn token_error(app: &TestApp, secret: &str) -> String {
    token_error_at(app, &app.url("/token"), secret).await
}

async fn token_error_at(app: &TestApp, url: &str, secret: &str) -> String {
    let form = [
        ("grant_type", "authorization_code"),
        ("code", "none"),
        ("redirect_uri", REDIRECT_URI),
    ];
    let request = app.client.post(url).basic_auth(DYNAMIC, Some(secret));
    let response = request.form(&form).send().await.unwrap();
    let body: Value = response.json().await.unwrap();
    body["error"].as_str().unwrap().to_owned()
}

/// Waits until the token endpoint says `error` to the client.
async fn until_error(app: &TestApp, secret: &str, error: &str) {
    until_error_at(app, &app.url("/token"), secret, error).await;
}

async fn until_error_at(app: &TestApp, url: &str, secret: &str, error: &str) {
    let begun = Instant::now();
    while token_error_at(app, url, secret).await != error {
        assert!(begun.elapsed() < KNOWN_WITHIN, "not {error} in time");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_known_and_unknown_without_a_restart() {
    let app = TestApp::start().await;
    assert_eq!(token_error(&app, "none").await, "invalid_client");
    let secret = add(&app).await;
    until_error(&app, &secret, "invalid_grant").await;
    app.operate(&["remove", DYNAMIC]).await;
    until_error(&app, &secret, "invalid_client").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_node_follows_the_one_database() {
    let app = TestApp::start().await;
    let (node, base_url) = app.serve_beside().await;
    let at_node = format!("{base_url}/token");
    let secret = add(&app).await;
    until_error(&app, &secret, "invalid_grant").await;
    until_error_at(&app, &at_node, &secret, "invalid_grant").await;
    app.operate(&["remove", DYNAMIC]).await;
    until_error(&app, &secret, "invalid_client").await;
    until_error_at(&app, &at_node, &secret, "invalid_client").await;
    node.stop();
}

/// Attack F3: the secret of an old rotation.
#[tokio::test(flavor = "multi_thread")]
async fn f3_a_replaced_secret_is_accepted_as_long_as_stated_and_no_longer() {
    let app = TestApp::start().await;
    let first = add(&app).await;
    until_error(&app, &first, "invalid_grant").await;
    let rotated = app
        .operate(&["rotate-secret", DYNAMIC, "--overlap", "15s"])
        .await;
    let second = rotated["secret"].as_str().unwrap();
    until_error(&app, second, "invalid_grant").await;
    assert_eq!(token_error(&app, &first).await, "invalid_grant");
    until_error(&app, &first, "invalid_client").await;
    assert_eq!(token_error(&app, second).await, "invalid_grant");

    let rotated = app.operate(&["rotate-secret", DYNAMIC]).await;
    let third = rotated["secret"].as_str().unwrap();
    until_error(&app, third, "invalid_grant").await;
    assert_eq!(token_error(&app, second).await, "invalid_client");
}

/// Attack E3: with several addresses registered, none is chosen for a request that names none.
#[tokio::test(flavor = "multi_thread")]
async fn e3_a_request_without_address_is_sent_nowhere() {
    let both = format!("redirect_uris = [\"{REDIRECT_URI}\", \"https://other.example.test/cb\"]");
    let one = "redirect_uris = [\"https://portal.example.test/callback\"]";
    let app = TestApp::start_with(Changes::replacing(one, &both)).await;
    let response = Request::new().without("redirect_uri").send(&app).await;
    assert_eq!(response.status(), 400);
    assert_eq!(header(&response, "location"), "");
    let page = response.text().await.unwrap();
    assert!(page.contains("provider.redirect_uri_missing"), "{page}");
    for registered in [REDIRECT_URI, "https://other.example.test/cb"] {
        let named = Request::new().with("redirect_uri", registered);
        assert_eq!(named.send(&app).await.status(), 303, "{registered}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_removed_client_holds_is_worth_nothing() {
    let app = TestApp::start().await;
    let secret = add(&app).await;
    until_error(&app, &secret, "invalid_grant").await;
    let card = Card::pharmacist(&app);
    let request = Request::new().with("client_id", DYNAMIC);
    let signed_in = sign_in(&app, &request, &card).await;
    let form = request.token_form(&signed_in.code);
    let tokens = app.post("/token").basic_auth(DYNAMIC, Some(&secret));
    let tokens = tokens.form(&form).send().await.unwrap();
    let tokens: Value = tokens.json().await.unwrap();
    let userinfo = async || {
        let token = tokens["access_token"].as_str().unwrap();
        let request = app.get("/userinfo").bearer_auth(token);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(userinfo().await, 200);
    let removed = app.operate(&["remove", DYNAMIC]).await;
    assert_eq!(removed["access_tokens_revoked"], 1);
    // The token is taken back in the database, which every node asks: no reload is waited for.
    assert_eq!(userinfo().await, 401);
    assert_eq!(app.count_events("client.removed").await, 1);
}

/// A registration that no command wrote gets in neither at the start nor later, and keeps no other
/// change from being seen.
#[tokio::test(flavor = "multi_thread")]
async fn an_unsafe_registration_in_the_database_is_left_out() {
    let app = TestApp::start().await;
    let unsafe_client = r#"{"client_id":"planted","name":"P","redirect_uris":["https://evil.test/*"],
        "token_endpoint_auth_method":"client_secret_basic"}"#;
    let configured = r#"{"client_id":"portal","name":"P","redirect_uris":["https://evil.test/cb"],
        "token_endpoint_auth_method":"client_secret_basic"}"#;
    let records = [
        ("planted", unsafe_client),
        ("portal", configured),
        ("odd", "{"),
    ];
    app.in_database(async |transaction| {
        for (client_id, registration) in records {
            let record = ClientRecord {
                client_id: client_id.to_owned(),
                registration: registration.to_owned(),
                secret: Some(SecretDigest::of("secret")),
                previous_secret: None,
                created_at: OffsetDateTime::UNIX_EPOCH,
                changed_at: OffsetDateTime::UNIX_EPOCH,
                self_registration: None,
            };
            assert!(insert(transaction, &record).await.unwrap());
        }
    })
    .await;
    let secret = add(&app).await;
    until_error(&app, &secret, "invalid_grant").await;
    let begin = async |client_id: &str, redirect_uri: &str| {
        let request = Request::new()
            .with("client_id", client_id)
            .with("redirect_uri", redirect_uri);
        request.send(&app).await.status().as_u16()
    };
    assert_eq!(begin("planted", "https://evil.test/*").await, 400);
    assert_eq!(begin("portal", "https://evil.test/cb").await, 400);
    assert_eq!(begin("portal", REDIRECT_URI).await, 303);
    let listed = app.operate(&["list"]).await;
    let odd = listed["clients"].as_array().unwrap().iter();
    let odd: Vec<_> = odd.filter(|it| it["client_id"] == "odd").collect();
    assert_eq!(odd[0]["unreadable"], "provider.stored_value_unreadable");
    // The next start asks which of the two is meant.
    let error = app.build_again().await.unwrap_err();
    assert_eq!(error.code(), "server.client_registered_twice");
    assert!(error.to_string().contains("cardea.toml"), "{error}");
    app.operate(&["remove", "portal"]).await;
    app.build_again().await.unwrap().close().await;
}
