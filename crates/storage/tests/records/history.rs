//! What is on record about one person, page by page: the same on either database.

use cardea_storage::Store;
use cardea_storage::event::history::{
    LookUpsOfClient, Selection, list_clients_of_person, list_of_person, list_of_person_forward,
    list_of_sessions, list_stretches, look_ups_by_client,
};
use cardea_storage::event::{EventRecord, InLedger, append};
use time::Duration;

use super::baseline::start;
use super::databases::{committed, on_both};

const WAITS: InLedger<'_> = InLedger::Waits { salt: "salt" };
const END: &str = "g";

fn event(number: u32, sub: &str, kind: &str) -> EventRecord {
    EventRecord {
        id: format!("{number:016x}-00000000-Ab_-{number}"),
        kind: kind.to_owned(),
        occurred_at: start() + Duration::seconds(i64::from(number)),
        authorization_request_id: None,
        session_id: Some(format!("session-{}", number / 4)),
        sub: Some(sub.to_owned()),
        client_id: number
            .is_multiple_of(2)
            .then(|| format!("portal-{}", number % 4)),
        code: None,
        details: "{}".to_owned(),
    }
}

fn selection<'a>(sub: &'a str, kinds: &'a [&'static str]) -> Selection<'a> {
    Selection {
        sub,
        from_id: "",
        before_id: END,
        client_id: None,
        kinds,
    }
}

/// Twenty events of each of two people, at the same moments.
async fn store_events_of_two(store: &Store) {
    committed(store, async |transaction| {
        for number in 0..20 {
            let kind = match number % 5 {
                0 => "login.accepted",
                _ => "tokens.issued",
            };
            for sub in ["her", "another"] {
                let mut own = event(number, sub, kind);
                own.id.push_str(sub);
                append(transaction, &own, WAITS).await.unwrap();
            }
        }
    })
    .await;
}

