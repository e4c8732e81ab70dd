//! A person's history and its files, from events that are put on record at chosen moments: days by
//! the clocks of the pages' zone, and a log that is longer than a file.

use cardea_storage::event::{EventRecord, InLedger, append, list_newest};
use serde_json::Value;
use time::macros::{datetime, time};
use time::{Duration, OffsetDateTime};

use crate::account::{open, value_of};
use crate::activity::{EXPORT, lines};
use crate::card::Card;
use crate::ledger::signed;
use crate::revocation_host::now;
use crate::test_app::{Changes, TestApp, header};

/// In which zone, when, on which day that is there, and what its line shows.
type Case = (&'static str, OffsetDateTime, &'static str, &'static str);

/// The most that can be had: days on which clocks change are some time ago.
const KEPT_MAX_DAYS: u32 = 1_095;
const PARIS: &str = "Europe/Paris";
const MARTINIQUE: &str = "America/Martinique";
const CASES: [Case; 6] = [
    (
        PARIS,
        datetime!(2026-10-24 22:30 UTC),
        "2026-10-25",
        "00:30",
    ),
    (
        PARIS,
        datetime!(2026-10-25 00:30 UTC),
        "2026-10-25",
        "02:30 (UTC+2)",
    ),
    (
        PARIS,
        datetime!(2026-10-25 22:59 UTC),
        "2026-10-25",
        "23:59",
    ),
    (
        PARIS,
        datetime!(2026-10-25 23:00 UTC),
        "2026-10-26",
        "00:00",
    ),
    (
        MARTINIQUE,
        datetime!(2026-10-26 03:59 UTC),
        "2026-10-25",
        "23:59",
    ),
    (
        "UTC",
        datetime!(2026-10-25 23:59 UTC),
        "2026-10-25",
        "23:59",
    ),
];

/// Who the account page is open for.
async fn person(app: &TestApp) -> String {
    let mut sub = None;
    app.in_database(async |transaction| {
        let events = list_newest(transaction, 1_000).await.unwrap();
        let opened = events.into_iter().find(|it| it.kind == "account.opened");
        sub = opened.and_then(|it| it.sub);
    })
    .await;
    sub.unwrap()
}

/// A login of hers that is on record at some moment.
fn login(sub: &str, at: OffsetDateTime, number: u32) -> EventRecord {
    EventRecord {
        id: format!("{:016x}-{number:08x}-x", at.unix_timestamp_nanos()),
        kind: "login.accepted".to_owned(),
        occurred_at: at,
        authorization_request_id: None,
        session_id: None,
        sub: Some(sub.to_owned()),
        client_id: Some("portal".to_owned()),
        code: None,
        details: "{}".to_owned(),
    }
}

/// Half past midnight stands under its own day by the clocks of the pages' zone, also where they
/// change, and is found by it. Paris is where nothing is said.
#[tokio::test(flavor = "multi_thread")]
async fn a_day_is_one_by_the_clocks_of_the_pages() {
    for zone in [PARIS, MARTINIQUE, "UTC"] {
        let pages = match zone {
            PARIS => String::new(),
            _ => format!("[pages]\ntime_zone = \"{zone}\"\n"),
        };
        let table = format!("{pages}[retention]\nlogins_days = {KEPT_MAX_DAYS}\n[keys]");
        let changes = Changes::replacing("[keys]", &table);
        let app = TestApp::start_with(changes).await;
        let account = open(&app, &Card::pharmacist(&app)).await;
        let sub = person(&app).await;
        let own = CASES.iter().filter(|case| case.0 == zone);
        for (number, (_, at, day, shown)) in (0..).zip(own) {
            app.in_database(async |transaction| {
                let event = login(&sub, *at, number);
                append(transaction, &event, InLedger::Outside)
                    .await
                    .unwrap();
            })
            .await;
            let html = lines(&app, &account, &format!("&day={day}")).await;
            // For programs it stays in UTC.
            let date = at.date();
            for part in [
                format!("datetime=\"{date}"),
                format!(">{shown}</time>"),
                zone.to_owned(),
            ] {
                assert!(html.contains(&part), "{part} is not in {html}");
            }
        }
        let before = lines(&app, &account, "&day=2026-10-24").await;
        assert!(before.contains("Nothing is on record here."), "{before}");
    }
}

/// A log that is longer than a file: a page says how many there are, and each is one press.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_log_is_taken_away_file_by_file() {
    let app = TestApp::start().await;
    let account = open(&app, &Card::pharmacist(&app)).await;
    let sub = person(&app).await;
    // So long ago that nothing else of hers is of these days, and no longer than is kept.
    let first = (now() - Duration::days(60)).replace_time(time!(8:00));
    let until = (first + Duration::days(26)).date().to_string();
    app.in_database(async |transaction| {
        for number in 0..2_100_u32 {
            let event = login(&sub, first + Duration::minutes(number.into()), number);
            append(transaction, &event, InLedger::Outside)
                .await
                .unwrap();
        }
    })
    .await;
    signed(&app).await;
    let token = value_of(&account.html().await, "form_token");
    let given = [
        ("form_token", token.as_str()),
        ("files", "all"),
        ("until", until.as_str()),
        ("form", "json"),
    ];
    let listed = account.post(EXPORT, &app.issuer, &given).await;
    assert_eq!(header(&listed, "content-type"), "text/html; charset=utf-8");
    let html = listed.text().await.unwrap();
    let asked = format!("value=\"{until}\"");
    for part in [
        "Your history: 3 files",
        "2,100 entries",
        "File 3 of 3",
        "entries: 100<",
        &asked,
    ] {
        assert!(html.contains(part), "{part} is not in {html}");
    }
    // Nothing has left the server yet.
    assert_eq!(app.count_events("account.exported").await, 0);
    let afters = html.split("name=\"after\" value=\"").skip(1);
    let afters: Vec<_> = afters.map(|it| it.split('"').next().unwrap()).collect();
    assert_eq!(afters.len(), 3);
    let mut ends = Vec::new();
    for (number, after) in ["1", "2", "3"].into_iter().zip(&afters) {
        let form = [
            given[0],
            given[2],
            given[3],
            ("after", after),
            ("number", number),
        ];
        let file = account.post(EXPORT, &app.issuer, &form).await;
        let named = header(&file, "content-disposition");
        assert!(named.ends_with(&format!("-{number}.json\"")), "{named}");
        let file: Value = file.json().await.unwrap();
        ends.push(file["next"].as_str().map(str::to_owned));
    }
    // Each begins where the one before ends, and the last one is the last.
    let begins: Vec<_> = afters[1..]
        .iter()
        .map(|it| Some((*it).to_owned()))
        .collect();
    assert_eq!(ends[..2], begins);
    assert_eq!(ends[2], None);
    // What one file holds is given at once.
    let short = [given[0], given[1], ("from", "2030-01-01"), given[3]];
    let short = account.post(EXPORT, &app.issuer, &short).await;
    assert_eq!(header(&short, "content-type"), "application/json");
}
