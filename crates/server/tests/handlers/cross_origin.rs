//! Pages of public clients read answers; nobody else's do (attack H13).

use reqwest::{Method, Response};

use crate::test_app::{TestApp, header};

/// The origin of the public client's redirect URI.
const OWN: &str = "https://portal.example.test";
const PATHS: [&str; 4] = ["/par", "/token", "/userinfo", "/revoke"];

async fn preflight(app: &TestApp, path: &str, origin: &str) -> Response {
    let request = app
        .client
        .request(Method::OPTIONS, app.url(path))
        .header("Origin", origin)
        .header("Access-Control-Request-Method", "POST")
        .header("Access-Control-Request-Headers", "dpop");
    request.send().await.unwrap()
}

#[tokio::test]
async fn a_page_of_a_public_client_reads_what_the_client_may_read() {
    let app = TestApp::start().await;
    for path in PATHS {
        let response = preflight(&app, path, OWN).await;
        assert_eq!(response.status(), 204, "{path}");
        assert_eq!(header(&response, "access-control-allow-origin"), OWN);
        assert!(header(&response, "access-control-allow-headers").contains("dpop"));
        let answer = app.post(path).header("Origin", OWN);
        let answer = answer.form(&[("grant_type", "x")]).send().await.unwrap();
        assert_eq!(
            header(&answer, "access-control-allow-origin"),
            OWN,
            "{path}"
        );
        assert_eq!(header(&answer, "vary"), "Origin");
        // Cookies never come along, so there is nothing to abuse in the person's name.
        assert_eq!(header(&answer, "access-control-allow-credentials"), "");
    }
}

#[tokio::test]
async fn other_pages_read_nothing_and_nobody_reads_the_login() {
    let app = TestApp::start().await;
    let foreign = [
        "https://evil.test",
        "null",
        "https://portal.example.test.evil.test",
        "https://portal.example.test:8443",
        "http://portal.example.test",
        "HTTPS://PORTAL.EXAMPLE.TEST",
    ];
    for path in PATHS {
        for origin in foreign {
            let response = preflight(&app, path, origin).await;
            assert_eq!(response.status(), 405, "{path} {origin}");
            assert_eq!(header(&response, "access-control-allow-origin"), "");
        }
        let answer = app.post(path).header("Origin", "https://evil.test");
        let answer = answer.send().await.unwrap();
        assert_eq!(header(&answer, "access-control-allow-origin"), "");
    }
    for path in ["/authorize", "/login/x/challenge", "/introspect", "/logout"] {
        let response = preflight(&app, path, OWN).await;
        assert_eq!(response.status(), 405, "{path}");
        assert_eq!(header(&response, "access-control-allow-origin"), "");
    }
}
