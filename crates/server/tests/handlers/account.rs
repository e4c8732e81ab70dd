//! The account page over HTTP: opened by a card, closed with it, and a person's workstations on it.

use reqwest::Response;
use serde_json::Value;

use crate::account_stops::{changes as changes_with_guards, nurse, stopped};
use crate::card::{Card, PresenceConnection};
use crate::relying_party::{Login, Request, parameter, sign_in};
use crate::test_app::{Changes, TestApp, header, problem_code};

/// A browser at the account page.
pub(crate) struct Account<'a> {
    app: &'a TestApp,
    pub(crate) cookie: String,
    /// Closed, it would end the session.
    _connection: PresenceConnection,
}

fn cookies(response: &Response) -> Vec<String> {
    let values = response.headers().get_all("set-cookie").iter();
    let values = values.map(|it| it.to_str().unwrap().split(';').next().unwrap().to_owned());
    values.filter(|it| !it.ends_with('=')).collect()
}

async fn get(app: &TestApp, path: &str, cookie: &str) -> Response {
    app.get(path).header("Cookie", cookie).send().await.unwrap()
}

/// A login to the page up to its code: where it leads, and the cookie that it is tied to.
async fn arrive(app: &TestApp, card: &Card) -> (String, String, PresenceConnection) {
    let begun = app.get("/account?lang=en").send().await.unwrap();
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

pub(crate) async fn open<'a>(app: &'a TestApp, card: &Card) -> Account<'a> {
    let (callback, verifier, connection) = arrive(app, card).await;
    let opened = get(app, &callback, &verifier).await;
    assert_eq!(opened.status(), 303);
    assert_eq!(header(&opened, "location"), "/account?lang=en");
    let cookies = cookies(&opened);
    let cookie = cookies.iter().find(|it| it.starts_with("cardea-account="));
    Account {
        app,
        cookie: cookie.unwrap().clone(),
        _connection: connection,
    }
}

impl Account<'_> {
    pub(crate) async fn html(&self) -> String {
        let page = get(self.app, "/account?lang=en", &self.cookie).await;
        assert_eq!(page.status(), 200);
        assert_eq!(header(&page, "cache-control"), "no-store");
        let policy = header(&page, "content-security-policy");
        assert!(!policy.contains("script-src"), "{policy}");
        page.text().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, origin: &str, form: &[(&str, &str)]) -> Response {
        let post = self.app.post(path).header("Origin", origin);
        let post = post.header("Cookie", &self.cookie).form(form);
        post.send().await.unwrap()
    }
}

pub(crate) fn value_of(html: &str, field: &str) -> String {
    let mark = format!("name=\"{field}\" value=\"");
    let (_, rest) = html.split_once(&mark).unwrap_or_else(|| panic!("{html}"));
    rest.split_once('"').unwrap().0.to_owned()
}

#[tokio::test]
async fn a_card_opens_the_page_and_its_button_closes_it() {
    let app = TestApp::start().await;
    let account = open(&app, &Card::pharmacist(&app)).await;
    let html = account.html().await;
    for part in [
        "LEFEVRE-TEST",
        "My workstations",
        "you are here",
        "Confirmed as yours",
    ] {
        assert!(html.contains(part), "{part} is not in {html}");
    }
    let token = value_of(&html, "form_token");
    let form = [("form_token", token.as_str())];
    let closed = account
        .post("/account/close?lang=en", &app.issuer, &form)
        .await;
    assert_eq!(header(&closed, "location"), "/account/closed?lang=en");
    let words = get(&app, "/account/closed?lang=en", &account.cookie).await;
    assert!(words.text().await.unwrap().contains("Open with my card"));
    let again = get(&app, "/account", &account.cookie).await;
    assert!(header(&again, "location").starts_with("/login/"));
}

