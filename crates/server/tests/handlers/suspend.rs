//! Lost cards over HTTP: the code that is offered at a login, the page that takes it from any
//! browser, and the operator who lifts what it did.

use cardea_jose::base64url;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::admin::{Operator, changes};
use crate::card::{Card, PresenceConnection};
use crate::relying_party::{Login, Request, parameter, sign_in};
use crate::test_app::{Changes, TestApp, header, problem_code};

/// A server as it is without a word about the code: it offers it at the first login with a card.
async fn offering() -> TestApp {
    let table = "[suspension]\noffer_code = \"account_page\"\n";
    TestApp::start_with(Changes::replacing(table, "")).await
}

/// A login whose card has answered: what the page is told.
async fn answer(app: &TestApp, card: &Card) -> (Login, Response, PresenceConnection) {
    let login = Request::new().begin(app).await;
    let challenge = login.challenge(app).await;
    let mut connection = card.connect(app).await;
    let body = card.answer(app, &challenge);
    let posted = login.post_assertion(app, &body);
    // A card that is refused is never asked for its presence.
    let response = connection.proving_until(app, card, posted).await;
    (login, response, connection)
}

/// Where the page goes on.
async fn path_of(response: Response) -> String {
    let body: Value = response.json().await.unwrap();
    body["redirect_to"].as_str().unwrap().to_owned()
}

async fn page(app: &TestApp, path: &str, cookie: &str) -> Response {
    app.get(path).header("Cookie", cookie).send().await.unwrap()
}

/// What stands between a mark and the next one.
fn between(html: &str, before: &str, after: &str) -> String {
    let (_, rest) = html.split_once(before).unwrap_or_else(|| panic!("{html}"));
    rest.split_once(after).unwrap().0.to_owned()
}

async fn say(app: &TestApp, login: &Login, html: &str, answer: &str) -> Response {
    let shown = between(html, "name=\"shown\" value=\"", "\"");
    app.post(&format!("/card-news/{}", login.id))
        .header("Origin", &app.issuer)
        .header("Cookie", &login.cookie)
        .form(&[("shown", shown.as_str()), ("answer", answer)])
        .send()
        .await
        .unwrap()
}

async fn post(app: &TestApp, path: &str, origin: &str, form: &[(&str, &str)]) -> Response {
    let request = app.post(path).header("Origin", origin).form(form);
    request.send().await.unwrap()
}

async fn type_code(app: &TestApp, code: &str) -> Response {
    post(app, "/suspend?lang=en", &app.issuer, &[("code", code)]).await
}

/// A code from a first login.
async fn code_of(app: &TestApp, card: &Card) -> String {
    let (login, response, _connection) = answer(app, card).await;
    let path = path_of(response).await;
    let html = page(app, &path, &login.cookie).await.text().await.unwrap();
    let made = say(app, &login, &html, "make_code").await;
    let html = made.text().await.unwrap();
    between(&html, "<p class=\"secret\"><code>", "</code>")
}

