//! What a person is told of other uses of her card, over HTTP and over her agent's connection, and
//! what her word does that it was not she.

use cardea_assertion::UserVerification;
use cardea_test_pki::{CardProfile, KeyKind};
use reqwest::Response;
use serde_json::Value;

use crate::account::{Account, open, value_of};
use crate::card::{Card, PresenceConnection};
use crate::relying_party::{Login, Request, sign_in};
use crate::test_app::{REDIRECT_URI, TestApp, header, problem_code};

/// A use of the card without its PIN, which is refused.
async fn refused_use(app: &TestApp, card: &Card) {
    let login = Request::new().begin(app).await;
    let challenge = login.challenge(app).await;
    let without_pin = |it: &mut crate::card::Statement| it.claims.uv = UserVerification::None;
    let body = card.answer_with(app, &challenge, without_pin);
    let refused = login.post_assertion(app, &body).await;
    assert_eq!(problem_code(refused).await, "login.card_not_accepted");
}

/// A login whose card has answered, and where its page goes on.
async fn answered(app: &TestApp, card: &Card) -> (Login, String, PresenceConnection) {
    let login = Request::new().begin(app).await;
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

async fn get(app: &TestApp, path: &str, cookie: &str) -> Response {
    app.get(path).header("Cookie", cookie).send().await.unwrap()
}

async fn answer(app: &TestApp, login: &Login, origin: &str, form: &[(&str, &str)]) -> Response {
    app.post(&format!("/refused-uses/{}?lang=en", login.id))
        .header("Origin", origin)
        .header("Cookie", &login.cookie)
        .form(form)
        .send()
        .await
        .unwrap()
}

/// A person who has signed in at a workstation of hers, and whose card was refused at another.
async fn told(app: &TestApp) -> (Login, String, PresenceConnection) {
    let card = Card::pharmacist(app);
    sign_in(app, &Request::new(), &card).await;
    refused_use(app, &card.at_another_workstation()).await;
    let (login, path, connection) = answered(app, &card.shown_again()).await;
    assert_eq!(path, format!("/refused-uses/{}", login.id));
    let page = get(app, &format!("{path}?lang=en"), &login.cookie).await;
    assert_eq!(page.status(), 200);
    let policy = header(&page, "content-security-policy");
    assert!(!policy.contains("script-src"), "{policy}");
    (login, page.text().await.unwrap(), connection)
}

/// Attack E20 for the form.
#[tokio::test]
async fn the_next_login_tells_of_a_refused_use_and_goes_on_after_her_word() {
    let app = TestApp::start().await;
    let (login, html, _connection) = told(&app).await;
    assert!(
        html.contains("Your card was refused. Was it you?"),
        "{html}"
    );
    let shown = value_of(&html, "shown");
    let form = [("shown", shown.as_str())];
    let early = get(&app, &login.path("/answer"), &login.cookie).await;
    let location = header(&early, "location");
    assert_eq!(location, format!("/refused-uses/{}", login.id));
    let foreign = answer(&app, &login, "https://evil.test", &form).await;
    assert_eq!(foreign.status(), 403);
    let path = format!("/refused-uses/{}", login.id);
    assert_eq!(get(&app, &path, "a=b").await.status(), 403);
    let odd = [("shown", shown.as_str()), ("answer", "maybe")];
    assert_eq!(answer(&app, &login, &app.issuer, &odd).await.status(), 400);
    let confirmed = answer(&app, &login, &app.issuer, &form).await;
    assert_eq!(confirmed.status(), 303);
    let answered = get(&app, &header(&confirmed, "location"), &login.cookie).await;
    assert!(header(&answered, "location").starts_with(REDIRECT_URI));
}

#[tokio::test]
async fn not_she_opens_an_incident_and_the_login_can_go_on() {
    let app = TestApp::start().await;
    let (login, html, _connection) = told(&app).await;
    let shown = value_of(&html, "shown");
    let form = [("shown", shown.as_str()), ("answer", "not_me")];
    let said = answer(&app, &login, &app.issuer, &form).await;
    assert_eq!(said.status(), 200);
    let html = said.text().await.unwrap();
    for part in [
        "It is reported",
        "need not call anybody",
        "Reference of this report:",
    ] {
        assert!(html.contains(part), "{part} is not in {html}");
    }
    assert_eq!(app.count_events("incident.opened").await, 1);
    assert_eq!(app.count_events("account.not_me").await, 1);
    let answered = get(&app, &login.path("/answer"), &login.cookie).await;
    assert!(header(&answered, "location").starts_with(REDIRECT_URI));
}

/// The agent's connection carries it at once; that of the refused workstation carries nothing.
#[tokio::test]
async fn the_agent_of_a_running_session_is_told_at_once_of_both() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    let mut first = sign_in(&app, &Request::new(), &card).await.connection;
    let other = card.at_another_workstation();
    refused_use(&app, &other).await;
    let notice = next_notice(&app, &card, &mut first).await;
    assert_eq!(notice["kind"], "refused_use");
    assert_eq!(notice["code"], "login.card_not_accepted");
    assert!(!notice.to_string().contains(other.instance_key.kid()));
    let _second = sign_in(&app, &Request::new(), &other).await;
    let notice = next_notice(&app, &card, &mut first).await;
    assert_eq!(notice["kind"], "new_workstation");
    // Only then the session ends, because the card is elsewhere.
    loop {
        let frame = first.next().await.unwrap();
        if frame["type"] == "session" {
            assert_eq!(frame["reason"], "card_elsewhere");
            return;
        }
        assert_ne!(frame["type"], "notice", "each is told once");
    }
}