/// Attacks M6, E17 and E20: another browser's code, another page's form, another session's token.
#[tokio::test]
async fn e17_e20_nobody_opens_or_posts_for_another() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    let (callback, _, _connection) = arrive(&app, &card).await;
    for cookie in ["a=b", "cardea-account-login=another"] {
        let planted = get(&app, &callback, cookie).await;
        assert_eq!(planted.status(), 403, "{cookie}");
    }
    let account = open(&app, &card.shown_again()).await;
    let html = account.html().await;
    let token = value_of(&html, "form_token");
    let good = [("form_token", token.as_str())];
    for (origin, form) in [
        ("https://evil.test", &good[..]),
        (app.issuer.as_str(), &[("form_token", "another")][..]),
        (app.issuer.as_str(), &[][..]),
        (app.issuer.as_str(), &[good[0], good[0]][..]),
    ] {
        let refused = account.post("/account/close", origin, form).await;
        assert_eq!(refused.status(), 403, "{origin} {form:?}");
    }
    account.html().await;
    // Without the page's cookie the form is nobody's.
    let nobody = Account {
        cookie: "a=b".to_owned(),
        ..account
    };
    let refused = nobody.post("/account/close", &app.issuer, &good).await;
    assert_eq!(refused.status(), 403);
}

/// Attack H5.
#[tokio::test]
async fn h5_the_page_is_closed_once_the_card_has_left() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    let mut account = open(&app, &card).await;
    account.html().await;
    account._connection.send(&card.departed(&app)).await;
    while account
        ._connection
        .next()
        .await
        .is_some_and(|it| it["type"] != "ended")
    {}
    let closed = get(&app, "/account", &account.cookie).await;
    assert_eq!(closed.status(), 303);
}

#[tokio::test]
async fn giving_the_login_up_leads_to_words() {
    let app = TestApp::start().await;
    let gave_up = get(&app, "/account/callback?error=access_denied", "a=b").await;
    assert_eq!(header(&gave_up, "location"), "/account/closed");
}

/// She takes a workstation out, which then signs her in nowhere, and lets it in again.
#[tokio::test]
async fn a_person_takes_a_workstation_of_hers_out_and_lets_it_in_again() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    sign_in(&app, &Request::new(), &card).await;
    let other = card.at_another_workstation();
    let signed_in = sign_in(&app, &Request::new(), &other).await;
    drop(signed_in);
    // The notice stands before the account as before any portal.
    app.in_database(async |transaction| {
        let subs = cardea_storage::event::list_newest(transaction, 100)
            .await
            .unwrap();
        let sub = subs.iter().find_map(|it| it.sub.clone()).unwrap();
        let news = cardea_storage::agent_instance::list_unacknowledged(transaction, &sub);
        for instance in news.await.unwrap() {
            let jkt = &instance.instance_jkt;
            let now = instance.first_seen_at;
            let done = cardea_storage::agent_instance::acknowledge(transaction, &sub, jkt, now);
            done.await.unwrap();
        }
    })
    .await;
    let account = open(&app, &card.shown_again()).await;
    let html = account.html().await;
    let (_, row) = html.split_once("value=\"revoke\"").unwrap();
    assert!(row.contains("Take out"), "{html}");
    let before = html.split("value=\"revoke\"").next().unwrap();
    let (_, jkt) = before.rsplit_once("name=\"workstation\" value=\"").unwrap();
    let jkt = jkt.split('"').next().unwrap();
    let token = value_of(&html, "form_token");
    let form = |change| {
        [
            ("form_token", token.as_str()),
            ("workstation", jkt),
            ("change", change),
        ]
    };
    let path = "/account/workstations?lang=en";
    let done = account.post(path, &app.issuer, &form("revoke")).await;
    assert_eq!(done.status(), 200);
    let html = done.text().await.unwrap();
    assert!(
        html.contains("is taken out") && html.contains("Let in again"),
        "{html}"
    );
    let unknown = account.post(path, &app.issuer, &form("delete")).await;
    assert_eq!(unknown.status(), 400);
    let login = Request::new().begin(&app).await;
    let body = other
        .shown_again()
        .answer(&app, &login.challenge(&app).await);
    let refused = login.post_assertion(&app, &body).await;
    assert_eq!(refused.status(), 403);
    assert_eq!(problem_code(refused).await, "login.workstation_revoked");
    let done = account.post(path, &app.issuer, &form("allow")).await;
    assert!(done.text().await.unwrap().contains("let in again."));
    assert_eq!(app.count_events("agent_instance.allowed_by_owner").await, 1);
}