/// Files of so many events each: every event is in one, and in one alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_persons_events_are_parted_into_stretches_that_follow_each_other() {
    on_both(async |store| {
        store_events_of_two(&store).await;
        let mut reading = store.begin_read().await.unwrap();
        let all = list_of_person_forward(&mut reading, selection("her", &[]), 100).await;
        let all = all.unwrap();
        let parted = list_stretches(&mut reading, "her", ("", END), 7, 9).await;
        let parted = parted.unwrap();
        let counts: Vec<_> = parted.iter().map(|it| it.events).collect();
        assert_eq!(counts, [7, 7, 6]);
        let ends = [&all[6], &all[13], &all[19]];
        for (stretch, last) in parted.iter().zip(ends) {
            assert_eq!(stretch.last_id, last.id);
            assert_eq!(stretch.last_at, last.occurred_at);
        }
        assert_eq!(parted[1].first_at, all[7].occurred_at);
        // Behind a cursor, before an end, and no more than were asked for.
        let behind = format!("{}!", all[13].id);
        let rest = list_stretches(&mut reading, "her", (&behind, END), 7, 9).await;
        assert_eq!(rest.unwrap()[0].last_id, all[19].id);
        let few = list_stretches(&mut reading, "her", ("", END), 7, 2).await;
        assert_eq!(few.unwrap().len(), 2);
        let none = list_stretches(&mut reading, "nobody", ("", END), 7, 9).await;
        assert!(none.unwrap().is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persons_events_come_by_cursor_by_span_by_client_and_by_kind() {
    on_both(async |store| {
        store_events_of_two(&store).await;
        let mut reading = store.begin_read().await.unwrap();
        let all = list_of_person(&mut reading, selection("her", &[]), 100)
            .await
            .unwrap();
        assert_eq!(all.len(), 20);
        assert!(all.iter().all(|it| it.sub.as_deref() == Some("her")));
        assert!(all.is_sorted_by(|one, next| one.id > next.id));
        // Page by page, each once.
        let (mut before, mut paged) = (END.to_owned(), Vec::new());
        loop {
            let selection = Selection {
                before_id: &before,
                ..selection("her", &[])
            };
            let page = list_of_person(&mut reading, selection, 7).await.unwrap();
            let Some(last) = page.last() else { break };
            before = last.id.clone();
            paged.extend(page);
        }
        assert_eq!(paged, all);
        let forward = list_of_person_forward(&mut reading, selection("her", &[]), 100).await;
        assert!(forward.unwrap().iter().rev().eq(all.iter()));
        // A cursor of somebody else's event shows nothing of hers.
        let foreign = Selection {
            before_id: &all[3].id,
            ..selection("another", &[])
        };
        let foreign = list_of_person(&mut reading, foreign, 100).await.unwrap();
        assert!(
            foreign
                .iter()
                .all(|it| it.sub.as_deref() == Some("another"))
        );
        let span = Selection {
            from_id: &format!("{:016x}", 5),
            before_id: &format!("{:016x}", 8),
            ..selection("her", &[])
        };
        assert_eq!(
            list_of_person(&mut reading, span, 100).await.unwrap().len(),
            3
        );
        let logins = selection("her", &["login.accepted"]);
        let logins = list_of_person(&mut reading, logins, 100).await.unwrap();
        assert_eq!(logins.len(), 4);
        let at_portal = Selection {
            client_id: Some("portal-2"),
            ..selection("her", &[])
        };
        let at_portal = list_of_person(&mut reading, at_portal, 100).await.unwrap();
        assert_eq!(at_portal.len(), 5);
        let clients = list_clients_of_person(&mut reading, "her").await.unwrap();
        assert_eq!(clients, ["portal-0", "portal-2"]);
        let none = list_clients_of_person(&mut reading, "nobody")
            .await
            .unwrap();
        assert!(none.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_logins_of_sessions_are_found_within_their_span() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            for (number, sub) in [(0, "her"), (4, "her"), (8, "another")] {
                let login = event(number, sub, "login.accepted");
                append(transaction, &login, WAITS).await.unwrap();
            }
        })
        .await;
        let mut reading = store.begin_read().await.unwrap();
        let mut found = async |from: &str, sessions: &[&str], kinds: &[&'static str]| {
            let span = (from, END);
            let found = list_of_sessions(&mut reading, "her", span, sessions, kinds);
            found.await.unwrap().len()
        };
        let sessions = ["session-0", "session-1", "session-2"];
        assert_eq!(found("", &sessions, &["login.accepted"]).await, 2);
        let later = format!("{:016x}", 1);
        assert_eq!(found(&later, &sessions, &["login.accepted"]).await, 1);
        assert_eq!(found("", &sessions, &["session.ended"]).await, 0);
        assert_eq!(found("", &[], &["login.accepted"]).await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn look_ups_are_counted_by_client() {
    use super::guard_reports::report;
    on_both(async |store| {
        committed(&store, async |transaction| {
            for (id, client_id, answer, patients) in [
                ("1", "portal", "allow", &["a", "b"][..]),
                ("2", "portal", "allow", &["a"]),
                ("3", "portal", "step_up", &["c"]),
                ("4", "second", "allow", &["a"]),
            ] {
                let report = cardea_storage::guard_report::GuardReport {
                    client_id: client_id.to_owned(),
                    answer: answer.to_owned(),
                    ..report(id, patients)
                };
                cardea_storage::guard_report::insert(transaction, &report)
                    .await
                    .unwrap();
            }
        })
        .await;
        let mut reading = store.begin_read().await.unwrap();
        let at = time::OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
        let span = (at - Duration::days(1), at + Duration::days(1));
        let counted = look_ups_by_client(&mut reading, "sub", span).await.unwrap();
        let of = |client_id: &str, look_ups, patients| LookUpsOfClient {
            client_id: client_id.to_owned(),
            look_ups,
            patients,
        };
        assert_eq!(counted, [of("portal", 2, 2), of("second", 1, 1)]);
        let earlier = (at - Duration::days(3), at - Duration::days(1));
        assert!(
            look_ups_by_client(&mut reading, "sub", earlier)
                .await
                .unwrap()
                .is_empty()
        );
        assert!(
            look_ups_by_client(&mut reading, "nobody", span)
                .await
                .unwrap()
                .is_empty()
        );
    })
    .await;
}
