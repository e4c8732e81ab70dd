//! Bounds and methods (attacks H10, H13).

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::relying_party::Request;
use crate::test_app::{TestApp, header, problem_code};

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
        let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut answer));
        let length = read.await.unwrap().unwrap_or(0);
        let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 400"),
            "{answer}"
        );
    }
}