/// Attack M3 for the code on her sheet: where she is not known the page has no button for another
/// one, says where there is, and takes no form that it did not offer.
#[tokio::test]
async fn m3_her_printed_code_outlives_whoever_brought_her_card_elsewhere() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    let path = "/account/suspend-code?lang=en";
    let make = async |account: &Account<'_>| {
        let token = value_of(&account.html().await, "form_token");
        let form = [("form_token", token.as_str())];
        account.post(path, &app.issuer, &form).await
    };
    let hers = open(&app, &card).await;
    assert!(hers.html().await.contains("It is shown once: print it."));
    assert_eq!(make(&hers).await.status(), 200);
    assert!(hers.html().await.contains("is then worth nothing"));
    let thief = open(&app, &card.at_another_workstation()).await;
    let html = thief.html().await;
    assert!(html.contains("which stays good"), "{html}");
    assert!(!html.contains("/account/suspend-code"), "{html}");
    let refused = make(&thief).await;
    assert_eq!(refused.status(), 403);
    let html = refused.text().await.unwrap();
    assert!(html.contains("which stays good"), "{html}");
    assert_eq!(app.count_events("suspend_code.made").await, 1);
}

/// Attack M3: nobody keeps a workstation by using so many that hers does not show it.
#[tokio::test]
async fn m3_she_takes_out_all_workstations_but_the_one_that_she_sits_at() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    // Another card of hers: a card is in one reader at a time.
    let second = Card {
        instance_key: card.instance_key.clone(),
        ..Card::pharmacist(&app)
    };
    let account = open(&app, &second).await;
    let (one, other) = (card.at_another_workstation(), card.at_another_workstation());
    let strange = open(&app, &one).await;
    let path = "/account/workstations?lang=en";
    let take_out = async |account: &Account<'_>, word: &str| {
        let token = value_of(&account.html().await, "form_token");
        let form = [("form_token", token.as_str()), ("change", word)];
        account.post(path, &app.issuer, &form).await
    };
    let html = strange.html().await;
    assert!(!html.contains("Take out all but this one"), "{html}");
    let refused = take_out(&strange, "revoke_others").await;
    assert_eq!(refused.status(), 403);
    sign_in(&app, &Request::new(), &other).await;
    assert_eq!(take_out(&account, "revoke").await.status(), 400);
    let html = account.html().await;
    assert!(html.contains("Take out all but this one"), "{html}");
    assert!(html.contains("/suspend?lang=en"), "{html}");
    let done = take_out(&account, "revoke_others").await;
    assert_eq!(done.status(), 200);
    let html = done.text().await.unwrap();
    assert!(
        html.contains("All other workstations are taken out"),
        "{html}"
    );
    assert_eq!(html.matches("Let in again</button>").count(), 2, "{html}");
    let taken_out = app.count_events("agent_instance.revoked_by_owner").await;
    assert_eq!(taken_out, 2);
    let login = Request::new().begin(&app).await;
    let body = one.shown_again().answer(&app, &login.challenge(&app).await);
    let refused = login.post_assertion(&app, &body).await;
    assert_eq!(problem_code(refused).await, "login.workstation_revoked");
}

/// Attack E20 for the button that suspends a lost card with another one of hers.
#[tokio::test]
async fn e20_a_person_suspends_her_lost_card_with_another_one() {
    let app = TestApp::start().await;
    let lost = Card::pharmacist(&app);
    let signed_in = sign_in(&app, &Request::new(), &lost).await;
    let second = Card::pharmacist(&app);
    let second = Card {
        instance_key: lost.instance_key.clone(),
        ..second
    };
    let account = open(&app, &second).await;
    let html = account.html().await;
    assert_eq!(
        html.matches("Suspend this card now</button>").count(),
        1,
        "{html}"
    );
    let (token, id) = (value_of(&html, "form_token"), value_of(&html, "card"));
    let path = "/account/cards?lang=en";
    let good = [
        ("form_token", token.as_str()),
        ("card", &id),
        ("change", "suspend"),
    ];
    for (origin, form, status) in [
        ("https://evil.test", &good[..], 403),
        (app.issuer.as_str(), &good[1..], 403),
        (&app.issuer, &good[..2], 400),
        (&app.issuer, &[good[0], ("card", "none"), good[2]], 400),
        (&app.issuer, &[good[0], good[1], ("change", "resume")], 400),
    ] {
        let refused = account.post(path, origin, form).await;
        assert_eq!(refused.status(), status, "{origin} {form:?}");
    }
    assert_eq!(app.count_events("card.suspended_by_owner").await, 0);
    let done = account.post(path, &app.issuer, &good).await;
    assert_eq!(done.status(), 200);
    let html = done.text().await.unwrap();
    assert!(
        html.contains("The card is suspended.") && html.contains("by yourself, on this page"),
        "{html}"
    );
    assert!(!html.contains("Suspend this card now"), "{html}");
    assert_eq!(app.count_events("card.suspended_by_owner").await, 1);
    // What was open with it is over, and it opens nothing more.
    let redeemed = Request::new().redeem(&app, &signed_in.code).await;
    assert_eq!(redeemed.status(), 400);
    let login = Request::new().begin(&app).await;
    let body = lost
        .shown_again()
        .answer(&app, &login.challenge(&app).await);
    let refused = login.post_assertion(&app, &body).await;
    assert_eq!(problem_code(refused).await, "login.card_suspended");
    account.html().await;
}

