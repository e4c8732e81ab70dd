//! What operators look for in the log: pages by cursor, and numbers by day and by code.

use cardea_storage::Transaction;
use cardea_storage::event::search::{self, CardEvents, FROM_THE_NEWEST};
use cardea_storage::event::{EventRecord, InLedger, append};
use time::OffsetDateTime;

use super::baseline::start;
use super::databases::{committed, on_both};

struct Told<'a> {
    sub: Option<&'a str>,
    session: Option<&'a str>,
    client: Option<&'a str>,
}

async fn put(
    transaction: &mut Transaction,
    (number, at): (u32, OffsetDateTime),
    (kind, code, details): (&str, Option<&str>, &str),
    told: Told<'_>,
) {
    let event = EventRecord {
        id: format!("{:016x}-{number:08x}-x", at.unix_timestamp_nanos()),
        kind: kind.to_owned(),
        occurred_at: at,
        authorization_request_id: None,
        session_id: told.session.map(str::to_owned),
        sub: told.sub.map(str::to_owned),
        client_id: told.client.map(str::to_owned),
        code: code.map(str::to_owned),
        details: details.to_owned(),
    };
    append(transaction, &event, InLedger::Outside)
        .await
        .unwrap();
}

fn ids(events: &[EventRecord]) -> Vec<u32> {
    let number = |event: &EventRecord| {
        let part = event.id.split('-').nth(1).unwrap();
        u32::from_str_radix(part, 16).unwrap()
    };
    events.iter().map(number).collect()
}

async fn of_card(
    transaction: &mut Transaction,
    card: (&str, &str),
    before: &str,
    searched_max: u32,
) -> CardEvents {
    let found = search::list_of_card(transaction, card, before, 9, searched_max).await;
    found.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_found_by_person_session_card_and_client_page_by_page() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            for number in 0..6 {
                let hers = number % 2 == 0;
                let told = Told {
                    sub: Some(if hers { "anne" } else { "marc" }),
                    session: (number < 4).then_some("session"),
                    client: hers.then_some("portal"),
                };
                let details = match number {
                    2 | 3 => r#"{"card":"card-1","by":null}"#,
                    _ => "{}",
                };
                put(transaction, (number, start()), ("x", None, details), told).await;
            }
            let before = FROM_THE_NEWEST;
            let found = search::list_of_person(transaction, "anne", before, 2).await;
            let found = found.unwrap();
            assert_eq!(ids(&found), [4, 2]);
            let cursor = &found[1].id;
            let found = search::list_of_person(transaction, "anne", cursor, 2).await;
            assert_eq!(ids(&found.unwrap()), [0]);
            let found = search::list_of_session(transaction, "session", before, 3).await;
            assert_eq!(ids(&found.unwrap()), [3, 2, 1]);
            let found = search::list_of_client(transaction, "portal", before, 9).await;
            assert_eq!(ids(&found.unwrap()), [4, 2, 0]);
            // A card's events are those of its holder alone.
            let card = ("anne", "card-1");
            let found = of_card(transaction, card, before, 99).await;
            assert_eq!((ids(&found.events), found.rest), (vec![2], None));
            // A login names its card: what happened in its session belongs to it, and no more.
            for (number, kind, session) in [
                (6, "login.accepted", "gone"),
                (7, "session.ended", "gone"),
                (8, "session.ended", "another"),
            ] {
                let told = Told {
                    sub: Some("marc"),
                    session: Some(session),
                    client: None,
                };
                let details = match kind {
                    "login.accepted" => r#"{"acr":"x","card":"card-2"}"#,
                    _ => "{}",
                };
                put(transaction, (number, start()), (kind, None, details), told).await;
            }
            let card = ("marc", "card-2");
            let found = of_card(transaction, card, before, 99).await;
            assert_eq!((ids(&found.events), found.rest), (vec![7, 6], None));
            // Two at a time, of which one is another session's; then on from there, where the
            // login's own event is within reach of its session's.
            let found = of_card(transaction, card, before, 2).await;
            assert_eq!(ids(&found.events), [7]);
            let found = of_card(transaction, card, &found.rest.unwrap(), 2).await;
            assert_eq!(ids(&found.events), [6]);
            // Her two oldest; and behind them nothing.
            let found = of_card(transaction, card, &found.rest.unwrap(), 2).await;
            assert!(found.events.is_empty());
            let found = of_card(transaction, card, &found.rest.unwrap(), 2).await;
            assert_eq!((ids(&found.events), found.rest), (vec![], None));
            let found = search::list_of_client(transaction, "port", before, 9).await;
            assert!(found.unwrap().is_empty());
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_are_counted_between_moments_and_refusals_by_code() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            let day = |days: i64| start() + time::Duration::days(days);
            let nobody = || Told {
                sub: None,
                session: None,
                client: None,
            };
            let all = [
                (0, "login.accepted", None),
                (0, "card_grant.accepted", None),
                (1, "agentless_login.accepted", None),
                (1, "session.activated", None),
                (1, "login.refused", Some("b")),
                (1, "login.refused", Some("a")),
                (2, "card_grant.refused", Some("a")),
                (2, "token.refused", Some("c")),
                (-9, "login.accepted", None),
                (-9, "login.refused", Some("a")),
            ];
            for (number, (days, kind, code)) in (0..).zip(all) {
                let told = nobody();
                put(transaction, (number, day(days)), (kind, code, "{}"), told).await;
            }
            for (days, expected) in [((0, 1), 2), ((1, 2), 1), ((0, 9), 3), ((2, 9), 0)] {
                let span = (day(days.0), day(days.1));
                let logins = search::count_logins_between(transaction, span).await;
                assert_eq!(logins.unwrap(), expected, "{days:?}");
            }
            let refusals = search::count_refusals_by_code(transaction, start()).await;
            let expected = [("a".to_owned(), 2), ("b".to_owned(), 1)];
            assert_eq!(refusals.unwrap(), expected);
            let answers = search::count_answers_between(transaction, (day(-9), day(9))).await;
            assert!(answers.unwrap().is_empty());
            let reasons = search::find_newest_reasons(transaction, "anne").await;
            assert_eq!(reasons.unwrap(), None);
        })
        .await;
    })
    .await;
}
