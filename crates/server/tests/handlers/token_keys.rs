//! Which key a token names, and what becomes of tokens when a key is replaced.

use std::fs;
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cardea_jose::{Algorithm, SigningKey};
use cardea_provider::rotation::JWKS_MAX_AGE;
use cardea_storage::Transaction;
use cardea_storage::signing_key::{begin_change, set_times};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::card::Card;
use crate::key_client::{KeyClient, now};
use crate::relying_party::{Request, sign_in};
use crate::test_app::{TestApp, header};
use crate::two_nodes::on_postgres;

/// A login that has an access token.
async fn access_token(app: &TestApp, card: &Card) -> String {
    let request = Request::new();
    let signed_in = sign_in(app, &request, card).await;
    let tokens: Value = request
        .redeem(app, &signed_in.code)
        .await
        .json()
        .await
        .unwrap();
    tokens["access_token"].as_str().unwrap().to_owned()
}

async fn userinfo(app: &TestApp, token: &str) -> u16 {
    let response = app
        .get("/userinfo")
        .bearer_auth(token)
        .send()
        .await
        .unwrap();
    if response.status() == 401 {
        let challenge = header(&response, "www-authenticate");
        assert!(challenge.contains("invalid_token"), "{challenge}");
    }
    response.status().as_u16()
}

/// Attack G3: a `kid` is compared with those in memory, whatever it says.
#[tokio::test]
async fn g3_a_key_id_leads_nowhere() {
    let app = TestApp::start().await;
    let cached = header(&app.get("/jwks").send().await.unwrap(), "cache-control");
    let age = JWKS_MAX_AGE.whole_seconds();
    assert_eq!(cached, format!("public, max-age={age}"));
    let card = Card::pharmacist(&app);
    let token = access_token(&app, &card).await;
    assert_eq!(userinfo(&app, &token).await, 200);
    let mut parts = token.split('.');
    let genuine = URL_SAFE_NO_PAD.decode(parts.next().unwrap()).unwrap();
    let genuine: Value = serde_json::from_slice(&genuine).unwrap();
    let rest: Vec<_> = parts.collect();
    let not_ours = SigningKey::generate(Algorithm::Rs256).unwrap();
    let long = "x".repeat(10 * 1024);
    for kid in [
        "../../../../etc/passwd",
        "keys/token-es256.pem",
        "' OR '1'='1",
        "https://evil.test/jwks",
        "\r\nX-Injected: 1",
        "",
        long.as_str(),
        not_ours.kid(),
    ] {
        let mut head = genuine.clone();
        head["kid"] = json!(kid);
        let head = URL_SAFE_NO_PAD.encode(head.to_string());
        let forged = format!("{head}.{}", rest.join("."));
        assert_eq!(userinfo(&app, &forged).await, 401, "{kid}");
    }
}

/// Attack G9: a token of the replaced key within the overlap, and after its retirement; attack G3:
/// the key to come signs nothing and verifies nothing before its time.
#[tokio::test(flavor = "multi_thread")]
async fn g9_tokens_of_a_replaced_key_live_as_long_as_it_is_published() {
    let service = KeyClient::new();
    let app = TestApp::start_with(service.registered()).await;
    rotates(&service, &app, &app).await;
}

/// The same over two nodes: one rotates, the other follows, and each takes the other's tokens.
#[tokio::test(flavor = "multi_thread")]
async fn g9_a_node_follows_what_another_has_rotated() {
    let service = KeyClient::new();
    let (one, _) = on_postgres(service.registered()).await;
    let other = one.another_node().await;
    rotates(&service, &one, &other).await;
}

/// A service's token is good, and not for what a person's is; or it is not ours.
async fn is_good(app: &TestApp, token: &str) -> bool {
    match userinfo(app, token).await {
        403 => true,
        401 => false,
        other => panic!("{other}"),
    }
}

async fn service_token(service: &KeyClient, app: &TestApp) -> (String, String) {
    let response = service.ask(app).send().await.unwrap();
    let tokens: Value = response.json().await.unwrap();
    let token = tokens["access_token"].as_str().unwrap().to_owned();
    let head = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap());
    let head: Value = serde_json::from_slice(&head.unwrap()).unwrap();
    (token, head["kid"].as_str().unwrap().to_owned())
}

async fn published(app: &TestApp) -> Vec<String> {
    let set: Value = app.get("/jwks").send().await.unwrap().json().await.unwrap();
    let keys = set["keys"].as_array().unwrap().iter();
    keys.map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

/// `cardea keys …` beside the running nodes.
async fn keys(app: &TestApp, arguments: &[&str]) -> (i32, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cardea"));
    command
        .arg("keys")
        .args(arguments)
        .arg("--config")
        .arg(app.folder().join("cardea.toml"))
        .arg("--json");
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.unwrap().unwrap();
    let document = serde_json::from_slice(&output.stdout);
    let document = document.unwrap_or_else(|_| panic!("{output:?}"));
    (output.status.code().unwrap(), document)
}

/// The key of an algorithm in a state.
fn key_in(document: &Value, algorithm: &str, state: &str) -> Option<String> {
    let mut all = document["keys"].as_array().unwrap().iter();
    let found = all.find(|key| key["alg"] == algorithm && key["state"] == state)?;
    Some(found["kid"].as_str().unwrap().to_owned())
}

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    for _ in 0..600 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what} does not come about");
}

