//! Every refusal for now says when to come back, in whichever form it has (RFC 6585 section 4).

use reqwest::{RequestBuilder, Response};
use serde_json::json;
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;

use crate::card::{Card, PresenceConnection};
use crate::relying_party::{Login, Request, sign_in};
use crate::test_app::{CLIENT_ID, CLIENT_SECRET, Changes, PUBLIC_CLIENT_ID, TestApp, header};

/// One event a minute at each endpoint.
const LIMITS: &str = "per_address_and_minute = 1\nchallenges_per_address_and_minute = 1\n\
                      refusals_per_address_and_minute = 1";

/// A wait of more than nothing and less than a login page lives.
fn check_wait(response: &Response, name: &str) {
    let wait = header(response, "retry-after");
    let seconds: u32 = wait.parse().unwrap_or_default();
    assert!((1..600).contains(&seconds), "{name}: `{wait}`");
}

/// What anybody can send, and what the caller reads refusals in.
fn requests<'a>(app: &'a TestApp, login: &'a Login) -> Vec<(&'static str, RequestBuilder)> {
    let foreign = format!("{}x", login.cookie);
    let page = |path: &str| app.get(&login.path(path)).header("Cookie", &foreign);
    let public = [("client_id", PUBLIC_CLIENT_ID)];
    let nobody = [("client_id", "nobody"), ("token", "guess")];
    let consent = format!("/consent/{}", login.id);
    let nothing = json!({ "assertion": "a.b.c", "attestation": "a.b.c" });
    let form = |path: &str, fields: &[(&str, &str)]| {
        let post = app.post(path).header("Origin", &app.issuer);
        post.header("Cookie", format!("{foreign}; cardea_session=guess"))
            .form(fields)
    };
    let answer = [("answer", "allow"), ("shown", "x")];
    vec![
        ("authorize", app.get("/authorize").query(&public)),
        ("push", form("/par", &public)),
        ("token", form("/token", &nobody)),
        ("introspection", form("/introspect", &nobody)),
        ("revocation", form("/revoke", &nobody)),
        ("card grant", form("/card-grant/challenge", &public)),
        ("userinfo", app.get("/userinfo").bearer_auth("a.b.c")),
        ("login page", page("")),
        ("answer", page("/answer")),
        ("consent page", app.get(&consent).header("Cookie", &foreign)),
        ("consent", form(&consent, &answer)),
        ("logout", form("/logout", &[("confirmed", "yes")])),
        (
            "challenge",
            app.post_json(&login.path("/challenge"), &foreign, &json!({})),
        ),
        (
            "assertion",
            app.post_json(&login.path("/assertion"), &foreign, &nothing),
        ),
        ("health", app.get("/healthz")),
    ]
}

#[tokio::test]
async fn h9_whoever_asks_too_often_learns_when_to_come_back() {
    let mut changes = Changes::limiting(LIMITS);
    changes.replace.push((
        "wait_seconds = 2",
        "wait_seconds = 2\nunclaimed_per_address_max = 1".to_owned(),
    ));
    let app = TestApp::start_with(changes).await;
    let login = Request::new().begin(&app).await;
    for (_, request) in requests(&app, &login) {
        request.send().await.unwrap();
    }
    for (name, request) in requests(&app, &login) {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 429, "{name}");
        check_wait(&response, name);
        // Nobody is told to come back with a secret, or to prove anything else first.
        assert_eq!(header(&response, "cache-control"), "no-store", "{name}");
    }
    let _held = PresenceConnection::open(&app).await;
    let second = app
        .get("/presence")
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==");
    let response = second.send().await.unwrap();
    assert_eq!(response.status(), 429);
    check_wait(&response, "presence");
}

#[tokio::test]
async fn h9_where_all_places_are_taken_a_page_says_so() {
    let app = TestApp::start_with(Changes::limiting("waiting_logins_max = 2")).await;
    for _ in 0..2 {
        Request::new().begin(&app).await;
    }
    let refused = Request::new().send(&app).await;
    assert_eq!(refused.status(), 503);
    assert_eq!(header(&refused, "retry-after"), "120");
    assert_eq!(header(&refused, "location"), "");
    let page = refused.text().await.unwrap();
    assert!(
        page.contains("provider.waiting_logins_limit_reached"),
        "{page}"
    );
    assert_eq!(app.count_events("authorization.refused").await, 0);
}

async fn break_database(app: &TestApp, statements: &[&'static str]) {
    let file = app.folder().join("cardea.sqlite");
    let options = SqliteConnectOptions::new().filename(file);
    let database = SqlitePool::connect_with(options).await.unwrap();
    for statement in statements {
        sqlx::query(*statement).execute(&database).await.unwrap();
    }
    database.close().await;
}

/// Attack H16.
#[tokio::test]
async fn h16_without_a_database_every_endpoint_says_503_and_when_to_come_back() {
    let app = TestApp::start().await;
    let signed_in = sign_in(&app, &Request::new(), &Card::pharmacist(&app)).await;
    let request = Request::new();
    let login = request.begin(&app).await;
    let statements = [
        "ALTER TABLE authorization_request RENAME TO gone_1",
        "ALTER TABLE authorization_code RENAME TO gone_2",
        "ALTER TABLE access_grant RENAME TO gone_3",
        "ALTER TABLE session RENAME TO gone_4",
        "ALTER TABLE pushed_authorization_request RENAME TO gone_5",
        "ALTER TABLE event RENAME TO gone_6",
    ];
    break_database(&app, &statements).await;
    let client = |path: &str| app.post(path).basic_auth(CLIENT_ID, Some(CLIENT_SECRET));
    let page = |path: &str| app.get(&login.path(path)).header("Cookie", &login.cookie);
    let cases = [
        (
            "authorize",
            app.get("/authorize").query(&Request::new().parameters),
        ),
        ("push", client("/par").form(&Request::new().parameters)),
        (
            "token",
            client("/token").form(&request.token_form(&signed_in.code)),
        ),
        ("login page", page("")),
        (
            "challenge",
            app.post_json(&login.path("/challenge"), &login.cookie, &json!({})),
        ),
    ];
    for (name, request) in cases {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 503, "{name}");
        check_wait(&response, name);
    }
}

/// Attack H16: an event that cannot be written takes its effect along.
#[tokio::test]
async fn h16_no_login_and_no_token_without_its_event() {
    let app = TestApp::start().await;
    let request = Request::new();
    let signed_in = sign_in(&app, &request, &Card::pharmacist(&app)).await;
    let full = "CREATE TRIGGER full BEFORE INSERT ON event
                BEGIN SELECT RAISE(ABORT, 'the disk is full'); END";
    break_database(&app, &[full]).await;
    let refused = request.redeem(&app, &signed_in.code).await;
    assert_eq!(refused.status(), 503);
    check_wait(&refused, "token");
    let body: serde_json::Value = refused.json().await.unwrap();
    assert_eq!(body["error"], "temporarily_unavailable");
    let refused = Request::new().send(&app).await;
    assert_eq!(refused.status(), 503);
    assert_eq!(header(&refused, "set-cookie"), "");

    // What was undone was undone whole: the code is as good as before.
    break_database(&app, &["DROP TRIGGER full"]).await;
    let tokens = request.redeem(&app, &signed_in.code).await;
    assert_eq!(tokens.status(), 200);
    assert_eq!(app.count_events("tokens.issued").await, 1);
}
