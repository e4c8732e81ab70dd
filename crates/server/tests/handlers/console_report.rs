//! The incident report at the console, by whatever it is asked for, and the incidents that are
//! closed.

use serde_json::{Value, json};

use crate::account::value_of;
use crate::account_stops::{nurse, stopped};
use crate::card::Card;
use crate::console::{Console, changes, open};
use crate::test_app::{CLIENT_SECRET, TestApp};

const PATH: &str = "/console/report?lang=en";
const SPAN: [(&str, &str); 2] = [("from", "2020-01-01T00:00"), ("to", "2100-01-01T00:00")];

/// A nurse whose account a guard has stopped, by her name on record.
async fn stopped_nurse(app: &TestApp) -> String {
    stopped(app, &nurse(app)).await;
    let events = app.events().await;
    let session = events.iter().find(|it| it.kind == "session.activated");
    session.unwrap().sub.clone().unwrap()
}

/// Further look-ups with the nurse's token, of a patient each.
async fn look_ups(app: &TestApp, token: &Value, count: u32) {
    let at = crate::key_client::now() * 1_000;
    let report = |number: u32| {
        json!({
            "event_id": format!("more-{number}"), "at": at + i64::from(number),
            "sub": token["sub"], "client_id": token["client_id"], "sid": token["sid"],
            "jti": token["jti"], "service": "dossiers", "kind": "look_up",
            "patients": [format!("patient-{number:03}")], "answer": "allow", "reasons": [],
        })
    };
    let reports: Vec<_> = (0..count).map(report).collect();
    let sent = app
        .post("/guard/reports")
        .json(&json!({"reports": reports}));
    let sent = sent.basic_auth("guard", Some(CLIENT_SECRET)).send().await;
    let taken: Value = sent.unwrap().json().await.unwrap();
    assert_eq!(taken["accepted"], count, "{taken}");
}

/// The span, with how the report is wanted and what else is asked.
async fn ask(console: &Console<'_>, form: &str, more: &[(&str, &str)]) -> (u16, String) {
    let mut fields = SPAN.to_vec();
    fields.push(("form", form));
    fields.extend(more);
    console.post(PATH, &fields).await
}

