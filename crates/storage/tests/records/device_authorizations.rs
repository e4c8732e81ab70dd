use cardea_storage::device_authorization::{
    DeviceAuthorization, approve, claim, count_open_of_client, count_unanswered_of_client, find,
    find_by_user_code, forget, forget_oldest_unclaimed, hold, insert, make_room, note_poll, refuse,
};
use cardea_storage::retention::{Kind, delete_batch};
use cardea_storage::{Error, SecretDigest, Store};

use super::baseline::{after_seconds, start};
use super::databases::{committed, on_both};

fn device(id: &str) -> DeviceAuthorization {
    DeviceAuthorization {
        id: id.to_owned(),
        device_code: SecretDigest::of(&format!("device code of {id}")),
        user_code: SecretDigest::of(&format!("user code of {id}")),
        client_id: "host".to_owned(),
        address: "192.0.2.7".to_owned(),
        source: None,
        parameters: "{}".to_owned(),
        created_at: start(),
        expires_at: after_seconds(600),
        interval_seconds: 5,
        polled_at: None,
        request_id: None,
        code: None,
        refused_at: None,
    }
}

async fn with(store: &Store, id: &str) {
    committed(store, async |transaction| {
        insert(transaction, &device(id)).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_found_by_both_codes_and_holds_what_was_noted() {
    on_both(async |store| {
        with(&store, "one").await;
        committed(&store, async |transaction| {
            let expected = Some(device("one"));
            let user_code = device("one").user_code;
            let found = find_by_user_code(transaction, &user_code).await.unwrap();
            assert_eq!(found, expected);
            assert_eq!(find(transaction, "one").await.unwrap(), expected);
            assert_eq!(find(transaction, "two").await.unwrap(), None);
            let now = after_seconds(7);
            note_poll(transaction, "one", 10, now).await.unwrap();
            let held = hold(transaction, &device("one").device_code).await.unwrap();
            let held = held.unwrap();
            assert_eq!((held.interval_seconds, held.polled_at), (10, Some(now)));
            let unknown = SecretDigest::of("unknown");
            assert_eq!(hold(transaction, &unknown).await.unwrap(), None);
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_answer_counts_and_it_is_the_last_browser_s() {
    on_both(async |store| {
        for id in ["yes", "no", "late"] {
            with(&store, id).await;
        }
        let code = SecretDigest::of("code");
        committed(&store, async |transaction| {
            let now = after_seconds(1);
            for browser in ["first", "last"] {
                assert!(claim(transaction, "yes", browser, now).await.unwrap());
            }
            let approving = approve(transaction, "yes", "first", &code, now);
            assert!(!approving.await.unwrap(), "another browser has it");
            let approving = approve(transaction, "yes", "last", &code, now);
            assert!(approving.await.unwrap());
            let again = approve(transaction, "yes", "last", &code, now);
            assert!(!again.await.unwrap(), "once");
            assert!(!refuse(transaction, "yes", "last", now).await.unwrap());
            assert!(!claim(transaction, "yes", "third", now).await.unwrap());

            assert!(claim(transaction, "no", "browser", now).await.unwrap());
            assert!(!refuse(transaction, "no", "other", now).await.unwrap());
            assert!(refuse(transaction, "no", "browser", now).await.unwrap());
            let approving = approve(transaction, "no", "browser", &code, now);
            assert!(!approving.await.unwrap());

            let late = after_seconds(600);
            assert!(!claim(transaction, "late", "browser", late).await.unwrap());
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_devices_never_show_one_code() {
    on_both(async |store| {
        with(&store, "one").await;
        let mut transaction = store.begin().await.unwrap();
        let twin = DeviceAuthorization {
            user_code: device("one").user_code,
            ..device("two")
        };
        let refused = insert(&mut transaction, &twin).await;
        assert!(matches!(refused, Err(Error::Conflict)), "{refused:?}");
    })
    .await;
}

/// Attack H9.
#[tokio::test(flavor = "multi_thread")]
async fn the_most_crowded_source_makes_room_with_its_oldest_unclaimed_device() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            for (id, source, seconds) in [
                ("flood-1", Some("flood"), 0),
                ("flood-2", Some("flood"), 1),
                ("flood-3", Some("flood"), 2),
                ("ward", Some("ward"), 0),
                ("proven-1", None, 0),
                ("proven-2", None, 0),
                ("proven-3", None, 0),
                ("proven-4", None, 0),
            ] {
                let request = DeviceAuthorization {
                    source: source.map(str::to_owned),
                    created_at: after_seconds(seconds),
                    ..device(id)
                };
                insert(transaction, &request).await.unwrap();
                let kept = find(transaction, id).await.unwrap();
                assert_eq!(kept, Some(request));
            }
            let now = start();
            assert!(claim(transaction, "flood-1", "browser", now).await.unwrap());
            let room = async |transaction: &mut _, client: &str, source: &str, seconds| {
                let made = make_room(transaction, client, source, after_seconds(seconds));
                made.await.unwrap()
            };
            assert!(!room(transaction, "host", "flood", 0).await);
            assert!(!room(transaction, "other", "newcomer", 0).await);
            assert!(
                !room(transaction, "host", "newcomer", 600).await,
                "all expired"
            );
            for gone in ["flood-2", "flood-3"] {
                assert!(room(transaction, "host", "ward", 0).await);
                assert_eq!(find(transaction, gone).await.unwrap(), None);
            }
            assert!(!room(transaction, "host", "ward", 0).await);
            assert!(room(transaction, "host", "newcomer", 0).await);
        })
        .await;
    })
    .await;
}

/// Attack H9: whoever stands at a host's door makes it ask.
#[tokio::test(flavor = "multi_thread")]
async fn answered_devices_are_in_nobody_s_way_and_the_oldest_unclaimed_gives_way() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            let now = start();
            for (id, source, seconds) in [
                ("claimed", Some("flood"), 0),
                ("answered", Some("flood"), 0),
                ("refused", None, 0),
                ("console", None, 1),
                ("ward", Some("ward"), 2),
                ("flood", Some("flood"), 3),
            ] {
                let request = DeviceAuthorization {
                    source: source.map(str::to_owned),
                    created_at: after_seconds(seconds),
                    ..device(id)
                };
                insert(transaction, &request).await.unwrap();
            }
            for id in ["claimed", "answered", "refused"] {
                assert!(claim(transaction, id, "browser", now).await.unwrap());
            }
            let code = SecretDigest::of("code");
            let approving = approve(transaction, "answered", "browser", &code, now);
            assert!(approving.await.unwrap());
            assert!(
                refuse(transaction, "refused", "browser", now)
                    .await
                    .unwrap()
            );
            for (seconds, count) in [(0, 4), (600, 0)] {
                let now = after_seconds(seconds);
                let unanswered = count_unanswered_of_client(transaction, "host", now).await;
                assert_eq!(unanswered.unwrap(), count);
            }
            let giving_way = async |transaction: &mut _, client: &str, source, seconds| {
                let now = after_seconds(seconds);
                let gone = forget_oldest_unclaimed(transaction, client, source, now);
                gone.await.unwrap()
            };
            assert!(!giving_way(transaction, "other", None, 0).await);
            assert!(
                !giving_way(transaction, "host", None, 600).await,
                "all expired"
            );
            // One's own first, then whoever has waited longest.
            for (source, gone) in [
                (Some("flood"), "flood"),
                (Some("flood"), "console"),
                (None, "ward"),
            ] {
                assert!(giving_way(transaction, "host", source, 0).await);
                assert_eq!(find(transaction, gone).await.unwrap(), None, "{gone}");
            }
            assert!(
                !giving_way(transaction, "host", None, 0).await,
                "all claimed"
            );
            forget(transaction, "claimed").await.unwrap();
            assert_eq!(find(transaction, "claimed").await.unwrap(), None);
            assert!(find(transaction, "answered").await.unwrap().is_some());
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_count_until_they_expire_and_are_then_forgotten() {
    on_both(async |store| {
        with(&store, "one").await;
        with(&store, "two").await;
        committed(&store, async |transaction| {
            for (seconds, count) in [(0, 2), (599, 2), (600, 0)] {
                let now = after_seconds(seconds);
                let open = count_open_of_client(transaction, "host", now).await;
                assert_eq!(open.unwrap(), count);
            }
            let other = count_open_of_client(transaction, "other", start()).await;
            assert_eq!(other.unwrap(), 0);
        })
        .await;
        let kind = Kind::DeviceAuthorization;
        for (seconds, rows) in [(600, 0), (601, 2), (601, 0)] {
            let gone = delete_batch(&store, kind, after_seconds(seconds)).await;
            assert_eq!(gone.unwrap(), rows);
        }
        committed(&store, async |transaction| {
            let found = find(transaction, "one").await;
            assert_eq!(found.unwrap(), None);
        })
        .await;
    })
    .await;
}