async fn rotates(service: &KeyClient, one: &TestApp, other: &TestApp) {
    let (old_token, old) = service_token(service, other).await;
    assert!(is_good(one, &old_token).await);
    let (exit, document) = keys(one, &["rotate"]).await;
    assert_eq!((exit, document["added"].as_array().unwrap().len()), (0, 4));
    assert_eq!(key_in(&document, "RS256", "current"), Some(old.clone()));
    let next = key_in(&document, "RS256", "next").unwrap();
    let (exit, refused) = keys(one, &["rotate"]).await;
    assert_eq!(
        (exit, &refused["code"]),
        (1, &json!("provider.key_rotation_pending"))
    );

    // Published on both, and it signs nothing yet.
    for node in [one, other] {
        until("the next key", async || {
            published(node).await.contains(&next)
        })
        .await;
        assert_eq!(published(node).await.len(), 8);
        assert_eq!(service_token(service, node).await.1, old);
    }
    // Its time has come: each node takes what the other signs.
    change(one, async |transaction| {
        let (before, over) = (moment(-1), Some(moment(3600)));
        set_times(transaction, &old, moment(-100), Some(before), over)
            .await
            .unwrap();
        set_times(transaction, &next, before, None, None)
            .await
            .unwrap();
    })
    .await;
    for (signs, takes) in [(one, other), (other, one)] {
        until("the new signature", async || {
            service_token(service, signs).await.1 == next
        })
        .await;
        let (token, _) = service_token(service, signs).await;
        until("the new key", async || is_good(takes, &token).await).await;
        assert!(is_good(takes, &old_token).await, "within the overlap");
    }
    // All of its tokens are over: it is deleted, with an event, and verifies nothing.
    change(one, async |transaction| {
        let (until, over) = (Some(moment(-2)), Some(moment(-1)));
        set_times(transaction, &old, moment(-100), until, over)
            .await
            .unwrap();
    })
    .await;
    for node in [one, other] {
        until("the retirement", async || {
            !published(node).await.contains(&old)
        })
        .await;
        assert!(!is_good(node, &old_token).await, "after its retirement");
    }
    until("the deletion", async || {
        let (_, document) = keys(one, &["list"]).await;
        !document.to_string().contains(&old)
    })
    .await;
}

/// Changes what the database says of keys, as a node does.
async fn change(app: &TestApp, work: impl AsyncFnOnce(&mut Transaction)) {
    app.in_database_of_its_own(async |transaction| {
        begin_change(transaction).await.unwrap();
        work(transaction).await;
    })
    .await;
}

fn moment(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(now() + seconds).unwrap()
}

/// A key in wrong hands is out at once, everywhere: nothing that it signed is good, and another
/// signs. Refresh tokens and sessions are not signed, and live on.
#[tokio::test(flavor = "multi_thread")]
async fn g9_an_emergency_takes_keys_out_on_every_node_at_once() {
    let service = KeyClient::new();
    let (one, _) = on_postgres(service.registered()).await;
    let other = one.another_node().await;
    let (token, old) = service_token(&service, &one).await;
    let card = Card::pharmacist(&one);
    let persons = access_token(&one, &card).await;
    assert_eq!(userinfo(&other, &persons).await, 200);
    let (exit, refused) = keys(
        &one,
        &["rotate", "--emergency", "--yes", "--kid", "unknown"],
    )
    .await;
    assert_eq!(
        (exit, &refused["code"]),
        (1, &json!("provider.token_key_unknown"))
    );
    let arguments = [
        "rotate",
        "--emergency",
        "--yes",
        "--kid",
        &old,
        "--reason",
        "a stolen disk",
    ];
    let (exit, document) = keys(&one, &arguments).await;
    assert_eq!((exit, &document["deleted"]), (0, &json!([old])));
    for node in [&one, &other] {
        until("the end", async || !is_good(node, &token).await).await;
        assert!(!published(node).await.contains(&old));
        let (fresh, kid) = service_token(&service, node).await;
        assert_ne!(kid, old);
        // The other one follows within a second.
        for taker in [&one, &other] {
            until("the new key", async || is_good(taker, &fresh).await).await;
        }
    }
    assert_eq!(userinfo(&other, &persons).await, 401);
    // All at once.
    let (fresh, _) = service_token(&service, &one).await;
    let (exit, document) = keys(&one, &["rotate", "--emergency", "--yes"]).await;
    assert_eq!(
        (exit, document["deleted"].as_array().unwrap().len()),
        (0, 4)
    );
    until("the end", async || !is_good(&other, &fresh).await).await;
    assert!(published(&other).await.len() == 4);
}

/// Keys of the time when they lay in files go on, and their files are read no more.
#[tokio::test]
async fn keys_of_files_are_taken_into_the_database() {
    let service = KeyClient::new();
    let app = TestApp::start_with(service.registered()).await;
    assert!(!app.folder().join("keys/token-rs256.pem").exists());
    let file = app.folder().join("keys/token-rs256.pem.imported");
    let pem = fs::read(&file).unwrap();
    let kid = SigningKey::from_pem(Algorithm::Rs256, &pem).unwrap();
    assert_eq!(service_token(&service, &app).await.1, kid.kid());
    fs::remove_file(&file).unwrap();
    let app = app.restart().await;
    assert_eq!(service_token(&service, &app).await.1, kid.kid());
    let database = fs::read(app.folder().join("cardea.sqlite")).unwrap();
    let der = kid.to_der().unwrap();
    let secret = der.get(der.len() - 64..).unwrap();
    let sealed = URL_SAFE_NO_PAD.encode(secret).into_bytes();
    for content in [secret, &sealed[2..60]] {
        assert!(!database.windows(content.len()).any(|it| it == content));
    }
}
