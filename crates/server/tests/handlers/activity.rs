//! "My activity" on the account page: open sessions, what deserves attention, history, and the file
//! of a person's own log.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cardea_assertion::{AttestationClaims, UserVerification};
use cardea_storage::event::list_newest;
use cardea_transparency::{
    Checkpoint, Flags, Hash, Leaf, Note, PersonalPart, PublicPart, Salt, VerifierKey,
    verify_inclusion,
};
use reqwest::Response;
use serde_json::Value;

use crate::account::{Account, open, value_of};
use crate::account_stops::nurse;
use crate::card::Card;
use crate::ledger::{signed, tamper};
use crate::relying_party::{Request, sign_in};
use crate::test_app::{TestApp, header};

const SESSIONS: &str = "/account/sessions?lang=en";
pub(crate) const EXPORT: &str = "/account/export?lang=en";

async fn history(app: &TestApp, account: &Account<'_>, query: &str) -> Response {
    let path = format!("/account/history?lang=en{query}");
    let get = app.get(&path).header("Cookie", &account.cookie);
    get.send().await.unwrap()
}

pub(crate) async fn lines(app: &TestApp, account: &Account<'_>, query: &str) -> String {
    let page = history(app, account, query).await;
    assert_eq!(page.status(), 200, "{query}");
    assert_eq!(header(&page, "cache-control"), "no-store");
    let policy = header(&page, "content-security-policy");
    assert!(!policy.contains("script-src"), "{policy}");
    page.text().await.unwrap()
}

/// Another card of the same person, in another reader.
fn second_card(app: &TestApp, card: &Card) -> Card {
    Card {
        instance_key: card.instance_key.clone(),
        ..Card::pharmacist(app)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_says_what_is_open_what_happened_where_and_how() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    let portal = sign_in(&app, &Request::new(), &card).await;
    let account = open(&app, &second_card(&app, &card)).await;
    let html = account.html().await;
    for part in [
        "Open now",
        "you are here",
        "Portail d’essai &#60;&#38;&#62;",
        "Nothing unusual in the last thirty days",
        "Your card signed in to “Portail d’essai &#60;&#38;&#62;”.",
        "card and PIN",
        "This was not me",
        "Take it with you",
    ] {
        assert!(html.contains(part), "{part} is not in {html}");
    }
    // What a hurried reader needs stands in front of what she looks after now and then.
    let places = [
        "id=\"open\"",
        "id=\"attention\"",
        "id=\"history\"",
        "id=\"take-away\"",
        "id=\"workstations\"",
        "id=\"cards\"",
    ];
    let at = places.map(|place| {
        html.find(place)
            .unwrap_or_else(|| panic!("{place}: {html}"))
    });
    assert!(at.is_sorted(), "{at:?}");
    // A name is no markup, and no session's own id leaves the server.
    assert!(!html.contains("<&>"), "{html}");
    app.in_database(async |transaction| {
        for event in list_newest(transaction, 100).await.unwrap() {
            if let Some(id) = &event.session_id {
                assert!(!html.contains(id.as_str()), "{html}");
            }
        }
    })
    .await;
    drop(portal);
}

/// Workstation and reader stand on record with the login itself: a history outlives both.
#[tokio::test(flavor = "multi_thread")]
async fn a_history_outlives_the_workstation_that_it_tells_of() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    let login = Request::new().begin(&app).await;
    let mut body = card.answer(&app, &login.challenge(&app).await);
    let assertion = body["assertion"].as_str().unwrap();
    let attested = AttestationClaims::new(assertion, &app.issuer, UserVerification::Now)
        .named(Some("Comptoir <2>".to_owned()))
        .at_reader("Ingenico PRIUM 00 00")
        .sign(&card.instance_key)
        .unwrap();
    body["attestation"] = Value::String(attested);
    let mut connection = card.connect(&app).await;
    let (response, ()) = tokio::join!(
        login.post_assertion(&app, &body),
        connection.prove(&app, &card)
    );
    assert_eq!(response.status(), 200);
    tamper(&app, "DELETE FROM agent_instance").await;
    let account = open(&app, &card.at_another_workstation()).await;
    let html = lines(&app, &account, "").await;
    for part in [
        "workstation “Comptoir &#60;2&#62;”, reader “Ingenico PRIUM 00 00”, card and PIN",
        "Your card signed in to",
    ] {
        assert!(html.contains(part), "{part} is not in {html}");
    }
}

