//! What holds for every page, whatever it shows (attacks D17, E23, H12 and H13).

use reqwest::{Method, Response};
use serde_json::Value;

use crate::card::Card;
use crate::relying_party::{Request, sign_in};
use crate::test_app::{Changes, TestApp, header};

const HTTPS_ISSUER: &str = "https://login.example.test";

/// A page, and what it may have that others do not.
struct Page {
    name: &'static str,
    response: Response,
    may_run_our_script: bool,
}

fn page(name: &'static str, response: Response) -> Page {
    Page {
        name,
        response,
        may_run_our_script: false,
    }
}

/// Every page that needs no card: the server renders all others from the same templates.
async fn pages_without_a_card(app: &TestApp) -> Vec<Page> {
    let get = async |path: &str| app.get(path).send().await.unwrap();
    let login = Request::new().begin(app).await;
    let own = app.get(&login.path("")).header("Cookie", &login.cookie);
    let unknown_client = Request::new().with("client_id", "nobody");
    let by_form = Request::new()
        .with("response_mode", "form_post")
        .with("prompt", "none");
    let confirmed = app
        .post("/logout?lang=fr")
        .header("Origin", &app.issuer)
        .form(&[("confirmed", "yes")]);
    vec![
        page("code", get("/errors/provider.pkce_missing").await),
        page("code of a person", get("/errors/login.card_revoked").await),
        page("unknown code", get("/errors/no.such_code").await),
        page("no address", get("/nowhere").await),
        page("refused request", unknown_client.send(app).await),
        page("foreign login", get(&login.path("")).await),
        page("unknown consent", get("/consent/unknown").await),
        Page {
            may_run_our_script: true,
            ..page("login", own.send().await.unwrap())
        },
        Page {
            may_run_our_script: true,
            ..page("answer by form", by_form.send(app).await)
        },
        page("logout question", get("/logout").await),
        page("signed out", confirmed.send().await.unwrap()),
        page("signed out, by link", get("/logout/done").await),
        page("stayed signed in", get("/logout/stay").await),
    ]
}

/// The consent page, which is shown once a card has signed.
async fn consent_page(app: &TestApp) -> Page {
    let card = Card::pharmacist(app);
    let login = Request::new().begin(app).await;
    let challenge = login.challenge(app).await;
    let mut connection = card.connect(app).await;
    let body = card.answer(app, &challenge);
    let (response, ()) = tokio::join!(
        login.post_assertion(app, &body),
        connection.prove(app, &card)
    );
    let body: Value = response.json().await.unwrap();
    let path = body["redirect_to"].as_str().unwrap();
    let response = app.get(path).header("Cookie", &login.cookie).send().await;
    page("consent", response.unwrap())
}

async fn check(app: &TestApp, page: Page) {
    let (name, response) = (page.name, &page.response);
    for (header_name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        ("cross-origin-resource-policy", "same-origin"),
        ("referrer-policy", "no-referrer"),
        ("access-control-allow-origin", ""),
    ] {
        assert_eq!(
            header(response, header_name),
            value,
            "{name}: {header_name}"
        );
    }
    let transport = match app.issuer.starts_with("https") {
        true => "max-age=63072000",
        false => "",
    };
    let found = header(response, "strict-transport-security");
    assert_eq!(found, transport, "{name}");
    check_policy(&page, &header(response, "content-security-policy"));
    check_cookies(app, name, response);
    let language = header(response, "content-language");
    let html = page.response.text().await.unwrap();
    let tag = format!("<html lang=\"{language}\">");
    assert!(html.contains(&tag), "{name} is not in {language:?}");
    check_source(name, &html, page.may_run_our_script);
}

fn check_policy(page: &Page, policy: &str) {
    let name = page.name;
    for directive in [
        "default-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.contains(directive), "{name}: {policy}");
    }
    for lax in ["unsafe", "*", "data:", "blob:"] {
        assert!(!policy.contains(lax), "{name}: {policy}");
    }
    let directive = |wanted: &str| {
        let mut all = policy.split("; ").filter_map(|it| it.split_once(' '));
        all.find(|(found, _)| *found == wanted).map(|(_, it)| it)
    };
    let scripts = page.may_run_our_script.then_some("'self'");
    assert_eq!(directive("script-src"), scripts, "{name}: {policy}");
    for ours in ["style-src", "img-src"] {
        assert_eq!(directive(ours), Some("'self'"), "{name}: {policy}");
    }
    assert!(directive("form-action").is_some(), "{name}: {policy}");
}