/// The page opens in the language that was chosen last on the way to it.
#[tokio::test]
async fn the_page_comes_back_in_the_language_that_she_chose() {
    let app = TestApp::start().await;
    let begun = app.get("/account?lang=fr").send().await.unwrap();
    let path = header(&begun, "location");
    let kept = cookies(&begun).join("; ");
    let page = get(&app, &path, &kept).await;
    assert!(cookies(&page).is_empty(), "nothing new was chosen");
    let page = get(&app, &path.replace("lang=fr", "lang=en"), &kept).await;
    let [switched] = &cookies(&page)[..] else {
        panic!("the choice is kept");
    };
    let gave_up = get(&app, "/account/callback?error=access_denied", switched).await;
    assert_eq!(header(&gave_up, "location"), "/account/closed?lang=en");
    // A cookie that somebody made up chooses nothing else.
    let planted = "cardea-account-login=x.https://evil.test";
    let gave_up = get(&app, "/account/callback?error=access_denied", planted).await;
    assert_eq!(header(&gave_up, "location"), "/account/closed");
}

/// The page closes after half an hour, whatever the session does.
#[tokio::test]
async fn half_an_hour_after_it_was_opened_the_page_is_closed() {
    let app = TestApp::start().await;
    let account = open(&app, &Card::pharmacist(&app)).await;
    let cookie = account.cookie.strip_prefix("cardea-account=").unwrap();
    let digest = cardea_storage::SecretDigest::of(cookie);
    let opened = async |ago: i64| {
        app.in_database(async |transaction| {
            let events = cardea_storage::event::list_newest(transaction, 100).await;
            let events = events.unwrap();
            let issued = events.iter().find(|it| it.kind == "code.issued").unwrap();
            let details: Value = serde_json::from_str(&issued.details).unwrap();
            let sid = details["sid"].as_str().unwrap();
            let at = events[0].occurred_at - time::Duration::seconds(ago);
            let open = cardea_storage::account_cookie::open(transaction, sid, &digest, at);
            assert!(open.await.unwrap());
        })
        .await;
    };
    opened(29 * 60).await;
    account.html().await;
    opened(30 * 60).await;
    let closed = get(&app, "/account", &account.cookie).await;
    assert_eq!(closed.status(), 303);
    assert!(header(&closed, "location").starts_with("/login/"));
}

