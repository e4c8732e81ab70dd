//! Authorization requests: where they lead, and which lead nowhere.

use crate::relying_party::{Request, parameter};
use crate::test_app::{Changes, REDIRECT_URI, TestApp, header};

#[tokio::test]
async fn a_good_request_leads_to_a_login_page_of_this_browser_alone() {
    let app = TestApp::start().await;
    let response = Request::new().with("ui_locales", "en fr").send(&app).await;
    assert_eq!(response.status(), 303);
    let location = header(&response, "location");
    assert!(
        location.starts_with("/login/") && location.ends_with("?lang=en"),
        "{location}"
    );
    let id = location
        .trim_start_matches("/login/")
        .trim_end_matches("?lang=en");
    let cookie = header(&response, "set-cookie");
    assert!(
        cookie.starts_with(&format!("cardea-login-{id}=")),
        "{cookie}"
    );
    assert!(
        cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Max-Age=600"),
        "{cookie}"
    );
    assert_eq!(header(&response, "cache-control"), "no-store");
    assert_eq!(header(&response, "referrer-policy"), "no-referrer");
}

#[tokio::test]
async fn what_a_portal_may_send_and_nobody_needs_is_accepted() {
    let app = TestApp::start().await;
    let request = Request::new()
        .with("display", "popup")
        .with("login_hint", "bob@example.com")
        .with("claims_locales", "se")
        .with("ui_locales", "se")
        .with("acr_values", "1 2")
        .with("extra", "foobar");
    let location = header(&request.send(&app).await, "location");
    assert!(location.starts_with("/login/"), "{location}");
    assert!(!location.contains("lang="), "none of ours was asked for");
}

/// Attack E22: 303 and never 307, which would repeat the form at the new address.
#[tokio::test]
async fn a_request_may_come_in_a_form() {
    let app = TestApp::start().await;
    let response = app
        .post("/authorize")
        .form(&Request::new().parameters)
        .send()
        .await
        .unwrap();
    assert_eq!(
        response.status(),
        303,
        "303 and never 307, which would repeat the form"
    );
}

/// Attacks E1 to E3: nobody is sent to an address that is not registered to the letter.
#[tokio::test]
async fn unproven_clients_and_addresses_get_a_page_and_no_redirect() {
    let app = TestApp::start().await;
    let uri = |uri: &str| Request::new().with("redirect_uri", uri);
    let cases = [
        ("unknown client", Request::new().with("client_id", "nobody")),
        ("no client", Request::new().without("client_id")),
        ("no redirect_uri", Request::new().without("redirect_uri")),
        ("client twice", Request::new().and("client_id", "portal")),
        (
            "redirect_uri twice",
            Request::new().and("redirect_uri", REDIRECT_URI),
        ),
        ("state twice", Request::new().and("state", "other")),
        ("other host", uri("https://evil.test/callback")),
        ("prefix", uri("https://portal.example.test/callback/more")),
        ("query", uri("https://portal.example.test/callback?x=1")),
        ("fragment", uri("https://portal.example.test/callback#x")),
        ("port", uri("https://portal.example.test:8443/callback")),
        ("scheme", uri("http://portal.example.test/callback")),
        (
            "user",
            uri("https://portal.example.test@evil.test/callback"),
        ),
        ("dots", uri("https://portal.example.test/x/../callback")),
        ("case", uri("https://PORTAL.example.test/callback")),
        ("script", uri("javascript:alert(1)")),
    ];
    for (name, request) in cases {
        let response = request.send(&app).await;
        assert_eq!(response.status(), 400, "{name}");
        assert_eq!(header(&response, "location"), "", "{name}");
        assert_eq!(header(&response, "set-cookie"), "", "{name}");
        assert_eq!(
            header(&response, "content-type"),
            "text/html; charset=utf-8",
            "{name}"
        );
        let page = response.text().await.unwrap();
        assert!(
            !page.contains("evil.test") && !page.contains("alert(1)"),
            "{name}"
        );
    }
}

/// Attacks E1 and E2 by POST: GET and POST refuse alike.
#[tokio::test]
async fn a_form_is_held_to_the_same_addresses() {
    let app = TestApp::start().await;
    for (name, request) in [
        (
            "other address",
            Request::new().with("redirect_uri", "https://evil.test/"),
        ),
        (
            "redirect_uri twice",
            Request::new().and("redirect_uri", REDIRECT_URI),
        ),
        ("client twice", Request::new().and("client_id", "portal")),
        ("state twice", Request::new().and("state", "other")),
    ] {
        let form = &request.parameters;
        let response = app.post("/authorize").form(form).send().await.unwrap();
        assert_eq!(response.status(), 400, "{name}");
        assert_eq!(header(&response, "location"), "", "{name}");
    }
}

