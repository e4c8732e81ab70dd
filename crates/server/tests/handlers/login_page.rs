//! The login page: its words, its headers, and whose it is.

use crate::relying_party::Request;
use crate::test_app::{TestApp, header};

#[tokio::test]
async fn the_page_is_in_the_asked_language_and_names_the_portal() {
    let app = TestApp::start().await;
    let login = Request::new().begin(&app).await;
    let page = |query: &str, accept: &'static str| {
        let request = app
            .get(&login.path(query))
            .header("Cookie", &login.cookie)
            .header("Accept-Language", accept);
        async move { request.send().await.unwrap().text().await.unwrap() }
    };
    let french = page("", "").await;
    assert!(french.contains(r#"<html lang="fr">"#));
    assert!(french.contains("Me connecter avec ma carte"));
    assert!(
        french.contains("Portail d’essai &#60;&#38;&#62;"),
        "escaped"
    );
    assert!(
        page("", "en-GB,fr;q=0.5")
            .await
            .contains("Sign in with my card")
    );
    assert!(
        page("?lang=en", "fr")
            .await
            .contains("Sign in with my card")
    );
}

/// Attacks D17 and E23.
#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere_and_cannot_be_framed() {
    let app = TestApp::start().await;
    let login = Request::new().begin(&app).await;
    let response = app
        .get(&login.path(""))
        .header("Cookie", &login.cookie)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    let policy = header(&response, "content-security-policy");
    assert_eq!(
        policy,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
         connect-src 'self' http://127.0.0.1:47110; \
         form-action 'self' https://portal.example.test; base-uri 'none'; \
         frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    );
    for (name, value) in [
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("strict-transport-security", ""),
        ("content-type", "text/html; charset=utf-8"),
    ] {
        assert_eq!(header(&response, name), value, "{name}");
    }
}

/// Attack E17: a login planted in another browser shows nothing there.
#[tokio::test]
async fn only_the_browser_that_began_a_login_sees_its_page() {
    let app = TestApp::start().await;
    let login = Request::new().begin(&app).await;
    let other = Request::new().begin(&app).await;
    let none = app.get(&login.path("")).send().await.unwrap();
    assert_eq!(none.status(), 403);
    let value = other.cookie.split('=').next_back().unwrap();
    let foreign = format!("cardea-login-{}={value}", login.id);
    let foreign = app
        .get(&login.path(""))
        .header("Cookie", foreign)
        .send()
        .await
        .unwrap();
    assert_eq!(foreign.status(), 403);
    let cookie = "cardea-login-unknown=value";
    let unknown = app
        .get("/login/unknown")
        .header("Cookie", cookie)
        .send()
        .await
        .unwrap();
    assert_eq!(unknown.status(), 410);
}

/// Some other site's script may have sent the browser here: then the person is asked first.
#[tokio::test]
async fn the_page_starts_by_itself_only_after_a_press() {
    let app = TestApp::start().await;
    let login = Request::new().begin(&app).await;
    let page = async |user: Option<&str>| {
        let mut request = app.get(&login.path("")).header("Cookie", &login.cookie);
        if let Some(user) = user {
            request = request.header("Sec-Fetch-User", user);
        }
        request.send().await.unwrap().text().await.unwrap()
    };
    assert!(page(Some("?1")).await.contains(" data-pressed "));
    assert!(!page(Some("?0")).await.contains("data-pressed"));
    assert!(!page(None).await.contains("data-pressed"));
}

#[tokio::test]
async fn script_and_style_are_served_with_their_types() {
    let app = TestApp::start().await;
    for (name, media_type) in [
        ("login.js", "text/javascript; charset=utf-8"),
        ("cardea.css", "text/css; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    ] {
        let response = app.get(&format!("/static/{name}")).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(header(&response, "content-type"), media_type);
        assert_eq!(header(&response, "x-content-type-options"), "nosniff");
    }
}
