//! Clients that register themselves (RFC 7591) and look after their registration (RFC 7592).

use std::path::Path;
use std::process::Command;

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::test_app::{Changes, REDIRECT_URI, TestApp, header};

const REGISTRATION: &str = "[registration]\nenabled = true\n[presence]";

pub(crate) async fn start() -> TestApp {
    TestApp::start_with(Changes::replacing("[presence]", REGISTRATION)).await
}

/// An initial access token, with what the operator says beside it.
async fn initial_access_token(app: &TestApp, arguments: &[&str]) -> Value {
    let command = [&["new-initial-access-token"], arguments].concat();
    app.operate(&command).await
}

pub(crate) async fn token(app: &TestApp, arguments: &[&str]) -> String {
    let made = initial_access_token(app, arguments).await;
    text(&made, "initial_access_token")
}

fn text(document: &Value, member: &str) -> String {
    document[member].as_str().unwrap().to_owned()
}

pub(crate) fn metadata() -> Value {
    json!({
        "client_name": "Laboratoire du Port",
        "redirect_uris": [REDIRECT_URI],
        "logo_uri": "https://portal.example.test/logo.png",
        "x_unknown": { "is": "ignored" },
    })
}

pub(crate) async fn register(app: &TestApp, token: &str, metadata: &Value) -> Response {
    let post = app.post("/register").bearer_auth(token).json(metadata);
    post.send().await.unwrap()
}

/// A client that has registered itself.
pub(crate) async fn registered(app: &TestApp, token: &str) -> Value {
    let response = register(app, token, &metadata()).await;
    assert_eq!(response.status(), 201);
    response.json().await.unwrap()
}

/// A request to the registration's own address.
pub(crate) async fn manage(
    app: &TestApp,
    registered: &Value,
    (method, token): (Method, &str),
    body: Option<&Value>,
) -> Response {
    let path = text(registered, "registration_client_uri").replace(&app.issuer, "");
    let mut request = app
        .client
        .request(method, app.url(&path))
        .bearer_auth(token);
    if let Some(body) = body {
        request = request.json(body);
    }
    request.send().await.unwrap()
}

/// Status, OAuth name and our code of a refusal in JSON.
pub(crate) async fn refused(response: Response) -> (u16, String, String) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    assert!(status >= 400, "accepted: {body}");
    let code = text(&body, "error_uri");
    let code = code.rsplit_once('/').unwrap().1.to_owned();
    let told = text(&body, "error_description");
    assert!(told.starts_with(&code), "{told}");
    (status, text(&body, "error"), code)
}

