//! The operators' console over HTTP: who gets in, that a look is on record, and that what matters
//! most takes two persons' cards (attack H14).

use cardea_test_pki::{CardProfile, KeyKind};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::account::value_of;
use crate::account_stops::{changes as changes_with_guards, nurse, stopped};
use crate::admin::Operator;
use crate::card::{Card, PresenceConnection};
use crate::relying_party::Login;
use crate::test_app::{Changes, TestApp, header, problem_code};

/// A server with two operators: the pharmacist and the doctor.
pub(crate) fn changes() -> Changes {
    let mut changes = changes_with_guards();
    for (_, with) in &mut changes.replace {
        *with = with.replace(
            "name = \"Dominique\"\n",
            "name = \"Dominique\"\n[[admin.operator]]\nsubject_id = \"899700000011\"\n\
             subject_id_type = \"rpps\"\nname = \"Camille\"\n",
        );
    }
    changes
}

fn doctor(app: &TestApp) -> Card {
    Card::new(app, &CardProfile::doctor().with_key(KeyKind::P256))
}

/// A browser at the console.
pub(crate) struct Console<'a> {
    app: &'a TestApp,
    cookie: String,
    connection: PresenceConnection,
}

fn cookies(response: &Response) -> Vec<String> {
    let values = response.headers().get_all("set-cookie").iter();
    let values = values.map(|it| it.to_str().unwrap().split(';').next().unwrap().to_owned());
    values.filter(|it| !it.ends_with('=')).collect()
}

async fn get(app: &TestApp, path: &str, cookie: &str) -> Response {
    app.get(path).header("Cookie", cookie).send().await.unwrap()
}

/// A login to the console up to its code: where it leads, and the cookie that it is tied to.
async fn arrive(app: &TestApp, card: &Card) -> (String, String, PresenceConnection) {
    let begun = app.get("/console?lang=en").send().await.unwrap();
    assert_eq!(begun.status(), 303);
    let path = header(&begun, "location");
    let id = path.strip_prefix("/login/").unwrap().split('?').next();
    let cookies = cookies(&begun);
    let [login_cookie, verifier] = cookies.as_slice() else {
        panic!("{cookies:?}");
    };
    let login = Login {
        id: id.unwrap().to_owned(),
        cookie: login_cookie.clone(),
    };
    let challenge = login.challenge(app).await;
    let mut connection = card.connect(app).await;
    let body = card.answer(app, &challenge);
    let (response, ()) = tokio::join!(
        login.post_assertion(app, &body),
        connection.prove(app, card)
    );
    let body: Value = response.json().await.unwrap();
    let location = body["redirect_to"].as_str().unwrap().to_owned();
    let callback = location.strip_prefix(&app.issuer).unwrap();
    (callback.to_owned(), verifier.clone(), connection)
}

pub(crate) async fn open<'a>(app: &'a TestApp, card: &Card) -> Console<'a> {
    let (callback, verifier, connection) = arrive(app, card).await;
    let opened = get(app, &callback, &verifier).await;
    assert_eq!(opened.status(), 303);
    assert_eq!(header(&opened, "location"), "/console?lang=en");
    let cookies = cookies(&opened);
    let cookie = cookies.iter().find(|it| it.starts_with("cardea-console="));
    Console {
        app,
        cookie: cookie.unwrap().clone(),
        connection,
    }
}

impl Console<'_> {
    pub(crate) fn cookie(&self) -> &str {
        &self.cookie
    }

    pub(crate) async fn html(&self, path: &str) -> String {
        let page = get(self.app, &format!("{path}?lang=en"), &self.cookie).await;
        assert_eq!(page.status(), 200, "{path}");
        let policy = header(&page, "content-security-policy");
        assert!(!policy.contains("script-src"), "{policy}");
        page.text().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> (u16, String) {
        let token = value_of(&self.html("/console/search").await, "form_token");
        let mut form = form.to_vec();
        form.push(("form_token", &token));
        let sent = self.send(path, &self.app.issuer, &form).await;
        (sent.status().as_u16(), sent.text().await.unwrap())
    }

    async fn send(&self, path: &str, origin: &str, form: &[(&str, &str)]) -> Response {
        let post = self.app.post(path).header("Origin", origin);
        let post = post.header("Cookie", &self.cookie).form(form);
        post.send().await.unwrap()
    }
}

