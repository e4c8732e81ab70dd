//! How far the log was gone through for its age, and what an open incident holds back.

use cardea_storage::Transaction;
use cardea_storage::incident::{self, IN_WORK, Incident};
use cardea_storage::retention::{
    Held, advance, hold, let_go, list_held, next_place, unclosed_incidents,
};

use super::baseline::{after_seconds, start};
use super::databases::{committed, on_both};

#[tokio::test(flavor = "multi_thread")]
async fn a_groups_mark_is_moved_by_whoever_knows_where_it_stands() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            assert_eq!(next_place(transaction, "logins").await.unwrap(), 0);
            for (from, to, is_moved) in [(0, 7, true), (0, 9, false), (7, 9, true), (7, 8, false)] {
                let moved = advance(transaction, "logins", from, to).await.unwrap();
                assert_eq!(moved, is_moved, "{from} {to}");
            }
            assert!(advance(transaction, "guard", 0, 3).await.unwrap());
            assert_eq!(next_place(transaction, "logins").await.unwrap(), 9);
            assert_eq!(next_place(transaction, "guard").await.unwrap(), 3);
        })
        .await;
    })
    .await;
}

fn held(place: u64) -> Held {
    Held {
        place,
        group: "logins".to_owned(),
    }
}

/// What was not seen to since, nor is said to have been at a time to come.
async fn seen_to(transaction: &mut Transaction, not_since: i64, count_max: u32) -> Vec<Held> {
    let moments = (after_seconds(not_since), after_seconds(1_000));
    list_held(transaction, moments, count_max).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_back_is_seen_to_the_longest_ago_first_and_let_go_once() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            for (place, seconds) in [(5, 30), (6, 10), (7, 20)] {
                hold(transaction, &held(place), after_seconds(seconds))
                    .await
                    .unwrap();
            }
            let due = seen_to(transaction, 30, 9).await;
            assert_eq!(due, [held(6), held(7)]);
            let first = seen_to(transaction, 99, 1).await;
            assert_eq!(first, [held(6)]);
            hold(transaction, &held(6), after_seconds(40))
                .await
                .unwrap();
            let due = seen_to(transaction, 30, 9).await;
            assert_eq!(due, [held(7)], "it was seen to again");
            for is_there in [true, false] {
                assert_eq!(let_go(transaction, 7).await.unwrap(), is_there);
            }
            let all = seen_to(transaction, 99, 9).await;
            assert_eq!(all, [held(5), held(6)]);
            // While a clock was wrong: nobody waits for that time.
            hold(transaction, &held(8), after_seconds(2_000))
                .await
                .unwrap();
            let due = seen_to(transaction, 30, 9).await;
            assert_eq!(due, [held(8)]);
        })
        .await;
    })
    .await;
}

async fn open(transaction: &mut Transaction, id: &str, about: [Option<&str>; 3]) {
    let [sub, session_id, event_id] = about.map(|it| it.map(str::to_owned));
    let incident = Incident {
        id: id.to_owned(),
        kind: "operator".to_owned(),
        state: incident::OPEN.to_owned(),
        sub,
        session_id,
        card_sha256: None,
        event_id,
        client_id: None,
        stop_id: None,
        words: None,
        opened_by: "{}".to_owned(),
        opened_at: start(),
        changed_at: start(),
        closed_at: None,
        close_reason: None,
    };
    incident::insert(transaction, &incident).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_needs_its_person_its_session_and_its_event_until_it_is_closed() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            open(transaction, "one", [Some("sub"), None, None]).await;
            open(transaction, "two", [None, Some("session"), Some("event")]).await;
            open(transaction, "closed", [Some("other"), None, None]).await;
            let now = after_seconds(1);
            assert!(incident::take_up(transaction, "two", now).await.unwrap());
            let found = incident::find(transaction, "two").await.unwrap();
            assert_eq!(found.unwrap().state, IN_WORK);
            let closed = incident::close(transaction, "closed", "done", now).await;
            assert!(closed.unwrap());
            let unclosed = unclosed_incidents(transaction).await.unwrap();
            assert!(!unclosed.are_too_many);
            assert!(unclosed.need("any", Some("sub"), None));
            assert!(unclosed.need("any", None, Some("session")));
            assert!(unclosed.need("event", None, None));
            assert!(!unclosed.need("any", Some("other"), Some("any")));
            assert!(!unclosed.need("any", None, None));
        })
        .await;
    })
    .await;
}
