//! The notice of a new workstation over HTTP, between the card's answer and the portal.

use reqwest::Response;
use serde_json::Value;

use crate::card::{Card, PresenceConnection};
use crate::relying_party::{Login, Request, parameter, sign_in};
use crate::test_app::{REDIRECT_URI, TestApp, header};

/// A login whose card has answered, and where its page goes on.
async fn answered(
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
    let body: Value = response.json().await.unwrap();
    let path = body["redirect_to"].as_str().unwrap().to_owned();
    (login, path, connection)
}

async fn page(app: &TestApp, path: &str, cookie: &str) -> Response {
    app.get(path).header("Cookie", cookie).send().await.unwrap()
}

async fn confirm(app: &TestApp, login: &Login, origin: &str, html: &str) -> Response {
    let (_, rest) = html.split_once("name=\"shown\" value=\"").unwrap();
    let shown = rest.split_once('"').unwrap().0;
    app.post(&format!("/new-workstations/{}", login.id))
        .header("Origin", origin)
        .header("Cookie", &login.cookie)
        .form(&[("shown", shown)])
        .send()
        .await
        .unwrap()
}

/// A login at the first workstation, after one at another, in a mode of answer.
async fn the_notice_in_mode(mode: &str) {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    sign_in(&app, &Request::new(), &card).await;
    sign_in(&app, &Request::new(), &card.at_another_workstation()).await;
    let request = Request::new().with("response_mode", mode);
    let (login, mut path, _connection) = answered(&app, &request, &card.shown_again()).await;
    if mode == "form_post" {
        assert_eq!(path, login.path("/answer"));
        path = header(&page(&app, &path, &login.cookie).await, "location");
    }
    assert_eq!(path, format!("/new-workstations/{}", login.id));
    let response = page(&app, &format!("{path}?lang=en"), &login.cookie).await;
    assert_eq!(response.status(), 200);
    let policy = header(&response, "content-security-policy");
    assert!(policy.contains("form-action 'self' https://portal.example.test;"));
    assert!(!policy.contains("script-src"), "{policy}");
    let html = response.text().await.unwrap();
    assert!(html.contains("It was me – continue"), "{html}");
    // Nothing leads on without her word.
    let early = page(&app, &login.path("/answer"), &login.cookie).await;
    assert_eq!(header(&early, "location"), path);
    let foreign = confirm(&app, &login, "https://evil.test", &html).await;
    assert_eq!(foreign.status(), 403);
    assert_eq!(page(&app, &path, "a=b").await.status(), 403);

    let confirmed = confirm(&app, &login, &app.issuer, &html).await;
    assert_eq!(confirmed.status(), 303);
    let location = header(&confirmed, "location");
    assert_eq!(location, login.path("/answer"));
    let answer = page(&app, &location, &login.cookie).await;
    if mode == "form_post" {
        assert_eq!(answer.status(), 200);
        assert!(answer.text().await.unwrap().contains(REDIRECT_URI));
        return;
    }
    let location = header(&answer, "location");
    assert!(location.starts_with(REDIRECT_URI), "{location}");
    let code = parameter(&location, "code").unwrap();
    assert_eq!(request.redeem(&app, &code).await.status(), 200);
}

#[tokio::test]
async fn the_next_login_shows_a_new_workstation_and_goes_on_after_her_word() {
    the_notice_in_mode("query").await;
}

#[tokio::test]
async fn a_login_that_ends_in_a_form_shows_it_too() {
    the_notice_in_mode("form_post").await;
}

#[tokio::test]
async fn the_page_of_consent_comes_after_it() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    sign_in(&app, &Request::new(), &card).await;
    sign_in(&app, &Request::new(), &card.at_another_workstation()).await;
    let request = Request::new().with("prompt", "consent");
    let (login, path, _connection) = answered(&app, &request, &card.shown_again()).await;
    assert_eq!(path, format!("/new-workstations/{}", login.id));
    let consent = format!("/consent/{}", login.id);
    let early = page(&app, &consent, &login.cookie).await;
    assert_eq!(early.status(), 303);
    assert_eq!(header(&early, "location"), path);

    let notice = page(&app, &path, &login.cookie).await;
    let html = notice.text().await.unwrap();
    let confirmed = confirm(&app, &login, &app.issuer, &html).await;
    let answer = page(&app, &header(&confirmed, "location"), &login.cookie).await;
    assert_eq!(header(&answer, "location"), consent);
    assert_eq!(page(&app, &consent, &login.cookie).await.status(), 200);
}

