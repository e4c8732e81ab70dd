//! Addresses that are almost a registered one (attack E1), at every door: by GET, by POST and
//! pushed.

use reqwest::Response;
use serde_json::Value;

use crate::relying_party::Request;
use crate::test_app::{CLIENT_ID, CLIENT_SECRET, Changes, TestApp, header};

/// Each way in which an address may differ from `https://portal.example.test/callback`.
const ALMOST: &[(&str, &str)] = &[
    ("unregistered", "https://evil.test/callback"),
    ("prefix", "https://portal.example.test/call"),
    ("the host alone", "https://portal.example.test"),
    ("suffix", "https://portal.example.test/callback/more"),
    (
        "suffix of the name",
        "https://portal.example.test/callbackx",
    ),
    (
        "suffix of the host",
        "https://portal.example.test.evil.test/callback",
    ),
    (
        "prefix of the host",
        "https://evil-portal.example.test/callback",
    ),
    ("subdomain", "https://x.portal.example.test/callback"),
    ("added query", "https://portal.example.test/callback?x=1"),
    ("empty query", "https://portal.example.test/callback?"),
    ("fragment", "https://portal.example.test/callback#x"),
    ("empty fragment", "https://portal.example.test/callback#"),
    ("other port", "https://portal.example.test:8443/callback"),
    (
        "the port by default",
        "https://portal.example.test:443/callback",
    ),
    ("other scheme", "http://portal.example.test/callback"),
    ("scheme of an app", "portal.example.test:/callback"),
    ("no scheme", "//portal.example.test/callback"),
    ("no host", "/callback"),
    ("userinfo", "https://portal.example.test@evil.test/callback"),
    (
        "userinfo of ours",
        "https://evil.test@portal.example.test/callback",
    ),
    (
        "userinfo and port",
        "https://portal.example.test:443@evil.test/callback",
    ),
    ("..", "https://portal.example.test/x/../callback"),
    (".", "https://portal.example.test/./callback"),
    (
        "out of the path",
        "https://portal.example.test/callback/../evil",
    ),
    ("%2e", "https://portal.example.test/x/%2e%2e/callback"),
    (
        "an escaped letter",
        "https://portal.example.test/%63allback",
    ),
    ("%2f", "https://portal.example.test%2fcallback"),
    ("%00", "https://portal.example.test/callback%00"),
    (
        "%00 in the host",
        "https://evil.test%00.portal.example.test/callback",
    ),
    ("a NUL", "https://portal.example.test/callback\u{0}"),
    (
        "%0d%0a",
        "https://portal.example.test/callback%0d%0aSet-Cookie:%20a=b",
    ),
    (
        "a line's end",
        "https://portal.example.test/callback\r\nSet-Cookie: a=b",
    ),
    (
        "backslash",
        r"https://evil.test\@portal.example.test/callback",
    ),
    ("backslashes", r"https:\\portal.example.test\callback"),
    ("case of the host", "https://PORTAL.example.test/callback"),
    ("case of the path", "https://portal.example.test/Callback"),
    ("case of the scheme", "HTTPS://portal.example.test/callback"),
    (
        "dot behind the host",
        "https://portal.example.test./callback",
    ),
    ("dot at the end", "https://portal.example.test/callback."),
    ("slash at the end", "https://portal.example.test/callback/"),
    ("two slashes", "https://portal.example.test//callback"),
    (
        "white space before",
        " https://portal.example.test/callback",
    ),
    (
        "white space behind",
        "https://portal.example.test/callback ",
    ),
    ("a tab within", "https://portal.example.test/call\tback"),
    ("homoglyph", "https://p\u{43e}rtal.example.test/callback"),
    (
        "its punycode",
        "https://xn--prtal-jye.example.test/callback",
    ),
    ("full width", "https://portal\u{ff0e}example.test/callback"),
    ("invisible", "https://portal.example.test/call\u{200b}back"),
    (
        "script",
        "javascript:alert(1)//https://portal.example.test/callback",
    ),
    ("empty", ""),
];

/// A page of our own: no redirect, no cookie, no login, and nothing of the address on the page.
async fn check_page(name: &str, response: Response) {
    assert_eq!(response.status(), 400, "{name}");
    for absent in ["location", "refresh", "set-cookie", "link"] {
        assert_eq!(header(&response, absent), "", "{name}: {absent}");
    }
    let media_type = header(&response, "content-type");
    assert_eq!(media_type, "text/html; charset=utf-8", "{name}");
    let page = response.text().await.unwrap();
    for foreign in ["evil.test", "alert(1)", "portal.example.test", "http-equiv"] {
        assert!(!page.contains(foreign), "{name}: {foreign}");
    }
}

#[tokio::test]
async fn e1_nobody_is_sent_to_an_address_that_is_almost_registered() {
    let app = TestApp::start_with(Changes::limiting("per_address_and_minute = 10000")).await;
    for (name, uri) in ALMOST {
        let request = Request::new().with("redirect_uri", uri);
        check_page(name, request.send(&app).await).await;
        let form = app.post("/authorize").form(&request.parameters);
        check_page(name, form.send().await.unwrap()).await;
        // prompt=none asks for an answer without a page: it gets none at a wrong address either.
        let silent = request.with("prompt", "none");
        check_page(name, silent.send(&app).await).await;
    }
    assert_eq!(app.count_events("authorization.begun").await, 0);
    for event in app.events().await {
        let text = format!("{event:?}");
        assert!(!text.contains("evil.test"), "a stranger's text: {text}");
    }
    assert_eq!(Request::new().send(&app).await.status(), 303);
}

#[tokio::test]
async fn e1_nothing_is_pushed_for_an_address_that_is_almost_registered() {
    let app = TestApp::start_with(Changes::limiting("per_address_and_minute = 10000")).await;
    let push = async |request: &Request| {
        let post = app.post("/par").basic_auth(CLIENT_ID, Some(CLIENT_SECRET));
        post.form(&request.parameters).send().await.unwrap()
    };
    for (name, uri) in ALMOST {
        let response = push(&Request::new().with("redirect_uri", uri)).await;
        assert_eq!(response.status(), 400, "{name}");
        assert_eq!(header(&response, "location"), "", "{name}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["error"], "invalid_request", "{name}");
        assert_eq!(body.get("request_uri"), None, "{name}");
        assert!(!body.to_string().contains("evil.test"), "{name}");
    }
    assert_eq!(app.count_events("authorization.pushed").await, 0);
    assert_eq!(push(&Request::new()).await.status(), 201);
}

/// Attack E1 from the other side: no page of ours sends a browser on, whatever its address says.
#[tokio::test]
async fn e1_no_page_of_ours_is_an_open_redirect() {
    let app = TestApp::start().await;
    for path in [
        "//evil.test/",
        "/%2f%2fevil.test",
        "/\\evil.test",
        "/login/https://evil.test",
        "/logout?post_logout_redirect_uri=https://evil.test",
        "/errors/https:%2f%2fevil.test",
        "/consent/..%2f..%2fevil.test",
    ] {
        // Sent as it stands: a client library would tidy some of them up.
        let response = app.get_raw(path).await;
        let lower = response.to_lowercase();
        assert!(!lower.contains("\r\nlocation:"), "{path}: {response}");
        assert!(!lower.starts_with("http/1.1 3"), "{path}: {response}");
    }
}