#[tokio::test]
async fn an_error_page_shows_the_precise_code_and_a_reference() {
    let app = TestApp::start().await;
    let response = Request::new().with("client_id", "nobody").send(&app).await;
    let page = response.text().await.unwrap();
    assert!(page.contains("provider.client_unknown"), "{page}");
    assert!(page.contains("Référence pour l’assistance"), "{page}");
}

/// What the client itself may learn: name, request, and the error that it gets.
fn refused_by_redirect() -> Vec<(&'static str, Request, &'static str)> {
    vec![
        (
            "no PKCE",
            Request::new().without("code_challenge"),
            "invalid_request",
        ),
        (
            "plain PKCE",
            Request::new().with("code_challenge_method", "plain"),
            "invalid_request",
        ),
        (
            "short PKCE",
            Request::new().with("code_challenge", "short"),
            "invalid_request",
        ),
        (
            "token flow",
            Request::new().with("response_type", "token"),
            "unsupported_response_type",
        ),
        (
            "no openid",
            Request::new().with("scope", "profile"),
            "invalid_scope",
        ),
        (
            "request object",
            Request::new().with("request", "e30.e30."),
            "request_not_supported",
        ),
        (
            "request by reference",
            Request::new().with("request_uri", "http://127.0.0.1/"),
            "request_uri_not_supported",
        ),
        (
            "silent without session",
            Request::new().with("prompt", "none"),
            "login_required",
        ),
        (
            "none and login",
            Request::new().with("prompt", "none login"),
            "invalid_request",
        ),
        (
            "negative age",
            Request::new().with("max_age", "-1"),
            "invalid_request",
        ),
    ]
}

/// Attacks E5, E6, E11, E15, E16 and E19.
#[tokio::test]
async fn what_the_client_may_learn_it_learns_at_its_address() {
    let app = TestApp::start().await;
    for (name, request, error) in refused_by_redirect() {
        let response = request.send(&app).await;
        assert_eq!(response.status(), 303, "{name}");
        let location = header(&response, "location");
        assert!(location.starts_with(REDIRECT_URI), "{name}: {location}");
        assert_eq!(
            parameter(&location, "error").as_deref(),
            Some(error),
            "{name}"
        );
        assert_eq!(
            parameter(&location, "iss").as_deref(),
            Some(app.issuer.as_str()),
            "{name}"
        );
        let state = parameter(&location, "state");
        assert_eq!(state.as_deref(), Some("state-of-the-portal"), "{name}");
        let description = parameter(&location, "error_description").unwrap();
        let allowed = |c: char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\');
        assert!(description.chars().all(allowed), "{description}");
        let page = parameter(&location, "error_uri").unwrap();
        // As from the token endpoint: the code, then the words.
        let code = page.rsplit('/').next().unwrap();
        assert!(
            description.starts_with(&format!("{code}: ")),
            "{description}"
        );
        let path = page.strip_prefix(app.issuer.as_str()).unwrap();
        let page = app.get(path).send().await.unwrap();
        assert_eq!(page.status(), 200, "{name}: {path}");
    }
}

/// Attack E9: no value of the request reaches a header or a page as markup.
#[tokio::test]
async fn odd_values_split_no_header() {
    let app = TestApp::start().await;
    let long = "x".repeat(5_000);
    for state in [
        "a\r\nSet-Cookie: b=c",
        "<script>alert(1)</script>\u{0}",
        &long,
    ] {
        let response = Request::new().with("state", state).send(&app).await;
        assert_eq!(response.status(), 400);
        assert_eq!(header(&response, "set-cookie"), "");
        assert!(!response.text().await.unwrap().contains("<script>alert"));
    }
    let huge = "x".repeat(100_000);
    for name in ["state", "nonce"] {
        let form = Request::new().with(name, &huge).parameters;
        let response = app.post("/authorize").form(&form).send().await.unwrap();
        assert_eq!(response.status(), 413, "{name}");
        assert_eq!(header(&response, "location"), "", "{name}");
    }
    // A long one of a strict client, and one full of markup, come back as they went.
    let long = "x".repeat(1_000);
    for state in [
        long.as_str(),
        "\"><script>alert(1)</script>",
        "é ?&=#%0d%0a",
    ] {
        let request = Request::new().with("state", state).with("prompt", "none");
        let location = header(&request.send(&app).await, "location");
        assert_eq!(parameter(&location, "state").as_deref(), Some(state));
        assert!(!location.contains(['<', '#', '"']), "{location}");
    }
}

#[tokio::test]
async fn one_address_cannot_flood_login_starts() {
    let changes = Changes::limiting("per_address_and_minute = 3");
    let app = TestApp::start_with(changes).await;
    for _ in 0..3 {
        assert_eq!(Request::new().send(&app).await.status(), 303);
    }
    assert_eq!(Request::new().send(&app).await.status(), 429);
    assert_eq!(app.get("/healthz").send().await.unwrap().status(), 200);
}
