use cardea_storage::logout_delivery::{
    LogoutDelivery, delete, insert, list, list_due_clients, list_expired, put_off, take_due,
};
use cardea_storage::{Store, Transaction};

use super::baseline::{after_seconds, start};
use super::databases::{committed, on_both};

fn delivery(id: &str, client_id: &str, due_seconds: i64) -> LogoutDelivery {
    LogoutDelivery {
        id: id.to_owned(),
        client_id: client_id.to_owned(),
        session_id: "session".to_owned(),
        sub: "sub".to_owned(),
        sid: "sid".to_owned(),
        client_sub: "pairwise".to_owned(),
        attempts: 0,
        created_at: start(),
        due_at: after_seconds(due_seconds),
        expires_at: after_seconds(86_400),
    }
}

async fn take(
    transaction: &mut Transaction,
    client_id: &str,
    at: i64,
    count_max: u32,
) -> Vec<(String, i64)> {
    let (now, lease) = (after_seconds(at), after_seconds(at + 60));
    let mut taken: Vec<_> = take_due(transaction, client_id, now, lease, count_max)
        .await
        .unwrap()
        .into_iter()
        .map(|delivery| (delivery.id, delivery.attempts))
        .collect();
    taken.sort();
    taken
}

fn named(taken: &[(&str, i64)]) -> Vec<(String, i64)> {
    taken
        .iter()
        .map(|(id, attempts)| ((*id).to_owned(), *attempts))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_is_taken_by_client_until_its_lease_is_over() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            for stored in [
                delivery("b", "portal", 0),
                delivery("a", "portal", 1),
                delivery("c", "portal", 50),
                delivery("d", "other", 0),
            ] {
                insert(transaction, &stored).await.unwrap();
            }
            let due = list_due_clients(transaction, after_seconds(1)).await;
            let mut due = due.unwrap();
            due.sort();
            assert_eq!(due, ["other", "portal"]);
            assert_eq!(take(transaction, "portal", 1, 1).await, named(&[("b", 1)]));
            assert_eq!(take(transaction, "portal", 1, 9).await, named(&[("a", 1)]));
            assert_eq!(take(transaction, "portal", 1, 9).await, []);
            let due = list_due_clients(transaction, after_seconds(1)).await;
            assert_eq!(due.unwrap(), ["other"], "a leased one is not due");
            let again = take(transaction, "portal", 61, 9).await;
            assert_eq!(again, named(&[("a", 2), ("b", 2), ("c", 1)]));
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_is_put_off_by_who_tried_it_last_and_deleted_once() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            let stored = delivery("a", "portal", 0);
            insert(transaction, &stored).await.unwrap();
            assert_eq!(list(transaction, 9).await.unwrap(), [stored]);
            take(transaction, "portal", 0, 9).await;
            take(transaction, "portal", 60, 9).await;
            let late = put_off(transaction, "a", 1, after_seconds(61)).await;
            assert!(!late.unwrap(), "another node has it");
            let own = put_off(transaction, "a", 2, after_seconds(70)).await;
            assert!(own.unwrap());
            assert_eq!(take(transaction, "portal", 69, 9).await, []);
            assert_eq!(take(transaction, "portal", 70, 9).await, named(&[("a", 3)]));
            assert!(delete(transaction, "a").await.unwrap());
            assert!(!delete(transaction, "a").await.unwrap());
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_tried_and_expired_is_listed_and_what_had_no_turn_only_much_later() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            for stored in [delivery("a", "portal", 0), delivery("b", "portal", 1)] {
                insert(transaction, &stored).await.unwrap();
            }
            take(transaction, "portal", 0, 9).await;
            for (now, long_ago, wanted) in [
                (86_399, 0, &[][..]),
                (86_400, 0, &["a"]),
                (172_800, 86_400, &["a", "b"]),
            ] {
                let (now, long_ago) = (after_seconds(now), after_seconds(long_ago));
                let found = list_expired(transaction, now, long_ago, 9).await.unwrap();
                let found: Vec<_> = found.iter().map(|found| found.id.as_str()).collect();
                assert_eq!(found, wanted);
            }
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_nodes_that_take_at_once_one_gets_each() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            for number in 0..20 {
                let stored = delivery(&format!("{number:02}"), "portal", 0);
                insert(transaction, &stored).await.unwrap();
            }
        })
        .await;
        let node = |store: Store| async move {
            committed(&store, async |transaction| {
                take(transaction, "portal", 0, 20).await
            })
            .await
        };
        let (one, other) = tokio::join!(node(store.clone()), node(store.clone()));
        let mut all = [one, other].concat();
        all.sort();
        all.dedup_by(|a, b| a.0 == b.0);
        assert_eq!(all.len(), 20, "none is lost");
        assert!(all.iter().all(|(_, attempts)| *attempts == 1), "none twice");
    })
    .await;
}
