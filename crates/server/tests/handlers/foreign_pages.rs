//! A foreign page makes its visitors ask for nothing that their address is counted for (attack H9).

use reqwest::RequestBuilder;
use serde_json::Value;

use crate::relying_party::Request;
use crate::test_app::{Changes, PUBLIC_CLIENT_ID, TestApp, header};

/// The origin of the public client's redirect URI.
const OWN: &str = "https://portal.example.test";
const PATHS: [&str; 6] = [
    "/token",
    "/par",
    "/introspect",
    "/revoke",
    "/userinfo",
    "/card-grant/challenge",
];

async fn limited() -> TestApp {
    let limits = "per_address_and_minute = 1\nchallenges_per_address_and_minute = 1\n\
                  refusals_per_address_and_minute = 1";
    TestApp::start_with(Changes::limiting(limits)).await
}

/// As a browser sends it.
fn fetched(request: RequestBuilder, site: &str, mode: &str, dest: &str) -> RequestBuilder {
    request
        .header("Sec-Fetch-Site", site)
        .header("Sec-Fetch-Mode", mode)
        .header("Sec-Fetch-Dest", dest)
}

#[tokio::test]
async fn h9_images_frames_and_scripts_begin_no_login_and_are_not_counted() {
    let app = limited().await;
    let request = Request::new();
    for (mode, dest) in [
        ("no-cors", "image"),
        ("cors", "empty"),
        ("navigate", "iframe"),
        ("navigate", "object"),
    ] {
        let get = app.get("/authorize").query(&request.parameters);
        let post = app.post("/authorize").form(&request.parameters);
        for begin in [get, post] {
            let refused = fetched(begin, "cross-site", mode, dest).send().await;
            let refused = refused.unwrap();
            assert_eq!(refused.status(), 403, "{mode} {dest}");
            assert_eq!(header(&refused, "set-cookie"), "");
            let page = refused.text().await.unwrap();
            assert!(page.contains("server.origin_refused"), "{page}");
        }
    }
    assert_eq!(app.count_events("authorization.begun").await, 0);
    let visit = app.get("/authorize").query(&request.parameters);
    let visit = fetched(visit, "cross-site", "navigate", "document");
    assert_eq!(visit.send().await.unwrap().status(), 303);
    assert_eq!(request.send(&app).await.status(), 429, "it was counted");
}

#[tokio::test]
async fn h9_foreign_pages_send_nothing_to_the_endpoints_for_clients() {
    let form = [("client_id", PUBLIC_CLIENT_ID), ("access_token", "a.b.c")];
    for path in PATHS {
        let app = limited().await;
        for origin in ["https://evil.test", "null"] {
            for site in ["cross-site", "same-site"] {
                let sent = app.post(path).header("Origin", origin).form(&form);
                let sent = fetched(sent, site, "no-cors", "empty").send().await;
                let refused = sent.unwrap();
                assert_eq!(refused.status(), 403, "{path}");
                let body: Value = refused.json().await.unwrap();
                assert_eq!(body["error"], "invalid_request", "{path}");
                let uri = body["error_uri"].as_str().unwrap();
                assert!(uri.ends_with("/server.origin_refused"), "{uri}");
            }
        }
        // The page of a public client, and software that is no browser, are heard and counted.
        let own = app.post(path).header("Origin", OWN).form(&form);
        let own = fetched(own, "cross-site", "cors", "empty").send().await;
        let heard = own.unwrap().status().as_u16();
        assert!(!matches!(heard, 403 | 429), "{path}: {heard}");
    }
}