/// A workstation that she has used for 30 days without objecting is hers: a portal that wants a
/// known one lets her in there, and refuses a day earlier.
#[tokio::test]
async fn a_workstation_is_known_by_itself_after_30_days() {
    let name = "name = \"Portail d’essai <&>\"";
    let known = format!("{name}\ninstances = \"known\"");
    let app = TestApp::start_with(Changes::replacing(name, &known)).await;
    let card = Card::pharmacist(&app);
    sign_in(&app, &Request::new(), &card).await;
    for (days, code) in [(29, Some("login.workstation_not_known")), (30, None)] {
        let other = card.at_another_workstation();
        app.in_database(async |transaction| {
            let events = cardea_storage::event::list_newest(transaction, 100).await;
            let events = events.unwrap();
            let sub = events.iter().find_map(|it| it.sub.clone()).unwrap();
            let first = events[0].occurred_at - time::Duration::days(days);
            let jkt = (other.instance_key.kid(), Some("Comptoir"));
            let used = cardea_storage::agent_instance::record_use(transaction, &sub, jkt, first);
            used.await.unwrap();
        })
        .await;
        let login = Request::new().begin(&app).await;
        let challenge = login.challenge(&app).await;
        let mut connection = other.connect(&app).await;
        let body = other.answer(&app, &challenge);
        let Some(code) = code else {
            let (response, ()) = tokio::join!(
                login.post_assertion(&app, &body),
                connection.prove(&app, &other)
            );
            assert_eq!(
                response.status(),
                200,
                "on to the portal, or to what is news"
            );
            continue;
        };
        let refused = login.post_assertion(&app, &body).await;
        assert_eq!(problem_code(refused).await, code, "{days} days");
    }
}

/// Attack M1: what the person reads, and what the portal learns once she goes back.
#[tokio::test]
async fn a_workstation_that_the_portal_does_not_know_is_refused_with_words_and_a_code() {
    let name = "name = \"Portail d’essai <&>\"";
    let known = format!("{name}\ninstances = \"known\"");
    let app = TestApp::start_with(Changes::replacing(name, &known)).await;
    let card = Card::pharmacist(&app);
    sign_in(&app, &Request::new(), &card).await;
    let login = Request::new().begin(&app).await;
    let page = get(&app, &format!("{}?lang=en", login.path("")), &login.cookie).await;
    let page = page.text().await.unwrap();
    assert!(
        page.contains("This portal does not know this workstation"),
        "{page}"
    );
    let body = card
        .at_another_workstation()
        .answer(&app, &login.challenge(&app).await);
    let refused = login.post_assertion(&app, &body).await;
    assert_eq!(problem_code(refused).await, "login.workstation_not_known");
    let back = app
        .post(&login.path("/cancel"))
        .header("Origin", &app.issuer);
    let back = back.header("Cookie", &login.cookie).send().await.unwrap();
    let location = header(&back, "location");
    assert_eq!(
        parameter(&location, "error").as_deref(),
        Some("access_denied")
    );
    let uri = parameter(&location, "error_uri").unwrap();
    assert!(
        uri.ends_with("/errors/provider.instance_not_known"),
        "{uri}"
    );
}

/// What a guard has stopped stands on her page, before anything else, until she has seen it; an
/// open stop as long as it holds.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_guard_stopped_stands_on_the_page() {
    let app = TestApp::start_with(changes_with_guards()).await;
    let card = nurse(&app);
    stopped(&app, &card).await;
    // Nothing stands before the page.
    let account = open(&app, &card.shown_again()).await;
    let html = account.html().await;
    for part in [
        "Look-ups that were stopped",
        "“dossiers”: access stopped on",
        "2 patients were looked up without their cards within a week",
        "I have seen it",
    ] {
        assert!(html.contains(part), "{part} is not in {html}");
    }
    let (token, seen) = (value_of(&html, "form_token"), value_of(&html, "seen"));
    let form = [("form_token", token.as_str()), ("seen", seen.as_str())];
    let path = "/account/stops?lang=en";
    let foreign = account.post(path, "https://evil.test", &form).await;
    assert_eq!(foreign.status(), 403);
    let odd = [form[0], ("other", "x")];
    let refused = account.post(path, &app.issuer, &odd).await;
    assert_eq!(refused.status(), 400);
    assert_eq!(app.count_events("guard.notice_seen").await, 0);
    let done = account.post(path, &app.issuer, &form).await;
    assert_eq!(done.status(), 200);
    let html = done.text().await.unwrap();
    assert!(html.contains("access stopped on"), "it holds: {html}");
    assert!(!html.contains("name=\"seen\""), "{html}");
    assert_eq!(app.count_events("guard.notice_seen").await, 1);
    let listed = app.operate_on("stops", &["list"]).await;
    let id = listed["stops"][0]["id"].as_str().unwrap();
    app.operate_on("stops", &["lift", id, "--reason", "seen in person"])
        .await;
    let html = account.html().await;
    assert!(!html.contains("Look-ups that were stopped"), "{html}");
}