/// A first login from another workstation, and a refused use, stand apart and marked.
#[tokio::test(flavor = "multi_thread")]
async fn what_deserves_attention_stands_apart() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    sign_in(&app, &Request::new(), &card).await;
    let account = open(&app, &card.at_another_workstation()).await;
    let html = account.html().await;
    let (_, attention) = html.split_once("id=\"attention\"").unwrap();
    let (attention, _) = attention.split_once("id=\"history\"").unwrap();
    assert!(
        attention.contains("was used at a workstation without a name for the first time"),
        "{attention}"
    );
    assert!(attention.contains("class=\"marked\""), "{attention}");
    assert!(
        attention.contains("action=\"/account/not-me?lang=en\""),
        "{attention}"
    );
}

/// What is open where she does not know of it can be said so right there.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_open_can_be_denied_after_what_follows_was_told() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    sign_in(&app, &Request::new(), &card).await;
    let account = open(&app, &second_card(&app, &card)).await;
    let html = account.html().await;
    let (_, open_now) = html.split_once("id=\"open\"").unwrap();
    let (open_now, _) = open_now.split_once("id=\"attention\"").unwrap();
    let told = open_now.find("your other sessions end everywhere").unwrap();
    let button = open_now.find("It was not me: end my sessions").unwrap();
    assert!(told < button, "{open_now}");
    let (token, event) = (
        value_of(open_now, "form_token"),
        value_of(open_now, "event"),
    );
    let form = [("form_token", token.as_str()), ("event", event.as_str())];
    let said = account
        .post("/account/not-me?lang=en", &app.issuer, &form)
        .await;
    assert_eq!(said.status(), 200);
    let html = said.text().await.unwrap();
    assert!(html.contains("1 other session"), "{html}");
    assert_eq!(app.count_events("account.not_me").await, 1);
    let html = account.html().await;
    assert!(
        html.contains("Your card is signed in nowhere else."),
        "{html}"
    );
}

/// Attacks E20 and H8: nobody ends, or finds, a session of somebody else.
#[tokio::test(flavor = "multi_thread")]
async fn e20_a_person_ends_sessions_of_her_own_alone() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    let portal = sign_in(&app, &Request::new(), &card).await;
    let hers = open(&app, &second_card(&app, &card)).await;
    let foreign = open(&app, &nurse(&app)).await;
    let html = hers.html().await;
    let (token, handle) = (value_of(&html, "form_token"), value_of(&html, "session"));
    let good = [
        ("form_token", token.as_str()),
        ("session", handle.as_str()),
        ("change", "end"),
    ];
    let foreign_html = foreign.html().await;
    assert!(!foreign_html.contains("name=\"session\""), "{foreign_html}");
    assert!(!foreign_html.contains("Portail"), "{foreign_html}");
    // With her own token, but for another's session: as if it had ended already.
    let foreign_token = value_of(&foreign_html, "form_token");
    let stolen = [("form_token", foreign_token.as_str()), good[1], good[2]];
    let nothing = foreign.post(SESSIONS, &app.issuer, &stolen).await;
    assert_eq!(nothing.status(), 200);
    assert_eq!(app.count_events("session.ended").await, 0);
    let long = "x".repeat(65);
    for (origin, form, status) in [
        ("https://evil.test", &good[..], 403),
        (app.issuer.as_str(), &good[1..], 403),
        (
            &app.issuer,
            &[("form_token", foreign_token.as_str()), good[1], good[2]][..],
            403,
        ),
        (&app.issuer, &good[..2], 400),
        (&app.issuer, &[good[0], good[1], ("change", "start")], 400),
        (&app.issuer, &[good[0], ("session", &long), good[2]], 400),
        (&app.issuer, &[good[0], good[1], good[1], good[2]], 400),
    ] {
        let refused = hers.post(SESSIONS, origin, form).await;
        assert_eq!(refused.status(), status, "{origin} {form:?}");
    }
    assert_eq!(app.count_events("session.ended").await, 0);
    let done = hers.post(SESSIONS, &app.issuer, &good).await;
    assert_eq!(done.status(), 200);
    let html = done.text().await.unwrap();
    assert!(html.contains("The session is over."), "{html}");
    assert!(
        html.contains("Your card is signed in nowhere else."),
        "{html}"
    );
    assert_eq!(app.count_events("session.ended").await, 1);
    let redeemed = Request::new().redeem(&app, &portal.code).await;
    assert_eq!(redeemed.status(), 400);
    // All of hers, this page's too; the other person's goes on.
    let all = [good[0], ("change", "end_all")];
    let closed = hers.post(SESSIONS, &app.issuer, &all).await;
    assert_eq!(header(&closed, "location"), "/account/closed?lang=en");
    let again = app.get("/account").header("Cookie", &hers.cookie);
    assert_eq!(again.send().await.unwrap().status(), 303);
    foreign.html().await;
}