/// The language of the login page is that of every page after it, whatever the browser says.
#[tokio::test]
async fn the_language_goes_along_from_page_to_page() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    sign_in(&app, &Request::new(), &card).await;
    sign_in(&app, &Request::new(), &card.at_another_workstation()).await;
    let request = Request::new().with("prompt", "consent");
    let login = request.begin(&app).await;
    let card = card.shown_again();
    let challenge = login.challenge(&app).await;
    let mut connection = card.connect(&app).await;
    let body = card.answer(&app, &challenge);
    let path = login.path("/assertion?lang=en");
    let posting = app.post_json(&path, &login.cookie, &body).send();
    let (response, ()) = tokio::join!(posting, connection.prove(&app, &card));
    let body: Value = response.unwrap().json().await.unwrap();
    let notice = body["redirect_to"].as_str().unwrap();
    assert_eq!(notice, format!("/new-workstations/{}?lang=en", login.id));

    let html = page(&app, notice, &login.cookie)
        .await
        .text()
        .await
        .unwrap();
    let (_, rest) = html.split_once("name=\"shown\" value=\"").unwrap();
    let confirmed = app
        .post(notice)
        .header("Origin", &app.issuer)
        .header("Cookie", &login.cookie)
        .form(&[("shown", rest.split_once('"').unwrap().0)]);
    let confirmed = header(&confirmed.send().await.unwrap(), "location");
    assert_eq!(confirmed, login.path("/answer?lang=en"));
    let consent = header(&page(&app, &confirmed, &login.cookie).await, "location");
    assert_eq!(consent, format!("/consent/{}?lang=en", login.id));
}

#[tokio::test]
async fn an_answer_without_what_was_shown_is_none() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    sign_in(&app, &Request::new(), &card).await;
    sign_in(&app, &Request::new(), &card.at_another_workstation()).await;
    let (login, path, _connection) = answered(&app, &Request::new(), &card.shown_again()).await;
    for (form, status) in [
        (vec![], 400),
        (vec![("other", "x")], 400),
        (vec![("shown", "x"), ("shown", "x")], 400),
        (vec![("shown", "x")], 410),
    ] {
        let posted = app
            .post(&path)
            .header("Origin", &app.issuer)
            .header("Cookie", &login.cookie)
            .form(&form)
            .send()
            .await
            .unwrap();
        assert_eq!(posted.status(), status, "{form:?}");
    }
}

/// Attack M3: "it was not me" takes the stranger's workstation out, says what to do now, and lets
/// her go on.
#[tokio::test]
async fn m3_it_was_not_me_takes_the_workstation_out_and_leads_on() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    sign_in(&app, &Request::new(), &card).await;
    sign_in(&app, &Request::new(), &card.at_another_workstation()).await;
    let (login, path, _connection) = answered(&app, &Request::new(), &card.shown_again()).await;
    let notice = page(&app, &path, &login.cookie).await;
    let html = notice.text().await.unwrap();
    let (_, rest) = html.split_once("name=\"shown\" value=\"").unwrap();
    let shown = rest.split_once('"').unwrap().0;
    let deny = async |origin: &str, word: &str| {
        app.post(&format!("{path}?lang=en"))
            .header("Origin", origin)
            .header("Cookie", &login.cookie)
            .form(&[("shown", shown), ("answer", word)])
            .send()
            .await
            .unwrap()
    };
    assert_eq!(deny("https://evil.test", "not_mine").await.status(), 403);
    assert_eq!(deny(&app.issuer, "mine?").await.status(), 400);
    let denied = deny(&app.issuer, "not_mine").await;
    assert_eq!(denied.status(), 200);
    let html = denied.text().await.unwrap();
    for part in ["is taken out", "/suspend?lang=en", &login.path("/answer")] {
        assert!(html.contains(part), "{part} is not in {html}");
    }
    assert_eq!(app.count_events("agent_instance.revoked_by_owner").await, 1);
    let answer = page(&app, &login.path("/answer"), &login.cookie).await;
    assert!(header(&answer, "location").starts_with(REDIRECT_URI));
}
