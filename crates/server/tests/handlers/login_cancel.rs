//! "Back to the portal" over HTTP: a plain form of the login page, which needs no script.

use reqwest::Response;

use crate::card::Card;
use crate::relying_party::{Login, Request, parameter};
use crate::test_app::{Changes, REDIRECT_URI, TestApp, header};

async fn press(app: &TestApp, login: &Login, origin: &str, site: &str, cookie: &str) -> Response {
    app.post(&login.path("/cancel?lang=en"))
        .header("Origin", origin)
        .header("Sec-Fetch-Site", site)
        .header("Cookie", cookie)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .send()
        .await
        .unwrap()
}

async fn press_ours(app: &TestApp, login: &Login) -> Response {
    // As browsers send a form under `no-referrer`.
    press(app, login, "null", "same-origin", &login.cookie).await
}

async fn policy_of_page(app: &TestApp, login: &Login) -> (String, String) {
    let page = app.get(&login.path("?lang=en"));
    let page = page.header("Cookie", &login.cookie).send().await.unwrap();
    let policy = header(&page, "content-security-policy");
    let form_action = policy.split("; ").find(|it| it.starts_with("form-action"));
    (form_action.unwrap().to_owned(), page.text().await.unwrap())
}

#[tokio::test]
async fn the_button_leads_to_the_portal_with_access_denied_once() {
    let app = TestApp::start().await;
    let login = Request::new().begin(&app).await;
    let (form_action, page) = policy_of_page(&app, &login).await;
    assert_eq!(
        form_action,
        "form-action 'self' https://portal.example.test"
    );
    let form = format!(
        r#"method="post" action="{}""#,
        login.path("/cancel?lang=en")
    );
    assert!(page.contains(&form), "{page}");
    assert!(page.contains("Back to the portal"), "{page}");

    let response = press_ours(&app, &login).await;
    assert_eq!(response.status(), 303, "E22");
    assert!(header(&response, "set-cookie").contains("Max-Age=0"));
    let location = header(&response, "location");
    assert!(location.starts_with(REDIRECT_URI), "{location}");
    for (name, value) in [
        ("error", "access_denied"),
        ("state", "state-of-the-portal"),
        ("iss", app.issuer.as_str()),
    ] {
        assert_eq!(parameter(&location, name).as_deref(), Some(value));
    }
    assert_eq!(parameter(&location, "code"), None);
    let explained = parameter(&location, "error_uri").unwrap();
    assert!(explained.ends_with("/errors/provider.login_cancelled"));
    assert_eq!(app.count_events("login.cancelled").await, 1);

    let again = press_ours(&app, &login).await;
    assert_eq!(again.status(), 410);
    assert_eq!(header(&again, "location"), "");
}

#[tokio::test]
async fn a_portal_that_wants_a_form_gets_one() {
    let app = TestApp::start().await;
    let request = Request::new().with("response_mode", "form_post");
    let login = request.begin(&app).await;
    let (form_action, _) = policy_of_page(&app, &login).await;
    assert_eq!(form_action, "form-action 'self'", "no redirect follows");
    let response = press_ours(&app, &login).await;
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "location"), "");
    let policy = header(&response, "content-security-policy");
    assert!(policy.contains("form-action https://portal.example.test;"));
    let page = response.text().await.unwrap();
    for part in [
        format!("action=\"{REDIRECT_URI}\""),
        "name=\"error\" value=\"access_denied\"".to_owned(),
        "name=\"state\" value=\"state-of-the-portal\"".to_owned(),
        "Continue to the portal".to_owned(),
    ] {
        assert!(page.contains(&part), "{part} is not in {page}");
    }
}

/// Attack E17: from another site, or in another browser.
#[tokio::test]
async fn e17_only_our_own_page_in_this_browser_gives_a_login_up() {
    let app = TestApp::start().await;
    let login = Request::new().begin(&app).await;
    let own = login.cookie.as_str();
    let issuer = app.issuer.as_str();
    for (name, origin, site, cookie) in [
        ("other site", "https://evil.test", "cross-site", own),
        ("sibling", issuer, "same-site", own),
        ("sandboxed frame", "null", "cross-site", own),
        ("other browser", issuer, "same-origin", "a=b"),
    ] {
        let refused = press(&app, &login, origin, site, cookie).await;
        assert_eq!(refused.status(), 403, "{name}");
        assert_eq!(header(&refused, "location"), "", "{name}");
    }
    let by_link = app.get(&login.path("/cancel")).header("Cookie", own);
    assert_eq!(by_link.send().await.unwrap().status(), 405);
    assert_eq!(app.count_events("login.cancelled").await, 0);
    assert_eq!(press_ours(&app, &login).await.status(), 303);
}

/// The agent whose card had answered is told that its session is over.
#[tokio::test]
async fn a_card_that_has_signed_meanwhile_is_let_go() {
    // Longer than a busy machine takes for the press.
    let changes = Changes::replacing("wait_seconds = 2", "wait_seconds = 20");
    let app = TestApp::start_with(changes).await;
    let card = Card::pharmacist(&app);
    let login = Request::new().begin(&app).await;
    let challenge = login.challenge(&app).await;
    let body = card.answer(&app, &challenge);
    // The presence key never answers: the person presses the button while the page waits for it.
    let pressing = async {
        while app.count_events("login.accepted").await == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        press_ours(&app, &login).await
    };
    let (signed, pressed) = tokio::join!(login.post_assertion(&app, &body), pressing);
    assert_eq!(pressed.status(), 303);
    assert_ne!(signed.status(), 200);
    assert_eq!(app.count_events("session.ended").await, 1);
    assert_eq!(app.count_events("code.issued").await, 0);
}