/// What the token endpoint says to the client, whose code is none.
pub(crate) async fn token_error(app: &TestApp, registered: &Value, secret: &str) -> String {
    let form = [
        ("grant_type", "authorization_code"),
        ("code", "none"),
        ("redirect_uri", REDIRECT_URI),
    ];
    let client_id = text(registered, "client_id");
    let post = app.post("/token").basic_auth(client_id, Some(secret));
    let response = post.form(&form).send().await.unwrap();
    text(&response.json().await.unwrap(), "error")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_registers_itself_changes_and_leaves() {
    let app = start().await;
    let discovery = app.get("/.well-known/openid-configuration").send().await;
    let discovery: Value = discovery.unwrap().json().await.unwrap();
    let endpoint = format!("{}/register", app.issuer);
    assert_eq!(discovery["registration_endpoint"], endpoint);
    let made = initial_access_token(&app, &["--note", "laboratoire"]).await;
    let initial = text(&made, "initial_access_token");

    let response = register(&app, &initial, &metadata()).await;
    assert_eq!(response.status(), 201);
    assert_eq!(header(&response, "cache-control"), "no-store");
    let registered: Value = response.json().await.unwrap();
    assert_eq!(registered["client_name"], "Laboratoire du Port");
    assert_eq!(registered["scope"], "openid professional profile");
    assert_eq!(registered["grant_types"], json!(["authorization_code"]));
    assert_eq!(registered["response_types"], json!(["code"]));
    assert_eq!(
        registered["token_endpoint_auth_method"],
        "client_secret_basic"
    );
    assert_eq!(registered["client_secret_expires_at"], 0);
    assert!(registered["client_id_issued_at"].as_i64().unwrap() > 0);
    assert!(
        registered.get("logo_uri").is_none(),
        "nothing is claimed that is not kept"
    );
    let secret = text(&registered, "client_secret");
    // Known at once, without waiting for a look at the database.
    assert_eq!(
        token_error(&app, &registered, &secret).await,
        "invalid_grant"
    );

    let manager = text(&registered, "registration_access_token");
    let read = manage(&app, &registered, (Method::GET, &manager), None).await;
    let read: Value = read.json().await.unwrap();
    assert_eq!(read["client_id"], registered["client_id"]);
    assert_eq!(read["registration_access_token"], manager.as_str());
    assert!(
        read.get("client_secret").is_none(),
        "only its digest is kept"
    );

    let manager = change(&app, &registered, (&manager, &secret)).await;
    let listed = app.operate(&["list"]).await;
    let lines = listed["clients"].as_array().unwrap();
    let mine = lines
        .iter()
        .find(|it| it["client_id"] == registered["client_id"]);
    assert_eq!(mine.unwrap()["self_registered_with"], made["id"]);

    let gone = manage(&app, &registered, (Method::DELETE, &manager), None).await;
    assert_eq!(gone.status(), 204);
    assert_eq!(
        token_error(&app, &registered, &secret).await,
        "invalid_client"
    );
    let gone = manage(&app, &registered, (Method::GET, &manager), None).await;
    assert_eq!(gone.status(), 401);
    assert_on_record(&app, &[&secret, &initial, &manager]).await;
}

/// Changes the registration, and gives the token that manages it from then on.
async fn change(app: &TestApp, registered: &Value, (manager, secret): (&str, &str)) -> String {
    let changed = json!({
        "client_id": registered["client_id"],
        "client_secret": secret,
        "client_name": "Laboratoire de la Gare",
        "redirect_uris": [REDIRECT_URI, "https://portal.example.test/other"],
        "grant_types": ["authorization_code", "refresh_token"],
    });
    let put = manage(app, registered, (Method::PUT, manager), Some(&changed)).await;
    assert_eq!(put.status(), 200);
    let put: Value = put.json().await.unwrap();
    assert_eq!(put["client_name"], "Laboratoire de la Gare");
    assert!(
        put.get("client_secret").is_none(),
        "it keeps the one that it has"
    );
    assert_eq!(token_error(app, registered, secret).await, "invalid_grant");
    // The replaced token is worth nothing.
    let old = manage(app, registered, (Method::GET, manager), None).await;
    assert_eq!(old.status(), 401);
    text(&put, "registration_access_token")
}

/// What happened stands there with who did it, and without a secret.
async fn assert_on_record(app: &TestApp, secrets: &[&String]) {
    let events = app.events().await;
    for (kind, by) in [
        ("initial_access_token.issued", "\"uid\":"),
        ("client.added", "\"by\":{\"initial_access_token\":\"iat-"),
        ("client.changed", "\"by\":{\"client\":"),
        ("client.removed", "\"by\":{\"client\":"),
    ] {
        let event = events.iter().find(|event| event.kind == kind).unwrap();
        assert!(event.details.contains(by), "{kind}: {}", event.details);
        for secret in secrets {
            assert!(!event.details.contains(secret.as_str()), "{kind}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_registers_without_a_good_initial_access_token() {
    let app = start().await;
    let expected = |code: &str| {
        (
            401,
            format!("error=\"invalid_token\", error_description=\"{code}"),
        )
    };
    let told = async |token: &str| {
        let response = register(&app, token, &metadata()).await;
        let challenge = header(&response, "www-authenticate");
        let begins = challenge.find("error=").unwrap_or_default();
        let challenge = challenge[begins..].split(':').next().unwrap().to_owned();
        (response.status().as_u16(), challenge)
    };
    let invalid = expected("provider.initial_access_token_invalid");
    let none = app
        .post("/register")
        .json(&metadata())
        .send()
        .await
        .unwrap();
    assert_eq!(none.status(), 401);
    let long = "x".repeat(4000);
    for token in ["no-such-token", long.as_str()] {
        assert_eq!(told(token).await, invalid, "{token}");
    }
    let once = token(&app, &[]).await;
    assert_eq!(register(&app, &once, &metadata()).await.status(), 201);
    let used_up = expected("provider.initial_access_token_used_up");
    assert_eq!(told(&once).await, used_up);
    let made = initial_access_token(&app, &["--uses", "5"]).await;
    app.operate(&["revoke-initial-access-token", &text(&made, "id")])
        .await;
    let revoked = expected("provider.initial_access_token_revoked");
    assert_eq!(told(&text(&made, "initial_access_token")).await, revoked);
    let brief = token(&app, &["--expires", "1s"]).await;
    tokio::time::sleep(std::time::Duration::from_millis(2100)).await;
    let expired = expected("provider.initial_access_token_expired");
    assert_eq!(told(&brief).await, expired);
    let listed = app.operate(&["list-initial-access-tokens"]).await;
    let listed = listed["initial_access_tokens"].as_array().unwrap();
    assert_eq!(listed.len(), 3);
    assert!(!format!("{listed:?}").contains(&once));
}

const METADATA: &str = "provider.client_metadata_invalid";
const ADDRESS: &str = "provider.client_redirect_uri_invalid";

/// Members that lead somewhere unsafe, or deceive people.
fn unsafe_addresses_and_names() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        ("redirect_uris", json!(["javascript:alert(1)"]), ADDRESS),
        (
            "redirect_uris",
            json!(["http://portal.example.test/cb"]),
            ADDRESS,
        ),
        ("redirect_uris", json!(["https://a.test/cb#x"]), ADDRESS),
        ("redirect_uris", json!([1]), ADDRESS),
        ("redirect_uris", json!([]), ADDRESS),
        ("client_name", json!(null), METADATA),
        ("client_name", json!("x".repeat(81)), METADATA),
        ("client_name", json!("La\u{202e}bo"), METADATA),
        ("client_name", json!("L\u{430}bo"), METADATA),
        ("client_name", json!("NATIVE"), "provider.client_name_taken"),
    ]
}

/// Members of what is not spoken here, or would be fetched.
fn other_protocols() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        ("grant_types", json!(["implicit"]), METADATA),
        ("grant_types", json!(["client_credentials"]), ADDRESS),
        ("response_types", json!(["code id_token"]), METADATA),
        (
            "token_endpoint_auth_method",
            json!("client_secret_jwt"),
            METADATA,
        ),
        (
            "token_endpoint_auth_method",
            json!("private_key_jwt"),
            METADATA,
        ),
        (
            "token_endpoint_auth_method",
            json!("self_signed_tls_client_auth"),
            METADATA,
        ),
        (
            "tls_client_certificate_bound_access_tokens",
            json!(true),
            METADATA,
        ),
        ("token_endpoint_auth_signing_alg", json!("HS256"), METADATA),
        ("jwks_uri", json!("http://169.254.169.254/"), METADATA),
        ("sector_identifier_uri", json!("https://a.test/"), METADATA),
        ("request_uris", json!(["https://a.test/"]), METADATA),
        (
            "backchannel_logout_uri",
            json!("https://169.254.169.254/"),
            METADATA,
        ),
        (
            "frontchannel_logout_uri",
            json!("https://a.test/"),
            METADATA,
        ),
    ]
}

