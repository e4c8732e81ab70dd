//! The consent page over HTTP (attack E20).

use reqwest::Response;
use serde_json::Value;

use crate::card::{Card, PresenceConnection};
use crate::relying_party::{Login, Request, parameter};
use crate::test_app::{Changes, REDIRECT_URI, TestApp, header};

async fn explicit_app() -> TestApp {
    let name = "name = \"Portail d’essai <&>\"";
    let asking = format!("{name}\nconsent = \"explicit\"");
    TestApp::start_with(Changes::replacing(name, &asking)).await
}

/// A login whose card has answered, and its consent page's address.
async fn asked(
    app: &TestApp,
    request: &Request,
    card: &Card,
) -> (Login, String, PresenceConnection) {
    let login = request.begin(app).await;
    let challenge = login.challenge(app).await;
    let mut connection = card.connect(app).await;
    let body = card.answer(app, &challenge);
    let (response, ()) = tokio::join!(
        login.post_assertion(app, &body),
        connection.prove(app, card)
    );
    assert_eq!(header(&response, "set-cookie"), "", "not signed in yet");
    let body: Value = response.json().await.unwrap();
    let path = body["redirect_to"].as_str().unwrap().to_owned();
    assert_eq!(path, format!("/consent/{}", login.id));
    (login, path, connection)
}

async fn page(app: &TestApp, path: &str, cookie: &str) -> Response {
    app.get(path).header("Cookie", cookie).send().await.unwrap()
}

fn shown(page: &str) -> String {
    let (_, rest) = page.split_once("name=\"shown\" value=\"").unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

async fn post(app: &TestApp, login: &Login, shown: &str, answer: &str) -> Response {
    app.post(&format!("/consent/{}", login.id))
        .header("Origin", &app.issuer)
        .header("Cookie", &login.cookie)
        .form(&[("shown", shown), ("answer", answer)])
        .send()
        .await
        .unwrap()
}

#[tokio::test]
async fn the_page_names_portal_and_data_and_its_yes_leads_back_with_a_code() {
    let app = explicit_app().await;
    let card = Card::pharmacist(&app);
    let request = Request::new().with("scope", "openid profile");
    let (login, path, _connection) = asked(&app, &request, &card).await;
    let response = page(&app, &format!("{path}?lang=en"), &login.cookie).await;
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "referrer-policy"), "no-referrer");
    let policy = header(&response, "content-security-policy");
    assert!(
        policy.contains("form-action 'self' https://portal.example.test;"),
        "{policy}"
    );
    assert!(!policy.contains("script-src"), "{policy}");
    let html = response.text().await.unwrap();
    assert!(html.contains("Portail d’essai &#60;&#38;&#62;"), "{html}");
    assert!(html.contains("your first and last name"), "{html}");
    assert!(!html.contains("your profession and its title"), "{html}");

    let answered = post(&app, &login, &shown(&html), "allow").await;
    assert_eq!(answered.status(), 303, "E22");
    let location = header(&answered, "location");
    assert!(location.starts_with(REDIRECT_URI), "{location}");
    let code = parameter(&location, "code").unwrap();
    let cookies: Vec<_> = answered.headers().get_all("set-cookie").iter().collect();
    assert_eq!(cookies.len(), 2, "the session begins, the login ends");
    assert_eq!(request.redeem(&app, &code).await.status(), 200);

    let twice = post(&app, &login, &shown(&html), "allow").await;
    assert_eq!(twice.status(), 410, "E20: once");
}

#[tokio::test]
async fn a_no_leads_back_with_access_denied() {
    let app = explicit_app().await;
    let card = Card::pharmacist(&app);
    let (login, path, mut connection) = asked(&app, &Request::new(), &card).await;
    let html = page(&app, &path, &login.cookie).await.text().await.unwrap();
    let answered = post(&app, &login, &shown(&html), "refuse").await;
    let location = header(&answered, "location");
    assert_eq!(
        parameter(&location, "error").as_deref(),
        Some("access_denied")
    );
    assert_eq!(
        parameter(&location, "iss").as_deref(),
        Some(app.issuer.as_str())
    );
    assert_eq!(parameter(&location, "code"), None);
    loop {
        let frame = connection.next().await.expect("the agent is told");
        if frame["state"] == "ended" {
            break;
        }
    }
}

/// Attack E20: from another site, by another browser, for another question, or without an answer.
#[tokio::test]
async fn only_our_own_page_in_this_browser_may_answer() {
    let app = explicit_app().await;
    let card = Card::pharmacist(&app);
    let (login, path, _connection) = asked(&app, &Request::new(), &card).await;
    let foreign = page(&app, &path, "a=b").await;
    assert_eq!(foreign.status(), 403);
    let html = page(&app, &path, &login.cookie).await.text().await.unwrap();
    let shown = shown(&html);
    for (name, origin, cookie, shown, answer, status) in [
        (
            "other site",
            "https://evil.test",
            login.cookie.as_str(),
            shown.as_str(),
            "allow",
            403,
        ),
        (
            "sandboxed frame",
            "null",
            login.cookie.as_str(),
            shown.as_str(),
            "allow",
            403,
        ),
        (
            "other browser",
            app.issuer.as_str(),
            "a=b",
            shown.as_str(),
            "allow",
            403,
        ),
        (
            "other question",
            app.issuer.as_str(),
            login.cookie.as_str(),
            "guess",
            "allow",
            410,
        ),
        (
            "no answer",
            app.issuer.as_str(),
            login.cookie.as_str(),
            shown.as_str(),
            "maybe",
            400,
        ),
    ] {
        let sent = app
            .post(&path)
            .header("Origin", origin)
            .header("Cookie", cookie)
            .form(&[("shown", shown), ("answer", answer)])
            .send()
            .await
            .unwrap();
        assert_eq!(sent.status(), status, "{name}");
        assert_eq!(header(&sent, "location"), "", "{name}");
    }
    assert_eq!(app.count_events("code.issued").await, 0);
    assert_eq!(post(&app, &login, &shown, "allow").await.status(), 303);
}

/// Attack E20: a button pressed many times at once is one answer.
#[tokio::test]
async fn of_many_presses_one_is_the_answer() {
    let app = explicit_app().await;
    let card = Card::pharmacist(&app);
    let (login, path, _connection) = asked(&app, &Request::new(), &card).await;
    let html = page(&app, &path, &login.cookie).await.text().await.unwrap();
    let shown = shown(&html);
    let presses = ["allow", "refuse", "allow", "refuse", "allow"];
    let answered = presses.map(|answer| post(&app, &login, &shown, answer));
    let mut statuses: Vec<u16> = futures_util::future::join_all(answered)
        .await
        .iter()
        .map(|response| response.status().as_u16())
        .collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 410, 410, 410, 410]);
}