/// The one stop that is open.
async fn stop_of(app: &TestApp) -> Value {
    let listed = app.operate_on("stops", &["list"]).await;
    listed["stops"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn h14_an_operators_card_opens_the_console_and_no_other() {
    let app = TestApp::start_with(changes()).await;
    let (callback, verifier, _connection) = arrive(&app, &nurse(&app)).await;
    let refused = get(&app, &callback, &verifier).await;
    assert_eq!(refused.status(), 403);
    assert!(cookies(&refused).is_empty());
    let words = refused.text().await.unwrap();
    assert!(words.contains("provider.admin_not_operator"), "{words}");
    let refusals = app.events().await;
    let refusal = refusals.iter().find(|it| it.kind == "console.refused");
    let refusal = refusal.unwrap();
    assert_eq!(refusal.code.as_deref(), Some("provider.admin_not_operator"));
    assert!(refusal.sub.is_some());
    let console = open(&app, &Card::pharmacist(&app)).await;
    for (path, part) in [
        ("/console", "Logins a day"),
        ("/console/search", "There is no search by people’s names"),
        ("/console/incidents", "No incident waits"),
        ("/console/incidents/closed", "No incident has been closed"),
        ("/console/report", "Give a span of time"),
        ("/console/stops", "No account is stopped"),
        ("/console/cards", "There is none"),
        ("/console/anchors", "cardea anchors on the server"),
        ("/console/approvals", "take two operators"),
    ] {
        let html = console.html(path).await;
        assert!(html.contains(part), "{part} is not in {html}");
        assert!(html.contains("LEFEVRE-TEST"), "{html}");
        assert!(!html.contains("style="), "{html}");
    }
    assert_eq!(app.count_events("console.opened").await, 1);
    let (status, html) = console.post("/console/close?lang=en", &[]).await;
    assert_eq!(status, 303, "{html}");
    let again = get(&app, "/console", &console.cookie).await;
    assert!(header(&again, "location").starts_with("/login/"));
}

/// Attacks E17, E20 and H5: another browser's code, another page's form, another session's token,
/// the account's cookie, and a card that has left.
#[tokio::test(flavor = "multi_thread")]
async fn e17_e20_h5_nobody_opens_or_posts_for_an_operator() {
    let app = TestApp::start_with(changes()).await;
    let card = Card::pharmacist(&app);
    let (callback, _, _connection) = arrive(&app, &card).await;
    for cookie in ["a=b", "cardea-console-login=another"] {
        let planted = get(&app, &callback, cookie).await;
        assert_eq!(planted.status(), 403, "{cookie}");
    }
    let console = open(&app, &card.shown_again()).await;
    let token = value_of(&console.html("/console/search").await, "form_token");
    let form = [("word", "x"), ("form_token", token.as_str())];
    for (origin, form) in [
        ("https://evil.example", form.as_slice()),
        (app.issuer.as_str(), &form[..1]),
        (
            app.issuer.as_str(),
            &[("word", "x"), ("form_token", "another")],
        ),
    ] {
        let refused = console.send("/console/search", origin, form).await;
        assert_eq!(refused.status(), 403, "{origin} {form:?}");
    }
    let sent = console.send("/console/search", &app.issuer, &form).await;
    assert_eq!(sent.status(), 200);
    // What opens one page of ours opens no other.
    let (_, value) = console.cookie.split_once('=').unwrap();
    let account = get(&app, "/account", &format!("cardea-account={value}")).await;
    assert!(header(&account, "location").starts_with("/login/"));
    drop(console.connection);
    let cookie = &console.cookie;
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        let page = get(&app, "/console", cookie).await;
        if page.status() == 303 {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "it stays open");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let post = app.post("/console/search").header("Cookie", cookie);
    let post = post.header("Origin", &app.issuer).form(&form);
    let late = post.send().await.unwrap();
    assert_eq!(late.status(), 403);
    let words = late.text().await.unwrap();
    assert!(words.contains("login.console_closed"), "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_look_at_a_person_is_an_event_of_hers() {
    let app = TestApp::start_with(changes()).await;
    let token = stopped(&app, &nurse(&app)).await;
    let session = app.events().await;
    let session = session.iter().find(|it| it.kind == "session.activated");
    let (sub, session) = {
        let event = session.unwrap();
        (
            event.sub.clone().unwrap(),
            event.session_id.clone().unwrap(),
        )
    };
    let client = token["client_id"].as_str().unwrap().to_owned();
    let console = open(&app, &Card::pharmacist(&app)).await;
    let looks = async |view: &str| {
        let events = app.events().await;
        let looks = events.into_iter().filter(|event| {
            let is_hers = event.sub.as_deref() == Some(sub.as_str());
            let details = &event.details;
            let view = format!("\"view\":\"{view}\"");
            event.kind == "console.looked_at" && is_hers && details.contains(&view)
        });
        looks.count()
    };
    for (path, view, part) in [
        (
            format!("/console/person/{sub}"),
            "person",
            "Look-ups and budget",
        ),
        (
            format!("/console/session/{session}"),
            "session",
            "session.activated",
        ),
        (
            format!("/console/portal/{client}"),
            "portal",
            "tokens.issued",
        ),
        ("/console/stops".to_owned(), "stops", "before: 16 / 2"),
    ] {
        let html = console.html(&path).await;
        assert!(html.contains(part), "{part} is not in {html}");
        assert_eq!(looks(view).await, 1, "{view}");
        // A page that is loaded again is no second look.
        console.html(&path).await;
        assert_eq!(looks(view).await, 1, "{view}");
    }
    let (status, html) = console
        .post("/console/search?lang=en", &[("word", &sub)])
        .await;
    assert_eq!(status, 200);
    assert!(html.contains(&format!("/console/person/{sub}")), "{html}");
    assert_eq!(looks("search").await, 1);
    let report = [
        ("session", session.as_str()),
        ("from", ""),
        ("to", ""),
        ("form", "csv"),
    ];
    let (status, csv) = console.post("/console/report?lang=en", &report).await;
    assert_eq!(status, 200, "{csv}");
    assert_eq!(looks("incident_report").await, 1);
    nobody_is_found_by_less(&console, &sub).await;
    let unknown = get(&app, "/console/person/nobody", &console.cookie).await;
    assert_eq!(unknown.status(), 404);
}

/// By her name, or by a part of anything.
async fn nobody_is_found_by_less(console: &Console<'_>, sub: &str) {
    for word in ["MOREAU", "Alix", &sub[..8], "", "%"] {
        let (_, html) = console
            .post("/console/search?lang=en", &[("word", word)])
            .await;
        assert!(
            html.contains("Nothing here has exactly this name"),
            "{word}"
        );
    }
}

/// Attack H14: by console, by the admin API and by command alike, one operator lifts no stop.
#[tokio::test(flavor = "multi_thread")]
async fn h14_lifting_a_stop_takes_two_operators_wherever_it_is_asked_for() {
    let app = TestApp::start_with(changes()).await;
    stopped(&app, &nurse(&app)).await;
    let stop = stop_of(&app).await["id"].as_str().unwrap().to_owned();
    let pharmacist = Card::pharmacist(&app);
    let console = open(&app, &pharmacist).await;
    let lift = [("stop", stop.as_str()), ("reason", "called back")];
    let (status, html) = console.post("/console/stops?lang=en", &lift).await;
    assert_eq!(status, 200, "{html}");
    assert!(html.contains("It is proposed"), "{html}");
    assert_eq!(stop_of(&app).await["id"], stop.as_str());
    let (status, html) = console.post("/console/stops?lang=en", &lift).await;
    assert_eq!(status, 409, "{html}");
    let listed = app.operate_on("approvals", &["list"]).await;
    let proposal = listed["proposals"][0]["proposal"].as_str().unwrap();
    let path = format!("/console/approvals/{proposal}?lang=en");
    let confirm = [("change", "confirm")];
    let own = console.html("/console/approvals").await;
    assert!(!own.contains(">Confirm</button>"), "{own}");
    let (status, html) = console.post(&path, &confirm).await;
    assert_eq!(status, 403, "{html}");
    assert!(html.contains("provider.approval_own"), "{html}");
    // Nor by the admin API, with the same card.
    let operator = Operator::sign_in(&app).await;
    let path_of_api = format!("/admin/approvals/{proposal}/confirm");
    let (status, body) = operator.told(Method::POST, &path_of_api, None).await;
    assert_eq!(status, 403, "{body}");
    assert_eq!(body["code"], "provider.approval_own");
    let lift = format!("/admin/stops/{stop}/lift");
    let reason = json!({"reason": "called back"});
    let (status, body) = operator.told(Method::POST, &lift, Some(reason)).await;
    assert_eq!(
        (status, body["code"].as_str()),
        (409, Some("provider.approval_exists"))
    );
    let other = open(&app, &doctor(&app)).await;
    let html = other.html("/console/approvals").await;
    assert!(html.contains(">Confirm</button>"), "{html}");
    // She sees whose account it is, why it was stopped and since when; her look is on record.
    let listed = app.operate_on("approvals", &["list"]).await;
    let sub = listed["proposals"][0]["stops"][0]["sub"].as_str().unwrap();
    let person = format!("/console/person/{sub}");
    for part in [person.as_str(), "before: 16 / 2", "Stopped since"] {
        assert!(html.contains(part), "{part} is not in {html}");
    }
    let events = app.events().await;
    let is_look = |kind: &str| kind == "console.looked_at";
    assert!(
        events
            .iter()
            .any(|it| is_look(&it.kind) && it.sub.as_deref() == Some(sub))
    );
    let (status, html) = other.post(&path, &confirm).await;
    assert_eq!(status, 200, "{html}");
    assert!(html.contains("Confirmed and done"), "{html}");
    assert_eq!(stop_of(&app).await, Value::Null);
    let (status, html) = other.post(&path, &confirm).await;
    assert_eq!(status, 409, "{html}");
    assert!(html.contains("provider.approval_decided"), "{html}");
    for kind in [
        "approval.proposed",
        "approval.confirmed",
        "guard.stop_lifted",
    ] {
        assert_eq!(app.count_events(kind).await, 1, "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn h14_a_commands_lift_takes_two_operators_and_the_admin_api_answers_202() {
    let app = TestApp::start_with(changes()).await;
    stopped(&app, &nurse(&app)).await;
    let stop = stop_of(&app).await["id"].as_str().unwrap().to_owned();
    let arguments = ["lift", &stop, "--reason", "called back"];
    let proposed = app.operate_on("stops", &arguments).await;
    let proposal = proposed["proposed"]["proposal"].as_str().unwrap();
    assert_eq!(proposed["proposed"]["change"], "lift_stop");
    let operator = Operator::sign_in(&app).await;
    // What nobody stands for yet is taken over, and by that word nothing is confirmed.
    let confirm = format!("/admin/approvals/{proposal}/confirm");
    let (status, body) = operator.told(Method::POST, &confirm, None).await;
    assert_eq!(
        (status, body["code"].as_str()),
        (409, Some("provider.approval_changed"))
    );
    let take_over = format!("/admin/approvals/{proposal}/take-over");
    let (status, body) = operator.told(Method::POST, &take_over, None).await;
    assert_eq!(status, 202, "{body}");
    assert_eq!(body["state"], "open");
    let other = open(&app, &doctor(&app)).await;
    let path = format!("/console/approvals/{proposal}?lang=en");
    let (status, html) = other.post(&path, &[("change", "take_over")]).await;
    assert_eq!(status, 409, "{html}");
    assert!(html.contains("provider.approval_changed"), "{html}");
    assert_eq!(stop_of(&app).await["id"], stop.as_str());
    let (status, body) = operator.told(Method::GET, "/admin/approvals", None).await;
    assert_eq!(
        (status, &body["proposals"][0]["state"]),
        (200, &json!("open"))
    );
    let cancel = format!("/admin/approvals/{proposal}/cancel");
    let (status, body) = operator.told(Method::POST, &cancel, None).await;
    assert_eq!((status, &body["state"]), (200, &json!("cancelled")));
    let lift = format!("/admin/stops/{stop}/lift");
    let reason = json!({"reason": "called back"});
    let (status, body) = operator.told(Method::POST, &lift, Some(reason)).await;
    assert_eq!(status, 202, "{body}");
    let proposal = body["proposal"].as_str().unwrap();
    let path = format!("/console/approvals/{proposal}?lang=en");
    let (status, html) = other.post(&path, &[("change", "confirm")]).await;
    assert_eq!(status, 200, "{html}");
    assert_eq!(stop_of(&app).await, Value::Null);
    let unknown = operator.ask(Method::POST, "/admin/approvals/x/confirm", None);
    let unknown = unknown.await;
    assert_eq!(unknown.status(), 404);
    assert_eq!(problem_code(unknown).await, "provider.approval_unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_suspends_a_card_and_works_on_an_incident() {
    let app = TestApp::start_with(changes()).await;
    stopped(&app, &nurse(&app)).await;
    let console = open(&app, &Card::pharmacist(&app)).await;
    let (_, html) = console
        .post("/console/search?lang=en", &[("word", "899700000037")])
        .await;
    let (_, rest) = html.split_once("/console/card/").unwrap();
    let card = rest.split('?').next().unwrap();
    let path = format!("/console/card/{card}?lang=en");
    let wordless = [("change", "suspend"), ("reason", " ")];
    let (status, html) = console.post(&path, &wordless).await;
    assert_eq!(status, 422, "{html}");
    let lost = [("change", "suspend"), ("reason", "lost")];
    let (status, html) = console.post(&path, &lost).await;
    assert_eq!(status, 200, "{html}");
    assert!(html.contains("suspended since"), "{html}");
    let (status, _) = console.post(&path, &lost).await;
    assert_eq!(status, 409);
    let found = [("change", "resume"), ("reason", "found")];
    let (status, html) = console.post(&path, &found).await;
    assert_eq!(status, 200, "{html}");
    let opened = [("words", "too many look-ups"), ("sub", "")];
    let (status, html) = console.post("/console/incidents?lang=en", &opened).await;
    assert_eq!(status, 200, "{html}");
    assert!(html.contains("The incident is open"), "{html}");
    let incident = value_after(&html, "action=\"/console/incidents/");
    let path = format!("/console/incidents/{incident}?lang=en");
    let note = [("change", "note"), ("words", "called her <b>")];
    let (status, html) = console.post(&path, &note).await;
    assert_eq!(status, 200);
    assert!(html.contains("called her &#60;b&#62;"), "{html}");
    let lines = [("change", "note"), ("words", "called her:\r\nno answer")];
    let (status, html) = console.post(&path, &lines).await;
    assert_eq!(status, 200, "{html}");
    assert!(html.contains("called her:\nno answer"), "{html}");
    let long = format!("kept{}", "é".repeat(2_000));
    let (status, html) = console
        .post(&path, &[("change", "note"), ("words", &long)])
        .await;
    assert_eq!(status, 422, "{html}");
    assert!(html.contains("at most 2 000 characters"), "{html}");
    assert!(html.contains(&long), "{html}");
    let close = [("change", "close"), ("words", "it was she")];
    let (status, html) = console.post(&path, &close).await;
    assert_eq!(status, 200, "{html}");
    let (status, _) = console.post(&path, &close).await;
    assert_eq!(status, 409);
}

fn value_after(html: &str, mark: &str) -> String {
    let (_, rest) = html.split_once(mark).unwrap_or_else(|| panic!("{html}"));
    rest.split(['?', '"']).next().unwrap().to_owned()
}

/// A server without operators has no console.
#[tokio::test]
async fn it_is_off_by_default() {
    let app = TestApp::start().await;
    for path in ["/console", "/console/search", "/console/approvals"] {
        let answer = app.get(path).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{path}");
    }
}