async fn next_notice(app: &TestApp, card: &Card, connection: &mut PresenceConnection) -> Value {
    loop {
        let frame = connection.next().await.expect("a notice");
        match frame["type"].as_str().unwrap() {
            "notice" => return frame,
            "nonce" => {
                let nonce = frame["nonce"].as_str().unwrap();
                connection.send(&card.present(app, nonce)).await;
            }
            _ => {}
        }
    }
}

/// Her last login, as her log has it.
async fn line_of(app: &TestApp, card_instance: &str) -> String {
    let events = app.events().await;
    let mut logins = events
        .into_iter()
        .filter(|event| event.kind == "login.accepted" && event.details.contains(card_instance));
    logins.next_back().unwrap().id
}

async fn say(account: &Account<'_>, app: &TestApp, form: &[(&str, &str)]) -> Response {
    let path = "/account/not-me?lang=en";
    account.post(path, &app.issuer, form).await
}

/// Attacks E20 and N4: own lines alone, this page's forms alone, and the same line once.
#[tokio::test]
async fn e20_a_line_of_her_own_is_reported_once_by_her_own_page_alone() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    let profile = CardProfile::pharmacist().with_key(KeyKind::P256);
    let elsewhere = Card::new(&app, &profile);
    let nurse = Card::new(&app, &CardProfile::nurse().with_key(KeyKind::P256));
    sign_in(&app, &Request::new(), &nurse).await;
    sign_in(&app, &Request::new(), &card).await;
    let mut other = sign_in(&app, &Request::new(), &elsewhere).await.connection;
    let account = open(&app, &card.shown_again()).await;
    let token = value_of(&account.html().await, "form_token");
    let line = line_of(&app, elsewhere.instance_key.kid()).await;
    let (token, event) = (("form_token", token.as_str()), ("event", line.as_str()));
    for (origin, form) in [
        ("https://evil.test", &[token, event][..]),
        (app.issuer.as_str(), &[("form_token", "another"), event][..]),
        (app.issuer.as_str(), &[event][..]),
    ] {
        let refused = account.post("/account/not-me", origin, form).await;
        assert_eq!(refused.status(), 403, "{origin} {form:?}");
    }
    let nurses = line_of(&app, nurse.instance_key.kid()).await;
    for event in [nurses.as_str(), "no line", ""] {
        let refused = say(&account, &app, &[token, ("event", event)]).await;
        assert_eq!(refused.status(), 400, "{event}");
    }
    assert_eq!(app.count_events("incident.opened").await, 0);
    let said = say(&account, &app, &[token, event]).await;
    assert_eq!(said.status(), 200);
    let html = said.text().await.unwrap();
    for part in [
        "It is reported",
        "Suspend this card now",
        "Take this workstation out",
    ] {
        assert!(html.contains(part), "{part} is not in {html}");
    }
    // The other session's agent hears of its end.
    loop {
        let frame = other.next().await.unwrap();
        if frame["type"] == "session" {
            assert_eq!(frame["reason"], "not_me");
            break;
        }
    }
    assert_eq!(say(&account, &app, &[token, event]).await.status(), 200);
    assert_eq!(app.count_events("incident.opened").await, 1);
    assert_eq!(app.count_events("account.not_me").await, 1);
    // One more button: the card of the line is suspended from the same page.
    let card_id = html.split("name=\"card\" value=\"");
    let ids: Vec<_> = card_id
        .skip(1)
        .map(|it| it.split('"').next().unwrap())
        .collect();
    assert_eq!(ids.len(), 2);
    for (then, words) in [
        ("revoke_workstation", "The workstation is taken out"),
        ("end_this", "This session is over as well"),
    ] {
        let said = say(&account, &app, &[token, event, ("then", then)]).await;
        let html = said.text().await.unwrap();
        assert!(html.contains(words), "{words} is not in {html}");
    }
    let closed = say(&account, &app, &[token, event]).await;
    assert_ne!(closed.status(), 200, "her page is closed");
}

#[tokio::test]
async fn a_card_is_suspended_right_where_she_says_that_it_was_not_she() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    let account = open(&app, &card).await;
    let token = value_of(&account.html().await, "form_token");
    let another = card.at_another_workstation();
    refused_use(&app, &another).await;
    let events = app.events().await;
    let line = events
        .iter()
        .rfind(|it| it.kind == "login.refused")
        .unwrap();
    assert!(line.sub.is_some());
    let (token, event) = (("form_token", token.as_str()), ("event", line.id.as_str()));
    let said = say(&account, &app, &[token, event]).await;
    let html = said.text().await.unwrap();
    let id = value_of(&html, "card");
    let form = [
        token,
        event,
        ("card", id.as_str()),
        ("then", "suspend_card"),
    ];
    let said = say(&account, &app, &form).await;
    assert_eq!(said.status(), 200);
    let html = said.text().await.unwrap();
    assert!(html.contains("The card is suspended"), "{html}");
    let login = Request::new().begin(&app).await;
    let challenge = login.challenge(&app).await;
    let body = card.shown_again().answer(&app, &challenge);
    let refused = login.post_assertion(&app, &body).await;
    assert_eq!(problem_code(refused).await, "login.card_suspended");
}