#[tokio::test]
async fn a_code_from_a_first_login_suspends_the_card_from_any_browser_and_an_operator_lifts_it() {
    let app = offering().await;
    let card = Card::pharmacist(&app);
    let (login, response, _connection) = answer(&app, &card).await;
    let path = path_of(response).await;
    assert_eq!(path, format!("/card-news/{}", login.id));
    let response = page(&app, &format!("{path}?lang=en"), &login.cookie).await;
    let policy = header(&response, "content-security-policy");
    assert!(!policy.contains("script-src"), "{policy}");
    let html = response.text().await.unwrap();
    assert!(
        html.contains("Show my code") && html.contains("Not now"),
        "{html}"
    );
    let early = page(&app, &login.path("/answer"), &login.cookie).await;
    assert_eq!(header(&early, "location"), path, "nothing leads around it");
    let made = say(&app, &login, &html, "make_code").await;
    assert_eq!(made.status(), 200);
    assert_eq!(header(&made, "cache-control"), "no-store");
    let html = made.text().await.unwrap();
    let code = between(&html, "<p class=\"secret\"><code>", "</code>");
    assert_eq!(code.len(), 19);
    let onward = page(&app, &login.path("/answer"), &login.cookie).await;
    let portal_code = parameter(&header(&onward, "location"), "code").unwrap();

    // Another browser, without any cookie.
    let asked = app.get("/suspend").send().await.unwrap();
    assert_eq!(asked.status(), 200);
    assert!(asked.headers().get("set-cookie").is_none());
    let told = type_code(&app, &code.to_lowercase().replace('-', " ")).await;
    assert_eq!(told.status(), 200);
    assert!(told.headers().get("set-cookie").is_none());
    let html = told.text().await.unwrap();
    assert!(html.contains("CPS (health professional’s card)"), "{html}");
    for name in ["LEFEVRE", "Dominique", "99700000029", &code] {
        assert!(!html.contains(name), "{name} is told: {html}");
    }
    let ticket = between(&html, "name=\"ticket\" value=\"", "\"");
    let yes = [("ticket", ticket.as_str())];
    let foreign = post(&app, "/suspend/confirm", "https://evil.test", &yes).await;
    assert_eq!(foreign.status(), 403);
    let done = post(&app, "/suspend/confirm?lang=en", &app.issuer, &yes).await;
    assert_eq!(done.status(), 200);
    assert!(done.text().await.unwrap().contains("The card is suspended"));
    let again = post(&app, "/suspend/confirm?lang=en", &app.issuer, &yes).await;
    assert_eq!(again.status(), 410, "a yes is good once");
    let again = type_code(&app, &code).await.text().await.unwrap();
    assert!(again.contains("suspended since"), "{again}");

    assert_eq!(app.count_events("card.suspended_by_code").await, 1);
    let redeemed = Request::new().redeem(&app, &portal_code).await;
    assert_eq!(redeemed.status(), 400, "the code of the ended session");
    let (_, refused, _connection) = answer(&app, &card.shown_again()).await;
    assert_eq!(refused.status(), 403);
    assert_eq!(problem_code(refused).await, "login.card_suspended");

    her_other_card_tells_her(&app).await;
    an_operator_lifts_it(&app).await;
    let (_, response, _connection) = answer(&app, &card.shown_again()).await;
    assert_eq!(response.status(), 200);
}

/// Her other card goes on, and tells her.
async fn her_other_card_tells_her(app: &TestApp) {
    let other = Card::pharmacist(app);
    let (login, response, _connection) = answer(app, &other).await;
    let path = path_of(response).await;
    let html = page(app, &format!("{path}?lang=en"), &login.cookie).await;
    let html = html.text().await.unwrap();
    assert!(html.contains("A card of yours is suspended"), "{html}");
    assert!(html.contains("Somebody last tried to sign in"), "{html}");
    let gone_on = say(app, &login, &html, "go_on").await;
    assert_eq!(gone_on.status(), 303);
    let answered = page(app, &header(&gone_on, "location"), &login.cookie).await;
    assert!(parameter(&header(&answered, "location"), "code").is_some());
}

async fn an_operator_lifts_it(app: &TestApp) {
    let listed = app.operate_on("cards", &["list"]).await;
    let cards = listed["cards"].as_array().unwrap();
    assert_eq!(cards.len(), 1, "{listed}");
    assert_eq!(cards[0]["suspended_by"], "code");
    let id = cards[0]["id"].as_str().unwrap();
    let reason = ["resume", id, "--reason", "came with her passport"];
    let resumed = app.operate_on("cards", &reason).await;
    assert!(resumed["card"].get("suspended_at").is_none(), "{resumed}");
}