/// Attacks G13 and H8: a cursor, a portal or a day of somebody else's shows nothing of hers.
#[tokio::test(flavor = "multi_thread")]
async fn h8_an_enumeration_of_events_gives_nothing() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    sign_in(&app, &Request::new(), &card).await;
    let foreign = open(&app, &nurse(&app)).await;
    let mut ids = Vec::new();
    app.in_database(async |transaction| {
        let events = list_newest(transaction, 1_000).await.unwrap();
        ids.extend(events.into_iter().map(|it| it.id));
    })
    .await;
    for id in &ids {
        let html = lines(&app, &foreign, &format!("&all=1&before={id}")).await;
        assert!(!html.contains("Portail d’essai &#60;&#38;&#62;”"), "{html}");
    }
    let html = lines(&app, &foreign, "&portal=portal&all=1").await;
    assert!(html.contains("Nothing is on record here."), "{html}");
    // Beside the page she may not name one that is not hers either.
    for query in [
        "&sub=somebody",
        "&day=2026-02-30",
        "&before=%27",
        "&day=2026-11-30&day=2026-11-30",
    ] {
        assert_eq!(
            history(&app, &foreign, query).await.status(),
            400,
            "{query}"
        );
    }
    let nobody = app
        .get("/account/history")
        .header("Cookie", "cardea-account=x");
    assert_eq!(nobody.send().await.unwrap().status(), 403);
}

/// Every line has its turn, by cursor, and once.
#[tokio::test(flavor = "multi_thread")]
async fn a_history_of_several_pages_has_every_line_once() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    for _ in 0..20 {
        sign_in(&app, &Request::new(), &card.shown_again()).await;
    }
    let account = open(&app, &card.shown_again()).await;
    let mut hers = 0;
    app.in_database(async |transaction| {
        let events = list_newest(transaction, 1_000).await.unwrap();
        hers = events.iter().filter(|it| it.sub.is_some()).count();
    })
    .await;
    let (mut query, mut seen, mut pages) = ("&all=1".to_owned(), Vec::new(), 0);
    loop {
        let html = lines(&app, &account, &query).await;
        let found = html.matches("<time datetime=").count();
        assert!(found <= 50, "{found}");
        seen.push(found);
        pages += 1;
        let Some((before, _)) = html.split_once("\" rel=\"next\"") else {
            break;
        };
        let (_, next) = before
            .rsplit_once("href=\"/account/history?lang=en")
            .unwrap();
        query = next.replace("&#38;", "&").replace("&amp;", "&");
    }
    assert!(pages > 1, "{hers} lines");
    assert_eq!(seen.iter().sum::<usize>(), hers);
    // By day: nothing of another one.
    let html = lines(&app, &account, "&day=2020-01-01").await;
    assert!(html.contains("Nothing is on record here."), "{html}");
}

fn hash(value: &Value) -> Hash {
    let bytes = URL_SAFE_NO_PAD.decode(value.as_str().unwrap()).unwrap();
    Hash::from_slice(&bytes).unwrap()
}

/// What `cardea-witness verify-own` does, by the formats' own words.
fn check(document: &Value, key: &VerifierKey) -> usize {
    let note = Note::parse(document["checkpoint"].as_str().unwrap().as_bytes()).unwrap();
    note.verify(std::slice::from_ref(key)).unwrap();
    let head = Checkpoint::parse(note.text()).unwrap();
    let entries = document["entries"].as_array().unwrap();
    for entry in entries {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let personal = &entry["personal"];
        assert_eq!(personal["sub"], document["sub"]);
        let personal = PersonalPart {
            authorization_request_id: text(&personal["authorization_request_id"]),
            session_id: text(&personal["session_id"]),
            sub: text(&personal["sub"]),
            client_id: text(&personal["client_id"]),
            code: text(&personal["code"]),
            details: text(&personal["details"]).unwrap(),
        };
        let public = PublicPart {
            id: text(&entry["id"]).unwrap(),
            kind: text(&entry["kind"]).unwrap(),
            occurred_at: entry["occurred_at"].as_i64().unwrap(),
        };
        let commitment = personal.commitment(&Salt(hash(&entry["salt"]).0));
        let flags = u8::try_from(entry["flags"].as_u64().unwrap()).unwrap();
        let leaf = Leaf {
            flags: Flags::from_bits(flags).unwrap(),
            entry: public.digest(&commitment),
        };
        assert_eq!(leaf.hash(), hash(&entry["leaf"]));
        let proof: Vec<_> = entry["proof"]
            .as_array()
            .unwrap()
            .iter()
            .map(hash)
            .collect();
        let index = entry["index"].as_u64().unwrap();
        verify_inclusion(&leaf.hash(), index, head.size(), &proof, &head.root()).unwrap();
    }
    entries.len()
}

