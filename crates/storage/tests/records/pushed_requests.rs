use cardea_storage::pushed_authorization_request::{
    self as pushed, PushedAuthorizationRequest, count_waiting, make_room, open, spend,
};
use cardea_storage::retention::{Kind, delete_batch};
use cardea_storage::{Error, SecretDigest, Store};

use super::baseline::{after_seconds, start};
use super::databases::{committed, on_both};

const URI: &str = "urn:ietf:params:oauth:request_uri:secret";

fn a_push(id: &str, uri: &str) -> PushedAuthorizationRequest {
    PushedAuthorizationRequest {
        id: id.to_owned(),
        request_uri: SecretDigest::of(uri),
        client_id: "portal".to_owned(),
        parameters: r#"[["state","s"]]"#.to_owned(),
        signed: true,
        source: None,
        created_at: start(),
        expires_at: after_seconds(90),
        opened: 0,
        spent_at: None,
    }
}

async fn with_push(store: &Store) {
    committed(store, async |transaction| {
        pushed::insert(transaction, &a_push("push", URI))
            .await
            .unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_comes_back_to_its_client_alone_and_each_opening_counts() {
    on_both(async |store| {
        with_push(&store).await;
        committed(&store, async |transaction| {
            let digest = SecretDigest::of(URI);
            for opened in 1..=2 {
                let found = open(transaction, &digest, "portal").await.unwrap();
                let expected = PushedAuthorizationRequest {
                    opened,
                    ..a_push("push", URI)
                };
                assert_eq!(found, Some(expected));
            }
            assert_eq!(open(transaction, &digest, "other").await.unwrap(), None);
            let guess = SecretDigest::of("guess");
            assert_eq!(open(transaction, &guess, "portal").await.unwrap(), None);
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_answers_one_spends_it() {
    on_both(async |store| {
        with_push(&store).await;
        let mut attempts = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let store = store.clone();
            attempts.spawn(async move {
                committed(&store, async |transaction| {
                    spend(transaction, "push", after_seconds(9)).await.unwrap()
                })
                .await
            });
        }
        let outcomes = attempts.join_all().await;
        assert_eq!(outcomes.iter().filter(|won| **won).count(), 1);
        committed(&store, async |transaction| {
            let found = open(transaction, &SecretDigest::of(URI), "portal").await;
            assert_eq!(found.unwrap().unwrap().spent_at, Some(after_seconds(9)));
            let unknown = spend(transaction, "other", after_seconds(9)).await;
            assert!(!unknown.unwrap());
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_waits_is_counted() {
    on_both(async |store| {
        with_push(&store).await;
        committed(&store, async |transaction| {
            pushed::insert(transaction, &a_push("second", "b"))
                .await
                .unwrap();
            let waiting = async |transaction: &mut _, client: &str, seconds| {
                count_waiting(transaction, client, after_seconds(seconds))
                    .await
                    .unwrap()
            };
            assert_eq!(waiting(transaction, "portal", 0).await, 2);
            assert_eq!(waiting(transaction, "other", 0).await, 0);
            assert_eq!(waiting(transaction, "portal", 90).await, 0);
            spend(transaction, "push", start()).await.unwrap();
            assert_eq!(waiting(transaction, "portal", 89).await, 1);
        })
        .await;
    })
    .await;
}

/// Attack H9.
#[tokio::test(flavor = "multi_thread")]
async fn the_most_crowded_source_makes_room_with_its_oldest_unopened_request() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            for (id, source, seconds) in [
                ("flood-1", Some("flood"), 0),
                ("flood-2", Some("flood"), 1),
                ("flood-3", Some("flood"), 2),
                ("practice", Some("practice"), 0),
                ("proven-1", None, 0),
                ("proven-2", None, 0),
                ("proven-3", None, 0),
                ("proven-4", None, 0),
            ] {
                let request = PushedAuthorizationRequest {
                    source: source.map(str::to_owned),
                    created_at: after_seconds(seconds),
                    ..a_push(id, id)
                };
                pushed::insert(transaction, &request).await.unwrap();
            }
            let first = SecretDigest::of("flood-1");
            open(transaction, &first, "portal").await.unwrap();
            let room = async |transaction: &mut _, client: &str, source: &str| {
                let made = make_room(transaction, client, source, start());
                made.await.unwrap()
            };
            assert!(!room(transaction, "portal", "flood").await);
            assert!(!room(transaction, "other", "newcomer").await);
            for gone in ["flood-2", "flood-3"] {
                assert!(room(transaction, "portal", "practice").await);
                let digest = SecretDigest::of(gone);
                assert_eq!(open(transaction, &digest, "portal").await.unwrap(), None);
            }
            assert!(!room(transaction, "portal", "practice").await);
            assert!(room(transaction, "portal", "newcomer").await);
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reference_is_given_once_and_forgotten_after_its_time() {
    on_both(async |store| {
        with_push(&store).await;
        let mut transaction = store.begin().await.unwrap();
        let again = pushed::insert(&mut transaction, &a_push("other", URI)).await;
        assert!(matches!(again, Err(Error::Conflict)), "{again:?}");
        drop(transaction);
        for (seconds, rows) in [(90, 0), (91, 1), (91, 0)] {
            let gone = delete_batch(&store, Kind::PushedRequest, after_seconds(seconds)).await;
            assert_eq!(gone.unwrap(), rows, "{seconds}");
        }
    })
    .await;
}