/// Attack L2: one answer for whatever is no card's code, and none of them leaves a row.
#[tokio::test]
async fn l2_wrong_codes_look_alike_and_mistyped_ones_are_told_without_asking() {
    let app = offering().await;
    let code = code_of(&app, &Card::pharmacist(&app)).await;
    let before = app.events().await.len();
    let compact = code.replace('-', "");
    let mut changed: Vec<char> = compact.chars().collect();
    changed.swap(1, 2);
    let mistyped: String = match changed[1] == changed[2] {
        true => format!("0{}", &compact[1..]),
        false => changed.iter().collect(),
    };
    for typed in [
        mistyped.as_str(),
        "",
        "0000",
        &"é".repeat(40),
        &"2".repeat(500),
    ] {
        assert_eq!(type_code(&app, typed).await.status(), 422, "{typed}");
    }
    // One that never was, and one that begins as the right one does.
    let mut answers = Vec::new();
    for wrong in ["2222-2222-2222-2222".to_owned(), forged(&compact)] {
        let response = type_code(&app, &wrong).await;
        assert_eq!(response.status(), 403, "{wrong}");
        answers.push(response.text().await.unwrap());
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(app.events().await.len(), before);
    assert_eq!(type_code(&app, &code).await.status(), 200);
}

/// A wrong code that looks right: two characters of the secret are changed so that the check fits.
fn forged(compact: &str) -> String {
    const LETTERS: &str = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    for first in LETTERS.chars() {
        for second in LETTERS.chars() {
            let mut letters: Vec<char> = compact.chars().collect();
            (letters[9], letters[10]) = (first, second);
            let text: String = letters.iter().collect();
            if text != compact && cardea_provider::SuspendCode::parse(&text).is_ok() {
                return text;
            }
        }
    }
    panic!("the check character lets one in 32 pass")
}

/// Attacks L1 and L4.
#[tokio::test]
async fn l1_an_address_that_guesses_keeps_no_right_code_out_and_no_foreign_page_guesses() {
    let app = offering().await;
    let code = code_of(&app, &Card::pharmacist(&app)).await;
    for (origin, form, status) in [
        ("https://evil.test", vec![("code", code.as_str())], 403),
        ("null", vec![("code", &code)], 403),
        (&app.issuer, vec![("other", &code)], 400),
        (&app.issuer, vec![("code", &code), ("code", &code)], 400),
        (&app.issuer, vec![], 400),
    ] {
        let response = post(&app, "/suspend", origin, &form).await;
        assert_eq!(response.status(), status, "{origin} {form:?}");
    }
    let wrong = "2222-2222-2222-2222";
    for tried in 0..20 {
        assert_eq!(type_code(&app, wrong).await.status(), 403, "{tried}");
    }
    // Beyond, the address hears that it guesses; also for one that begins as the right one does.
    for wrong in [wrong.to_owned(), forged(&code.replace('-', ""))] {
        for _ in 0..20 {
            let stopped = type_code(&app, &wrong).await;
            assert_eq!(stopped.status(), 429);
            let html = stopped.text().await.unwrap();
            assert!(html.contains("The right code is still accepted"), "{html}");
        }
    }
    let made_up = base64url(&[7; 32]);
    let yes = [("ticket", made_up.as_str())];
    let response = post(&app, "/suspend/confirm", &app.issuer, &yes).await;
    assert_eq!(response.status(), 410);
    // The thief and the owner sit behind one address: her card is suspended all the same.
    let told = type_code(&app, &code).await;
    assert_eq!(told.status(), 200);
    let html = told.text().await.unwrap();
    let ticket = between(&html, "name=\"ticket\" value=\"", "\"");
    let yes = [("ticket", ticket.as_str())];
    let done = post(&app, "/suspend/confirm?lang=en", &app.issuer, &yes).await;
    assert_eq!(done.status(), 200);
    assert_eq!(app.count_events("card.suspended_by_code").await, 1);
}

#[tokio::test]
async fn an_operator_suspends_and_lifts_through_the_admin_api() {
    let app = TestApp::start_with(changes()).await;
    let nurse = cardea_test_pki::CardProfile::nurse();
    let nurse = nurse.with_key(cardea_test_pki::KeyKind::P256);
    let card = Card::new(&app, &nurse);
    let signed_in = sign_in(&app, &Request::new(), &card).await;
    let operator = Operator::sign_in(&app).await;
    let search = |of: &str| Some(json!({ "of": of }));
    let path = "/admin/cards/search";
    let (status, found) = operator
        .told(Method::POST, path, search("899700000037"))
        .await;
    assert_eq!(status, 200, "{found}");
    let id = found["cards"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(found["cards"][0]["family"], "cps");
    let suspend = format!("/admin/cards/{id}/suspend");
    let resume = format!("/admin/cards/{id}/resume");
    let reason = |text: &str| Some(json!({ "reason": text }));
    for (path, reason, status, code) in [
        (&suspend, "", 400, "provider.suspension_reason_invalid"),
        (&resume, "found", 409, "provider.card_not_suspended"),
        (
            &"/admin/cards/none/suspend".to_owned(),
            "lost",
            404,
            "provider.card_unknown",
        ),
    ] {
        let body = Some(json!({ "reason": reason }));
        let (told, refused) = operator.told(Method::POST, path, body).await;
        assert_eq!((told, &refused["code"]), (status, &json!(code)), "{path}");
    }
    let (status, card_now) = operator
        .told(Method::POST, &suspend, reason("called at night"))
        .await;
    assert_eq!(status, 200, "{card_now}");
    assert_eq!(card_now["suspended_by"], "operator");
    let redeemed = Request::new().redeem(&app, &signed_in.code).await;
    assert_eq!(redeemed.status(), 400);
    let (_, refused, _connection) = answer(&app, &card.shown_again()).await;
    assert_eq!(problem_code(refused).await, "login.card_suspended");
    let (_, listed) = operator.told(Method::GET, "/admin/cards", None).await;
    assert_eq!(listed["cards"].as_array().unwrap().len(), 1);
    assert!(listed["cards"][0]["refused_at"].is_string(), "{listed}");
    let (status, again) = operator.told(Method::POST, &suspend, reason("twice")).await;
    assert_eq!(
        (status, again["code"].as_str()),
        (409, Some("provider.card_suspended_already"))
    );
    let (status, _) = operator
        .told(Method::POST, &resume, reason("seen with her passport"))
        .await;
    assert_eq!(status, 200);
    let (_, response, _connection) = answer(&app, &card.shown_again()).await;
    assert_eq!(response.status(), 200);
    // Nobody vouches for herself.
    let (_, own) = operator
        .told(Method::POST, path, search("899700000029"))
        .await;
    let own = own["cards"][0]["id"].as_str().unwrap();
    app.operate_on("cards", &["suspend", own, "--reason", "lost"])
        .await;
    assert_eq!(app.count_events("card.suspended_by_operator").await, 2);
}

/// Wherever people read "call the support of this service" they read its number, if the operator
/// has said it; where not, the check of the configuration warns.
#[tokio::test(flavor = "multi_thread")]
async fn pages_say_whom_to_call() {
    let silent = TestApp::start().await;
    let html = page(&silent, "/suspend?lang=en", "a=b").await.text().await;
    assert!(!html.unwrap().contains("tel:"));
    let checked = silent.operate_on("config", &["check"]).await;
    assert_eq!(checked["warnings"][0]["key"], "support");
    let table = "[support]\ntelephone = \"+33 (0)1 23 45 67 89\"\n\
                 url = \"https://help.example.test/\"\nhours = \"7 h – <b>22 h\"\n[presence]";
    let app = TestApp::start_with(Changes::replacing("[presence]", table)).await;
    let checked = app.operate_on("config", &["check"]).await;
    assert!(checked.get("warnings").is_none(), "{checked}");
    let login = Request::new().begin(&app).await;
    for path in ["/suspend?lang=en".to_owned(), login.path("?lang=en")] {
        let html = page(&app, &path, &login.cookie).await.text().await.unwrap();
        for part in [
            "<a href=\"tel:+33123456789\">+33 (0)1 23 45 67 89</a>",
            "<a href=\"https://help.example.test/\"",
            "(7 h – &#60;b&#62;22 h)",
        ] {
            assert!(html.contains(part), "{part} is not in {html}");
        }
    }
}
