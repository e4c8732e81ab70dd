//! Security events that are pushed, and outputs of the log's events: who holds what, on both
//! databases.

use cardea_storage::access_grant::{self, AccessGrant};
use cardea_storage::event_push::{
    PushStream, WaitingPushes, begin_stream, count_waiting, drop_oldest, list_due_streams,
    list_late, list_streams, put_off, take_due, tell_session_over,
};
use cardea_storage::retention::{Kind as Forgotten, delete_batch};
use cardea_storage::security_event::{Kind, Stream, acknowledge, backlog_of_all, begin};
use cardea_storage::{Store, siem_output};
use time::Duration;

use super::baseline::{after_seconds, grant, start, with_active_session};
use super::databases::{committed, on_both};

fn stream(client_id: &str, resources: &[&str]) -> PushStream {
    PushStream {
        id: format!("push of {client_id}"),
        client_id: client_id.to_owned(),
        resources: resources.iter().map(|&it| it.to_owned()).collect(),
    }
}

/// The portal of the session is pushed to, and another one, too.
async fn with_streams(store: &Store) {
    with_active_session(store).await;
    committed(store, async |transaction| {
        for client_id in ["portal", "other"] {
            let new = stream(client_id, &[]);
            assert!(begin_stream(transaction, &new, start()).await.unwrap());
        }
        // Known by another id already: it goes on.
        let again = PushStream {
            id: "another id".to_owned(),
            ..stream("portal", &["https://api.example.fr"])
        };
        assert!(!begin_stream(transaction, &again, start()).await.unwrap());
    })
    .await;
}