/// Attack H12.
fn check_cookies(app: &TestApp, name: &str, response: &Response) {
    for cookie in response.headers().get_all("set-cookie") {
        let cookie = cookie.to_str().unwrap();
        for attribute in ["; Path=/", "; HttpOnly", "; SameSite=Lax"] {
            assert!(cookie.contains(attribute), "{name}: {cookie}");
        }
        assert!(!cookie.contains("Domain"), "{name}: {cookie}");
        if app.issuer.starts_with("https") {
            assert!(cookie.starts_with("__Host-"), "{name}: {cookie}");
            assert!(cookie.contains("; Secure"), "{name}: {cookie}");
        }
    }
}

/// No script or style in the page itself, and nothing that a browser would fetch from elsewhere.
fn check_source(name: &str, html: &str, may_run_our_script: bool) {
    for inline in [
        "style=",
        "<style",
        "<script>",
        "javascript:",
        "<iframe",
        "<base",
    ] {
        assert!(!html.contains(inline), "{name} has {inline}");
    }
    for attribute in html.split_whitespace() {
        let is_handler = attribute.starts_with("on") && attribute.contains("=\"");
        assert!(!is_handler, "{name}: {attribute}");
        for fetched in ["src=\"", "href=\""] {
            if let Some(address) = attribute.strip_prefix(fetched) {
                let is_ours = address.starts_with('/') && !address.starts_with("//");
                assert!(
                    is_ours || address.starts_with("?lang="),
                    "{name}: {attribute}"
                );
            }
        }
    }
    let scripts = usize::from(may_run_our_script);
    assert_eq!(html.matches("<script").count(), scripts, "{name}");
}

#[tokio::test]
async fn every_page_is_strict_over_http() {
    let app = TestApp::start().await;
    for page in pages_without_a_card(&app).await {
        check(&app, page).await;
    }
}

#[tokio::test]
async fn every_page_is_strict_over_https() {
    let app = TestApp::start_with(Changes::behind_proxy(HTTPS_ISSUER)).await;
    for page in pages_without_a_card(&app).await {
        check(&app, page).await;
    }
}

#[tokio::test]
async fn the_consent_page_is_as_strict() {
    let name = "name = \"Portail d’essai <&>\"";
    let asking = format!("{name}\nconsent = \"explicit\"");
    let app = TestApp::start_with(Changes::replacing(name, &asking)).await;
    let page = consent_page(&app).await;
    check(&app, page).await;
}

/// Attack H12: the session's cookie too, set and cleared.
#[tokio::test]
async fn the_session_cookie_has_every_protection() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    let signed_in = sign_in(&app, &Request::new(), &card).await;
    let response = app
        .post("/logout")
        .header("Origin", &app.issuer)
        .header("Cookie", &signed_in.session_cookie)
        .form(&[("confirmed", "yes")])
        .send()
        .await
        .unwrap();
    let cookie = header(&response, "set-cookie");
    assert!(cookie.starts_with("cardea-session=;"), "{cookie}");
    assert!(cookie.contains("Max-Age=0"), "{cookie}");
    check(&app, page("signed out", response)).await;
}

/// Attack H13.
#[tokio::test]
async fn pages_take_no_other_methods() {
    let app = TestApp::start().await;
    for path in [
        "/login/x",
        "/login/x/answer",
        "/consent/x",
        "/logout",
        "/errors/provider.pkce_missing",
        "/static/cardea.css",
    ] {
        for method in ["PUT", "DELETE", "TRACE", "PATCH", "OPTIONS"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let request = app.client.request(method.clone(), app.url(path));
            let response = request.header("Origin", "https://evil.test").send().await;
            let response = response.unwrap();
            assert_eq!(response.status(), 405, "{method} {path}");
            assert_eq!(header(&response, "set-cookie"), "", "{method} {path}");
            let allowed = header(&response, "access-control-allow-origin");
            assert_eq!(allowed, "", "{method} {path}");
        }
    }
}

