//! What changes when browsers come over TLS (attacks H12, E17).

use serde_json::json;

use crate::relying_party::Request;
use crate::test_app::{Changes, TestApp, header};

const ISSUER: &str = "https://login.example.test";

#[tokio::test]
async fn cookies_have_the_host_prefix_and_tls_is_demanded_for_good() {
    let app = TestApp::start_with(Changes::behind_proxy(ISSUER)).await;
    let response = Request::new().send(&app).await;
    assert_eq!(response.status(), 303);
    assert_eq!(
        header(&response, "strict-transport-security"),
        "max-age=63072000"
    );
    let cookie = header(&response, "set-cookie");
    assert!(cookie.starts_with("__Host-cardea-login-"), "{cookie}");
    assert!(
        cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=600"),
        "{cookie}"
    );
    assert!(!cookie.contains("Domain"), "{cookie}");
}

#[tokio::test]
async fn a_cookie_without_the_prefix_is_nobodys() {
    let app = TestApp::start_with(Changes::behind_proxy(ISSUER)).await;
    let login = Request::new().begin(&app).await;
    let path = login.path("/challenge");
    let good = app
        .post_json(&path, &login.cookie, &json!({}))
        .send()
        .await
        .unwrap();
    assert_eq!(good.status(), 200);
    let planted = login.cookie.trim_start_matches("__Host-");
    let planted = app
        .post_json(&path, planted, &json!({}))
        .send()
        .await
        .unwrap();
    assert_eq!(planted.status(), 403);
}