async fn with_session_over(store: &Store) {
    with_streams(store).await;
    let at = after_seconds(5);
    committed(store, async |transaction| {
        let over = (at, at + Duration::seconds(120));
        let own = [("portal", "sid"), ("third", "sid of third")];
        tell_session_over(transaction, &own, "departed", over)
            .await
            .unwrap();
        // The same, once more: one event.
        tell_session_over(transaction, &own, "departed", over)
            .await
            .unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portal_hears_of_its_own_sessions_and_tokens_and_of_no_others() {
    on_both(async |store| {
        with_streams(&store).await;
        committed(&store, async |transaction| {
            let listed = list_streams(transaction).await.unwrap();
            assert_eq!(listed.len(), 2);
            assert_eq!(listed[1].resources, ["https://api.example.fr"]);
            let own = AccessGrant {
                jti: "own token".to_owned(),
                audience: "[\"https://elsewhere.example.fr\"]".to_owned(),
                ..grant()
            };
            access_grant::insert(transaction, &own).await.unwrap();
        })
        .await;
        let at = after_seconds(5);
        committed(&store, async |transaction| {
            let ended = access_grant::revoke_of_session(transaction, "session", "departed", at);
            assert!(ended.await.unwrap() >= 1);
        })
        .await;
        committed(&store, async |transaction| {
            let due = list_due_streams(transaction, at).await.unwrap();
            assert_eq!(due.len(), 1);
            let until = (at, at + Duration::seconds(60));
            let taken = take_due(transaction, &due[0].id, until, 10).await.unwrap();
            assert_eq!(taken.len(), 1);
            assert_eq!(taken[0].event.kind, Kind::SessionRevoked);
            assert_eq!(taken[0].event.client_id, "portal");
            assert_eq!(taken[0].event.sid.as_deref(), Some("sid"));
            assert_eq!(taken[0].event.sub.as_deref(), Some("sub"));
            assert_eq!(taken[0].attempts, 1);
        })
        .await;
    })
    .await;
}

/// What waits is counted whoever has it at the moment, until its receiver has taken it; events that
/// are fetched are none of these.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_to_be_pushed_is_counted_with_its_age() {
    on_both(async |store| {
        with_streams(&store).await;
        let count = async |store: &Store| {
            let mut reading = store.begin_read().await.unwrap();
            count_waiting(&mut reading).await.unwrap()
        };
        assert_eq!(count(&store).await, WaitingPushes::default());
        committed(&store, async |transaction| {
            let polled = Stream {
                id: "polled".to_owned(),
                client_id: "portal".to_owned(),
                name: "default".to_owned(),
                resources: vec![String::new()],
                begun_at: start(),
                polled_at: start(),
                sequence: 0,
                hears_stops: false,
            };
            begin(transaction, &polled).await.unwrap();
            access_grant::insert(transaction, &grant()).await.unwrap();
            let at = after_seconds(5);
            let ended = access_grant::revoke_of_session(transaction, "session", "departed", at);
            assert_eq!(ended.await.unwrap(), 1);
            let all = backlog_of_all(transaction).await.unwrap();
            assert_eq!(all.events, 2, "the other one is fetched");
        })
        .await;
        let waiting = WaitingPushes {
            events: 1,
            oldest_at: Some(after_seconds(5)),
        };
        assert_eq!(count(&store).await, waiting);
        let at = after_seconds(5);
        committed(&store, async |transaction| {
            let until = (at, at + Duration::seconds(60));
            let taken = take_due(transaction, "push of portal", until, 10);
            let jti = &taken.await.unwrap()[0].event.jti;
            let still = count_waiting(transaction).await.unwrap();
            assert_eq!(still, waiting, "until it is taken");
            let taken = acknowledge(transaction, "push of portal", jti);
            assert!(taken.await.unwrap());
        })
        .await;
        assert_eq!(count(&store).await.events, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_one_nodes_until_its_lease_is_over() {
    on_both(async |store| {
        with_session_over(&store).await;
        let at = after_seconds(5);
        let lease = at + Duration::seconds(60);
        let first = committed(&store, async |transaction| {
            let taken = take_due(transaction, "push of portal", (at, lease), 10);
            taken.await.unwrap()
        })
        .await;
        assert_eq!(first.len(), 1, "no token lived, and it is told");
        committed(&store, async |transaction| {
            let taken = take_due(transaction, "push of portal", (at, lease), 10);
            assert!(taken.await.unwrap().is_empty(), "another node gets nothing");
            let late = (lease, lease + Duration::seconds(60));
            let taken = take_due(transaction, "push of portal", late, 10)
                .await
                .unwrap();
            assert_eq!(taken[0].attempts, 2, "the first one died over it");
            let jti = &taken[0].event.jti;
            assert!(!put_off(transaction, jti, 1, at).await.unwrap());
            assert!(put_off(transaction, jti, 2, at).await.unwrap());
            assert!(
                acknowledge(transaction, "push of portal", jti)
                    .await
                    .unwrap()
            );
            assert!(
                !acknowledge(transaction, "push of portal", jti)
                    .await
                    .unwrap()
            );
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_late_is_found_before_it_is_swept() {
    on_both(async |store| {
        with_session_over(&store).await;
        let end = after_seconds(5 + 120) + Duration::minutes(10);
        committed(&store, async |transaction| {
            let early = end - Duration::seconds(1);
            assert!(list_late(transaction, early, 10).await.unwrap().is_empty());
        })
        .await;
        delete_batch(
            &store,
            Forgotten::SecurityEvent,
            end + Duration::minutes(59),
        )
        .await
        .unwrap();
        committed(&store, async |transaction| {
            let late = list_late(transaction, end, 10).await.unwrap();
            assert_eq!(late.len(), 1);
            assert_eq!(late[0].client_id, "portal");
            assert_eq!(late[0].attempts, 0);
        })
        .await;
        delete_batch(
            &store,
            Forgotten::SecurityEvent,
            end + Duration::minutes(61),
        )
        .await
        .unwrap();
        committed(&store, async |transaction| {
            assert!(list_late(transaction, end, 10).await.unwrap().is_empty());
        })
        .await;
    })
    .await;
}

/// Attack H9: a receiver that takes nothing does not fill the table.
#[tokio::test(flavor = "multi_thread")]
async fn h9_the_oldest_give_way_where_too_many_wait() {
    on_both(async |store| {
        with_streams(&store).await;
        let at = after_seconds(5);
        committed(&store, async |transaction| {
            for number in 0..5 {
                let sid = format!("sid {number}");
                let own = [("other", sid.as_str())];
                let over = (at, at + Duration::seconds(120));
                tell_session_over(transaction, &own, "departed", over)
                    .await
                    .unwrap();
            }
            let dropped = drop_oldest(transaction, "push of other", 3).await.unwrap();
            assert_eq!(dropped, 2);
            let until = (at, at + Duration::seconds(60));
            let left = take_due(transaction, "push of other", until, 10)
                .await
                .unwrap();
            let sids: Vec<_> = left.iter().filter_map(|it| it.event.sid.clone()).collect();
            assert_eq!(sids, ["sid 2", "sid 3", "sid 4"]);
            assert_eq!(
                drop_oldest(transaction, "push of other", 3).await.unwrap(),
                0
            );
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_is_one_nodes_and_goes_on_where_it_stopped() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            assert!(siem_output::begin(transaction, "soc", 7).await.unwrap());
            assert!(!siem_output::begin(transaction, "soc", 9).await.unwrap());
            let one = ("soc", "one");
            let (hold, next) = siem_output::take_over(transaction, one, 100, 130)
                .await
                .unwrap()
                .unwrap();
            assert_eq!(next, 7);
            let two = ("soc", "two");
            let taken = siem_output::take_over(transaction, two, 130, 160);
            assert!(taken.await.unwrap().is_none(), "it is held");
            assert!(
                siem_output::advance(transaction, &hold, 12, 140)
                    .await
                    .unwrap()
            );
            let (other, next) = siem_output::take_over(transaction, two, 141, 171)
                .await
                .unwrap()
                .unwrap();
            assert_eq!(next, 12);
            assert!(
                !siem_output::advance(transaction, &hold, 20, 200)
                    .await
                    .unwrap(),
                "whoever was overtaken notes nothing"
            );
            siem_output::let_go(transaction, &hold).await.unwrap();
            let found = siem_output::find(transaction, "soc")
                .await
                .unwrap()
                .unwrap();
            assert_eq!((found.next_place, found.held_until), (12, 171));
            siem_output::let_go(transaction, &other).await.unwrap();
            let taken = siem_output::take_over(transaction, one, 142, 172);
            assert!(taken.await.unwrap().is_some(), "nobody waits for its end");
            // A clock that was wrong holds nobody off.
            let wrong = siem_output::take_over(transaction, one, 9_000_000, 9_000_030);
            assert!(wrong.await.unwrap().is_some());
            let taken = siem_output::take_over(transaction, two, 150, 180);
            assert!(taken.await.unwrap().is_some());
        })
        .await;
    })
    .await;
}