/// Members of answers that are not given here, or not to this client.
fn other_answers() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        (
            "id_token_encrypted_response_alg",
            json!("RSA-OAEP"),
            METADATA,
        ),
        ("id_token_signed_response_alg", json!("none"), METADATA),
        ("scope", json!("openid cardea:admin"), METADATA),
        ("scope", json!("openid offline_access"), METADATA),
        ("default_max_age", json!(60), METADATA),
        ("application_type", json!("desktop"), METADATA),
        ("subject_type", json!("secret"), METADATA),
        (
            "jwks",
            json!({ "keys": [{ "kty": "oct", "k": "AA" }] }),
            METADATA,
        ),
        (
            "software_statement",
            json!("eyJhbGciOiJub25lIn0.e30."),
            "provider.software_statement_unapproved",
        ),
    ]
}

/// Attacks E4, H4 and D8 by a client that registers itself.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_offered_is_refused_with_its_reason_and_spends_nothing() {
    let app = start().await;
    let token = token(&app, &["--uses", "1"]).await;
    let refusals = unsafe_addresses_and_names();
    let refusals = refusals.into_iter().chain(other_protocols());
    for (member, value, code) in refusals.chain(other_answers()) {
        let mut sent = metadata();
        sent[member] = value.clone();
        let (status, error, told) = refused(register(&app, &token, &sent).await).await;
        assert_eq!((status, told.as_str()), (400, code), "{member} {value}");
        let expected = match code {
            "provider.client_redirect_uri_invalid" => "invalid_redirect_uri",
            "provider.software_statement_unapproved" => "unapproved_software_statement",
            _ => "invalid_client_metadata",
        };
        assert_eq!(error, expected, "{member} {value}");
    }
    let malformed = app.post("/register").bearer_auth(&token).body("{");
    let malformed = malformed.header("Content-Type", "application/json");
    assert_eq!(malformed.send().await.unwrap().status(), 400);
    // None of it was one of the token's uses.
    assert_eq!(register(&app, &token, &metadata()).await.status(), 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limits_of_the_initial_access_token_hold_now_and_later() {
    let app = start().await;
    let arguments = ["--scope", "openid", "--allowed-host", "portal.example.test"];
    let token = token(&app, &arguments).await;
    let mut wide = metadata();
    wide["scope"] = json!("openid profile");
    let (_, error, _) = refused(register(&app, &token, &wide).await).await;
    assert_eq!(error, "invalid_client_metadata");
    let mut elsewhere = metadata();
    elsewhere["redirect_uris"] = json!(["https://evil.example.test/callback"]);
    let (_, error, _) = refused(register(&app, &token, &elsewhere).await).await;
    assert_eq!(error, "invalid_redirect_uri");
    let registered = register(&app, &token, &metadata()).await;
    let registered: Value = registered.json().await.unwrap();
    let manager = text(&registered, "registration_access_token");
    for (member, value) in [
        ("scope", json!("openid profile")),
        (
            "redirect_uris",
            json!(["https://evil.example.test/callback"]),
        ),
        ("client_secret", json!("of-my-own-choice-0123456789")),
        ("registration_access_token", json!(manager)),
        ("client_id", json!("portal")),
    ] {
        let mut sent = metadata();
        sent["client_id"] = registered["client_id"].clone();
        sent[member] = value;
        let put = manage(&app, &registered, (Method::PUT, &manager), Some(&sent)).await;
        assert_eq!(put.status(), 400, "{member}");
    }
    // A refused change has cost neither the registration nor its token.
    let read = manage(&app, &registered, (Method::GET, &manager), None).await;
    assert_eq!(read.status(), 200);
    // The token of one client says nothing at another, whether there is one or not.
    for client_id in ["portal", "no-such-client"] {
        let url = app.url(&format!("/register/{client_id}"));
        let get = app.client.get(url).bearer_auth(&manager);
        assert_eq!(get.send().await.unwrap().status(), 401, "{client_id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_word_there_is_no_registration() {
    let app = TestApp::start().await;
    let response = register(&app, "x", &metadata()).await;
    assert_eq!(response.status(), 404);
    let discovery = app.get("/.well-known/openid-configuration").send().await;
    let discovery: Value = discovery.unwrap().json().await.unwrap();
    assert!(discovery.get("registration_endpoint").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_node_knows_a_client_that_registered_itself() {
    let app = start().await;
    let (other, base_url) = app.serve_beside().await;
    let token = token(&app, &[]).await;
    let registered = register(&app, &token, &metadata()).await;
    let registered: Value = registered.json().await.unwrap();
    let begun = tokio::time::Instant::now();
    let url = format!("{base_url}/token");
    loop {
        let form = [("grant_type", "authorization_code"), ("code", "none")];
        let post = app.client.post(&url).basic_auth(
            text(&registered, "client_id"),
            Some(text(&registered, "client_secret")),
        );
        let body: Value = post.form(&form).send().await.unwrap().json().await.unwrap();
        if body["error"] != "invalid_client" {
            break;
        }
        assert!(begun.elapsed().as_secs() < 60, "not known in time");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    other.stop();
}

/// As the library of a portal that others wrote does it.
#[tokio::test(flavor = "multi_thread")]
async fn openid_client_registers_pushes_a_request_and_leaves() {
    const HINT: &str = "`cargo xtask install --for test` installs Node.js and openid-client";
    let app = start().await;
    let token = token(&app, &[]).await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let clients = root.join("target/clients");
    // Node.js looks for packages beside the file that imports them.
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("register.mjs");
    std::fs::copy(root.join("crates/e2e/clients/node/register.mjs"), &script).unwrap();
    let modules = clients.join("node/node_modules");
    let modules = std::fs::canonicalize(modules).expect(HINT);
    std::os::unix::fs::symlink(modules, folder.path().join("node_modules")).unwrap();
    let installed = clients.join("node-runtime/node_modules/.bin/node");
    let program = if installed.exists() {
        installed
    } else {
        "node".into()
    };
    let mut node = Command::new(program);
    node.arg(&script)
        .env("ISSUER", &app.issuer)
        .env("REDIRECT_URI", REDIRECT_URI)
        .env("INITIAL_ACCESS_TOKEN", token);
    let output = tokio::task::spawn_blocking(move || node.output().expect(HINT));
    let output = output.await.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let address = text(&told, "address");
    assert!(address.contains("request_uri="), "{address}");
    let client_id = text(&told["registered"], "client_id");
    assert!(address.contains(&client_id), "{address}");
    assert_eq!(told["read"]["client_name"], "Portail openid-client");
    assert_eq!(
        (&told["removed"], &told["gone"]),
        (&json!(204), &json!(401))
    );
}

/// Attack M1: which workstations count is the operator's word alone, at the registration and after.
#[tokio::test(flavor = "multi_thread")]
async fn m1_a_client_that_registers_itself_does_not_say_which_workstations_count() {
    let app = start().await;
    let initial = token(&app, &["--instances", "known"]).await;
    let mut asked = metadata();
    asked["instances"] = json!("any");
    let response = register(&app, &initial, &asked).await;
    assert_eq!(response.status(), 201);
    let registered: Value = response.json().await.unwrap();
    assert!(registered.get("instances").is_none(), "{registered}");
    let client_id = text(&registered, "client_id");
    let policy = async || {
        let shown = app.operate(&["show", &client_id]).await;
        shown["registration"]["instances"].clone()
    };
    assert_eq!(policy().await, "known");
    let manager = text(&registered, "registration_access_token");
    asked["client_id"] = json!(client_id);
    asked["client_name"] = json!("Laboratoire du Phare");
    let put = manage(&app, &registered, (Method::PUT, &manager), Some(&asked)).await;
    assert_eq!(put.status(), 200);
    assert_eq!(policy().await, "known");
}
