//! Bounds and methods (attacks H10, H13).

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::card::Card;
use crate::relying_party::{Request, sign_in};
use crate::test_app::{Changes, PUBLIC_CLIENT_ID, TestApp, header, problem_code};

#[tokio::test]
async fn addresses_take_their_methods_alone() {
    let app = TestApp::start().await;
    let cases = [
        ("/authorize", "PUT"),
        ("/authorize", "HEAD"),
        ("/authorize", "TRACE"),
        ("/token", "GET"),
        ("/token", "PUT"),
        ("/login/x/assertion", "GET"),
        ("/userinfo", "DELETE"),
        ("/jwks", "POST"),
        ("/logout", "HEAD"),
    ];
    for (path, method) in cases {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let response = app
            .client
            .request(method.clone(), app.url(path))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 405, "{method} {path}");
        assert_eq!(header(&response, "set-cookie"), "", "{method} {path}");
        assert_eq!(
            header(&response, "cache-control"),
            "no-store",
            "{method} {path}"
        );
    }
    let response = app
        .client
        .request(Method::PUT, app.url("/token"))
        .send()
        .await
        .unwrap();
    assert_eq!(header(&response, "allow"), "POST");
}

/// Clients' libraries read RFC 6749 section 5.2 from these endpoints, whatever went wrong.
#[tokio::test]
async fn a_wrong_method_at_an_oauth_endpoint_is_an_oauth_error_in_english() {
    let app = TestApp::start().await;
    for path in [
        "/par",
        "/token",
        "/introspect",
        "/revoke",
        "/card-grant/challenge",
    ] {
        let request = app.get(path).header("Accept-Language", "fr");
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 405, "{path}");
        assert_eq!(header(&response, "allow"), "POST", "{path}");
        assert_eq!(header(&response, "content-type"), "application/json");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["error"], "invalid_request", "{path}");
        let description = body["error_description"].as_str().unwrap();
        assert!(
            description.starts_with("server.method_not_allowed: the address takes another method"),
            "{description}"
        );
    }
    let page = app.get("/login/x/assertion").send().await.unwrap();
    assert_eq!(
        header(&page, "content-type"),
        "application/problem+json",
        "scripts read problem details"
    );
}

#[tokio::test]
async fn foreign_pages_get_no_cors_permission() {
    let app = TestApp::start().await;
    for path in ["/token", "/userinfo", "/login/x/challenge"] {
        let preflight = app
            .client
            .request(Method::OPTIONS, app.url(path))
            .header("Origin", "https://evil.test")
            .header("Access-Control-Request-Method", "POST");
        let response = preflight.send().await.unwrap();
        assert_eq!(response.status(), 405, "{path}");
        assert_eq!(
            header(&response, "access-control-allow-origin"),
            "",
            "{path}"
        );
    }
}

#[tokio::test]
async fn long_bodies_are_refused_before_they_are_parsed() {
    let app = TestApp::start().await;
    let login = Request::new().begin(&app).await;
    let body = json!({ "assertion": "x".repeat(64 * 1024), "attestation": "x" });
    let response = login.post_assertion(&app, &body).await;
    assert_eq!(response.status(), 413);
    assert_eq!(problem_code(response).await, "server.body_too_large");
}

#[tokio::test]
async fn json_is_read_strictly() {
    let app = TestApp::start().await;
    let login = Request::new().begin(&app).await;
    for body in [
        json!({}),
        json!([]),
        json!({ "assertion": 1, "attestation": "x" }),
        json!({ "assertion": "x", "attestation": "x", "origin": "https://evil.test" }),
    ] {
        let response = login.post_assertion(&app, &body).await;
        assert_eq!(
            problem_code(response).await,
            "server.request_malformed",
            "{body}"
        );
    }
}

/// A refusal costs a look at the database, and often a write.
#[tokio::test]
async fn refusals_of_one_address_are_bounded_at_every_endpoint() {
    let changes = Changes::limiting("refusals_per_address_and_minute = 2");
    let app = TestApp::start_with(changes).await;
    let request = Request::new();
    let login = request.begin(&app).await;
    let assertion = json!({ "assertion": "a.b.c", "attestation": "a.b.c" });
    let userinfo = async || app.get("/userinfo").bearer_auth("a.b.c").send().await;
    let token = async || {
        let mut form = request.token_form("garbage");
        form.push(("client_id", PUBLIC_CLIENT_ID.to_owned()));
        app.post("/token").form(&form).send().await
    };
    for expected in [[403, 401, 400], [403, 401, 400], [429; 3]] {
        let statuses = [
            login.post_assertion(&app, &assertion).await.status(),
            userinfo().await.unwrap().status(),
            token().await.unwrap().status(),
        ];
        assert_eq!(statuses.map(|status| status.as_u16()), expected);
    }
    assert_eq!(app.count_events("login.refused").await, 2);
}

#[tokio::test]
async fn what_succeeds_is_not_counted_as_refused() {
    let changes = Changes::limiting("refusals_per_address_and_minute = 1");
    let app = TestApp::start_with(changes).await;
    for _ in 0..3 {
        let request = Request::new();
        let signed_in = sign_in(&app, &request, &Card::pharmacist(&app)).await;
        let tokens: Value = request
            .redeem(&app, &signed_in.code)
            .await
            .json()
            .await
            .unwrap();
        let token = tokens["access_token"].as_str().unwrap();
        let userinfo = app
            .get("/userinfo")
            .bearer_auth(token)
            .send()
            .await
            .unwrap();
        assert_eq!(userinfo.status(), 200);
    }
}

#[tokio::test]
async fn challenges_of_one_address_are_bounded() {
    let changes = Changes::limiting("challenges_per_address_and_minute = 1");
    let app = TestApp::start_with(changes).await;
    Request::new().begin(&app).await.challenge(&app).await;
    let login = Request::new().begin(&app).await;
    let challenge = app.post_json(&login.path("/challenge"), &login.cookie, &json!({}));
    let response = challenge.send().await.unwrap();
    assert_eq!(problem_code(response).await, "server.too_many_requests");
}

/// Attack H9, as a listener on `[::]` and a proxy see addresses.
#[tokio::test]
async fn subscribers_behind_a_proxy_are_counted_apart() {
    let changes =
        Changes::limiting("per_address_and_minute = 1\nclient_address = \"x_forwarded_for\"");
    let app = TestApp::start_with(changes).await;
    let begin = async |address: &str| {
        let request = app
            .get("/authorize")
            .header("X-Forwarded-For", address)
            .query(&Request::new().parameters);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(begin("::ffff:192.0.2.1").await, 303);
    assert_eq!(begin("::ffff:192.0.2.2").await, 303);
    assert_eq!(begin("192.0.2.2").await, 429);
}

#[tokio::test]
async fn smuggling_and_bad_heads_are_refused() {
    let app = TestApp::start().await;
    let address = app.issuer.trim_start_matches("http://").to_owned();
    let cases = [
        "POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
        "GET /jwks HTTP/1.1\r\nHost: x\r\nA: b\u{0}c\r\n\r\n",
        "GET /jwks HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n",
    ];
    for head in cases {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = vec![0; 64];
        let read = tokio::time::timeout(Duration::from_secs(60), stream.read(&mut answer));
        let length = read.await.unwrap().unwrap_or(0);
        let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 400"),
            "{answer}"
        );
    }
}