/// No word that files for programs have for a value.
fn is_in_words(html: &str) {
    let told = [
        "as the log has it",
        "on record, not signed yet",
        "not compared yet",
    ];
    assert!(told.iter().any(|it| html.contains(it)), "{html}");
    for word in [
        "look_up",
        "stop_account",
        "verified",
        "waiting",
        "unchecked",
    ] {
        assert!(!html.contains(word), "{word} is in {html}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_by_time_stands_on_the_page_and_in_files() {
    let app = TestApp::start_with(changes()).await;
    let sub = stopped_nurse(&app).await;
    let console = open(&app, &Card::pharmacist(&app)).await;
    let html = console.html("/console/report").await;
    for field in ["from", "to", "person", "session", "card", "form"] {
        let label = format!("<label for=\"report-{field}\">");
        assert!(html.contains(&label), "{label} is not in {html}");
    }
    let (status, html) = ask(&console, "page", &[]).await;
    assert_eq!(status, 200, "{html}");
    for part in [
        "<dt>Distinct patients</dt><dd>2</dd>",
        "<dt>Stopped (session or account)</dt><dd>1</dd>",
        "From where",
        "Look-up by look-up",
        "Look-up: account stopped",
        "(time zone Europe/Paris)",
        "Download as CSV",
        &format!("/console/person/{sub}"),
        // The form once more, with what was asked.
        "name=\"from\" value=\"2020-01-01T00:00\"",
        // By the clocks of the page, and exactly where nobody fills it in.
        "1 January 2020, 00:00",
        "name=\"from\" value=\"2019-12-31T23:00Z\"",
    ] {
        assert!(html.contains(part), "{part} is not in {html}");
    }
    is_in_words(&html);
    assert!(!html.contains("The next look-ups"), "{html}");
    let events = app.events().await;
    let reported = events.iter().find(|it| it.kind == "incident.reported");
    let details = &reported.unwrap().details;
    assert!(details.contains("\"form\":\"page\""), "{details}");
    let is_look = |kind: &str| kind == "console.looked_at";
    let looks = events
        .iter()
        .filter(|it| is_look(&it.kind) && it.sub.as_ref() == Some(&sub));
    let looks: Vec<_> = looks.collect();
    let [look] = looks.as_slice() else {
        panic!("{looks:?}");
    };
    assert!(look.details.contains("incident_report"), "{look:?}");
    let (status, csv) = ask(&console, "csv", &[]).await;
    assert_eq!(status, 200, "{csv}");
    assert_eq!(csv.matches("\r\n").count(), 4, "{csv}");
    let (status, pdf) = ask(&console, "pdf", &[]).await;
    assert_eq!(status, 200);
    assert!(pdf.starts_with("%PDF-1."));
    // By the number in her register, which leads to her pseudonym.
    let (status, html) = ask(&console, "page", &[("person", "899700000037")]).await;
    assert_eq!(status, 200, "{html}");
    let named = format!("name=\"person\" value=\"{sub}\"");
    assert!(html.contains(&named), "{named} is not in {html}");
    assert_eq!(app.count_events("incident.reported").await, 4);
}

/// Whom a number, a portal's sid or a card's number means is shown by a report, which is on record,
/// and not by the form that is handed back.
#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_makes_no_report_tells_nobody_whom_a_number_means() {
    let app = TestApp::start_with(changes()).await;
    let sub = stopped_nurse(&app).await;
    let console = open(&app, &Card::pharmacist(&app)).await;
    for (from, to) in [
        ("yesterday", ""),
        ("2026-11-30T14:00", "2026-11-30T14:00"),
        ("", "30/11/2026"),
    ] {
        let person = ("person", "899700000037");
        let asked = [person, ("from", from), ("to", to), ("form", "page")];
        let (status, html) = console.post(PATH, &asked).await;
        assert_eq!(status, 422, "{html}");
        assert!(!html.contains(&sub), "{sub} is in {html}");
        assert!(html.contains("name=\"person\" value=\"899700000037\""));
    }
    assert_eq!(app.count_events("console.looked_at").await, 0);
    assert_eq!(app.count_events("incident.reported").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn look_ups_come_page_by_page_and_each_page_is_a_look() {
    let app = TestApp::start_with(changes()).await;
    let token = stopped(&app, &nurse(&app)).await;
    look_ups(&app, &token, 60).await;
    let console = open(&app, &Card::pharmacist(&app)).await;
    let (_, first) = ask(&console, "page", &[]).await;
    let shown = |html: &str| html.matches("<code>patient-").count();
    // Those of the stop come first.
    assert_eq!(shown(&first), 47, "{first}");
    assert!(first.contains("<dt>Distinct patients</dt><dd>62</dd>"));
    let (_, rest) = first.split_once("name=\"part\" value=\"proven\"").unwrap();
    let [at, id, tag] = ["after_at", "after_id", "asked"].map(|name| value_of(rest, name));
    let next = [
        ("part", "proven"),
        ("after_at", at.as_str()),
        ("after_id", id.as_str()),
        ("asked", tag.as_str()),
    ];
    let (status, second) = ask(&console, "page", &next).await;
    assert_eq!(status, 200, "{second}");
    assert_eq!(shown(&second), 13, "{second}");
    assert!(second.contains("<code>patient-059</code>"), "{second}");
    assert!(!second.contains("The next look-ups"), "{second}");
    assert_eq!(app.count_events("incident.reported").await, 1);
    assert_eq!(app.count_events("console.looked_at").await, 1);
    // A further page of what nobody has asked yet is a question of its own, and on record.
    let [_, until] = SPAN;
    let mut other = vec![("from", "2021-01-01T00:00"), until, ("form", "page")];
    other.extend(next);
    let (status, html) = console.post(PATH, &other).await;
    assert_eq!((status, shown(&html)), (200, 13), "{html}");
    assert_eq!(app.count_events("incident.reported").await, 2);
    assert_eq!(app.count_events("console.looked_at").await, 2);
    let mut untold = vec![("part", "proven")];
    untold.extend([("after_at", "0"), ("after_id", "0")]);
    let (status, html) = ask(&console, "page", &untold).await;
    assert_eq!((status, shown(&html)), (200, 47), "{html}");
    assert_eq!(app.count_events("incident.reported").await, 3);
    for wrong in [
        [("part", "neither"), ("after_at", "1"), ("after_id", "x")],
        [("part", "proven"), ("after_at", "soon"), ("after_id", "x")],
    ] {
        let (status, html) = ask(&console, "page", &wrong).await;
        assert_eq!(status, 400, "{html}");
    }
    let (status, _) = ask(&console, "spreadsheet", &[]).await;
    assert_eq!(status, 400);
}

/// What cannot be used is told at its field, above the form, and in the page's title.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_report_cannot_be_made_of_is_told_at_its_field() {
    let app = TestApp::start_with(changes()).await;
    let console = open(&app, &Card::pharmacist(&app)).await;
    let long = "x".repeat(200);
    for (fields, field, words) in [
        ([("from", ""), ("to", "")], "person", "both ends of a span"),
        (
            [("from", "2026-11-30T14:00"), ("to", "")],
            "person",
            "both ends of a span",
        ),
        (
            [("from", "2026-11-30T14:00"), ("to", "2026-11-30T14:00")],
            "to",
            "The end is not behind",
        ),
        (
            [("from", "yesterday"), ("to", "2026-11-30")],
            "from",
            "Write day and time as",
        ),
        (
            [("person", "nobody"), ("to", "")],
            "person",
            "of a person of this name",
        ),
        (
            [("session", "none"), ("to", "")],
            "session",
            "of a session of this name",
        ),
        (
            [("card", "none"), ("to", "")],
            "card",
            "of a card of this name",
        ),
        (
            [("card", long.as_str()), ("to", "")],
            "card",
            "of a card of this name",
        ),
    ] {
        for form in ["page", "csv"] {
            let mut asked = fields.to_vec();
            asked.push(("form", form));
            let (status, html) = console.post(PATH, &asked).await;
            assert_eq!(status, 422, "{fields:?} {html}");
            for part in [
                format!("<a href=\"#report-{field}\">"),
                format!("id=\"report-{field}-mistake\""),
                "aria-invalid=\"true\"".to_owned(),
                "<title>Error: Incident report".to_owned(),
                words.to_owned(),
            ] {
                assert!(html.contains(&part), "{part} is not in {html}");
            }
        }
    }
    assert_eq!(app.count_events("incident.reported").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_incident_stands_in_the_list_of_the_closed_with_what_came_out() {
    let app = TestApp::start_with(changes()).await;
    stopped(&app, &nurse(&app)).await;
    let console = open(&app, &Card::pharmacist(&app)).await;
    let html = console.html("/console/incidents").await;
    let (_, rest) = html.split_once("/console/incidents/").unwrap();
    let id = rest.split('?').next().unwrap().to_owned();
    let reason = format!("a stand-in <b> {}", "x".repeat(300));
    let close = [("change", "close"), ("words", reason.as_str())];
    let path = format!("/console/incidents/{id}?lang=en");
    let (status, html) = console.post(&path, &close).await;
    assert_eq!(status, 200, "{html}");
    let html = console.html("/console/incidents").await;
    assert!(html.contains("No incident waits"), "{html}");
    assert!(html.contains("/console/incidents/closed"), "{html}");
    let html = console.html("/console/incidents/closed").await;
    for part in [
        id.as_str(),
        "A guard stopped an account",
        "a stand-in &#60;b&#62; xxx",
        "x…",
    ] {
        assert!(html.contains(part), "{part} is not in {html}");
    }
    assert!(!html.contains("The 50 before"), "{html}");
    for (cursor, status) in [("1.none", 200), ("soon.none", 400), ("1", 400)] {
        let path = format!("/console/incidents/closed?lang=en&before={cursor}");
        let page = app.get(&path).header("Cookie", console.cookie());
        let page = page.send().await.unwrap();
        assert_eq!(page.status(), status, "{cursor}");
    }
}