/// Her own log, whole, with proofs that hold without the server, and nobody else's.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_takes_her_own_log_away_with_proofs() {
    let app = TestApp::start().await;
    let card = Card::pharmacist(&app);
    sign_in(&app, &Request::new(), &card).await;
    let foreign = open(&app, &nurse(&app)).await;
    let account = open(&app, &card.shown_again()).await;
    let standing = signed(&app).await;
    let key = VerifierKey::parse(standing["verifier_key"].as_str().unwrap()).unwrap();
    let token = value_of(&account.html().await, "form_token");
    let good = [("form_token", token.as_str()), ("form", "json")];
    for (origin, form, status) in [
        ("https://evil.test", &good[..], 403),
        (app.issuer.as_str(), &good[1..], 403),
        (&app.issuer, &good[..1], 400),
        (&app.issuer, &[good[0], ("form", "csv")][..], 400),
        (&app.issuer, &[good[0], good[1], ("from", "yesterday")], 400),
        (&app.issuer, &[good[0], good[1], ("sub", "somebody")], 400),
    ] {
        let refused = account.post(EXPORT, origin, form).await;
        assert_eq!(refused.status(), status, "{origin} {form:?}");
    }
    assert_eq!(app.count_events("account.exported").await, 0);
    let given = account.post(EXPORT, &app.issuer, &good).await;
    assert_eq!(given.status(), 200);
    assert_eq!(header(&given, "content-type"), "application/json");
    assert_eq!(header(&given, "cache-control"), "no-store");
    let disposition = header(&given, "content-disposition");
    assert!(
        disposition.starts_with("attachment; filename=\"cardea-"),
        "{disposition}"
    );
    let document: Value = given.json().await.unwrap();
    let proven = check(&document, &key);
    let kinds = document["entries"].as_array().unwrap().iter();
    let kinds: Vec<_> = kinds.map(|it| it["kind"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"login.accepted") && kinds.contains(&"account.opened"));
    assert_eq!(document["next"], Value::Null);
    assert_eq!(app.count_events("account.exported").await, 1);
    // Each file tells of the ones before, once they have their places.
    signed(&app).await;
    let again = account.post(EXPORT, &app.issuer, &good).await;
    let again: Value = again.json().await.unwrap();
    assert!(check(&again, &key) > proven);
    // Another person's file has none of them, wherever it goes on.
    let foreign_token = value_of(&foreign.html().await, "form_token");
    let first = document["entries"][0]["id"].as_str().unwrap();
    let theirs = [
        ("form_token", foreign_token.as_str()),
        ("form", "json"),
        ("after", first),
    ];
    let theirs = foreign.post(EXPORT, &app.issuer, &theirs).await;
    let theirs: Value = theirs.json().await.unwrap();
    assert_ne!(theirs["sub"], document["sub"]);
    check(&theirs, &key);
    // By day: nothing is of a year ago.
    let earlier = [good[0], good[1], ("until", "2020-01-01")];
    let nothing = account.post(EXPORT, &app.issuer, &earlier).await;
    let nothing: Value = nothing.json().await.unwrap();
    assert_eq!(nothing["entries"], serde_json::json!([]));
}

/// Attack H9: a file reads many rows, so that an address gets ten a minute.
#[tokio::test(flavor = "multi_thread")]
async fn h9_files_are_bounded_by_the_minute() {
    let app = TestApp::start().await;
    let account = open(&app, &Card::pharmacist(&app)).await;
    signed(&app).await;
    let token = value_of(&account.html().await, "form_token");
    let form = [("form_token", token.as_str()), ("form", "pdf")];
    let mut refused = 0;
    for number in 0..12 {
        let given = account.post(EXPORT, &app.issuer, &form).await;
        if given.status() == 429 {
            refused += 1;
            continue;
        }
        assert_eq!(given.status(), 200, "{number}");
        assert_eq!(header(&given, "content-type"), "application/pdf");
        let bytes = given.bytes().await.unwrap();
        assert!(bytes.starts_with(b"%PDF-"), "{number}");
    }
    assert_eq!(refused, 2);
}