/// A sandbox says so on every page, and a real service on none.
#[tokio::test]
async fn the_banner_of_a_sandbox_is_on_every_page_and_nowhere_else() {
    const BANNER: &str = "class=\"sandbox\"";
    let sandbox = TestApp::start_with(Changes::replacing("[keys]", "sandbox = true\n[keys]"));
    for (app, expected) in [(sandbox.await, true), (TestApp::start().await, false)] {
        for page in pages_without_a_card(&app).await {
            let html = page.response.text().await.unwrap();
            assert_eq!(html.contains(BANNER), expected, "{}", page.name);
        }
    }
}

/// The page of a code is wholly in one language, with the other a press away.
#[tokio::test]
async fn the_page_of_a_code_is_wholly_in_the_asked_language() {
    let app = TestApp::start().await;
    let show = async |path: &str| app.get(path).send().await.unwrap().text().await.unwrap();
    let french = show("/errors/provider.pkce_missing?lang=fr").await;
    assert!(french.contains("<html lang=\"fr\">"), "{french}");
    for words in [
        "Signification",
        "Qui peut y remédier",
        "Que faire",
        "Utiliser PKCE",
    ] {
        assert!(french.contains(words), "{words}: {french}");
    }
    assert!(!french.contains("use PKCE") && !french.contains("lang=\"en\">Use"));
    assert!(
        french.contains("<code>code_challenge</code> manque"),
        "{french}"
    );
    let english = show("/errors/provider.pkce_missing?lang=en").await;
    for words in ["What it means", "Who can fix it", "What to do", "Use PKCE"] {
        assert!(english.contains(words), "{words}: {english}");
    }
    assert!(english.contains("href=\"?lang=fr\""), "{english}");
    // Where a person may meet the code there are words for that person first.
    let person = show("/errors/login.card_revoked?lang=fr").await;
    assert!(person.contains("La carte est révoquée") && person.contains("équipes techniques"));
}

/// `error_uri` of every OAuth error leads to the page of its code.
#[tokio::test]
async fn the_error_uri_of_an_oauth_error_leads_to_its_page() {
    let app = TestApp::start().await;
    let answer = app
        .post("/token")
        .form(&[("grant_type", "password")])
        .send();
    let body: Value = answer.await.unwrap().json().await.unwrap();
    let address = body["error_uri"].as_str().unwrap();
    let path = address.strip_prefix(&app.issuer).unwrap();
    let page = app.get(path).send().await.unwrap();
    assert_eq!(page.status(), 200, "{address}");
    let code = path.strip_prefix("/errors/").unwrap();
    assert!(page.text().await.unwrap().contains(code));
    // A redirect carries no error_uri unless it can be read: the code stands in its description.
    let redirected = Request::new().without("code_challenge").send(&app).await;
    let location = header(&redirected, "location");
    let description = crate::relying_party::parameter(&location, "error_description");
    let uri = crate::relying_party::parameter(&location, "error_uri");
    assert!(
        uri.is_some_and(|uri| uri.ends_with("/errors/provider.pkce_missing")),
        "{location} {description:?}"
    );
}

/// Every code of the document has its page, in French without a word of the English row.
#[tokio::test]
async fn each_code_has_its_page_in_both_languages() {
    let app = TestApp::start().await;
    let rows = include_str!("../../../../docs/errors.md").lines();
    let mut codes = 0;
    for row in rows.filter(|row| row.starts_with("| `")) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let code = cells[1].trim_matches('`');
        let explained = [cells[2], cells[4]].map(|cell| cell.split('`').next_back().unwrap());
        for (language, is_english) in [("en", true), ("fr", false)] {
            let path = format!("/errors/{code}?lang={language}");
            let page = app.get(&path).send().await.unwrap();
            assert_eq!(page.status(), 200, "{path}");
            assert_eq!(header(&page, "content-language"), language, "{path}");
            let html = page.text().await.unwrap();
            assert!(!html.contains("<dd lang="), "{path} is not translated");
            let shown = html.contains(&format!("<code>{code}</code>"));
            assert!(shown, "{path}");
            for words in explained.iter().filter(|words| words.len() > 24) {
                // Characters that HTML escapes stand in neither.
                let plain = !words.contains(['"', '\'', '<', '&', '>']);
                let found = html.to_lowercase().contains(&words.to_lowercase());
                assert!(!plain || found == is_english, "{path}: {words}");
            }
        }
        codes += 1;
    }
    assert!(codes > 250, "{codes} codes");
}
