use cardea_storage::signing_key::{
    SealedKey, SigningKeyRecord, begin_change, delete, insert, list, revision, set_sealed,
    set_times,
};

use super::baseline::{after_seconds, start};
use super::databases::{committed, on_both};

fn record(kid: &str, generation: i64) -> SigningKeyRecord {
    SigningKeyRecord {
        kid: kid.to_owned(),
        algorithm: "ES256".to_owned(),
        generation,
        public_jwk: "{}".to_owned(),
        sealed: Some(SealedKey {
            sealed: "c2VhbGVk".to_owned(),
            encryption_key_id: "one".to_owned(),
        }),
        created_at: start(),
        signs_from: after_seconds(60),
        signs_until: None,
        verifies_until: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_kept_changed_and_deleted() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            assert_eq!(revision(transaction).await.unwrap(), 0);
            begin_change(transaction).await.unwrap();
            let in_a_token = SigningKeyRecord {
                sealed: None,
                ..record("b", 1)
            };
            insert(transaction, &record("a", 2)).await.unwrap();
            insert(transaction, &in_a_token).await.unwrap();
            assert_eq!(revision(transaction).await.unwrap(), 1);
            let all = list(transaction).await.unwrap();
            assert_eq!(all, [in_a_token, record("a", 2)]);

            let other = SealedKey {
                sealed: "YW5vdGhlcg".to_owned(),
                encryption_key_id: "two".to_owned(),
            };
            set_sealed(transaction, "a", &other).await.unwrap();
            let (from, until, over) = (start(), after_seconds(90), after_seconds(120));
            set_times(transaction, "a", from, Some(until), Some(over))
                .await
                .unwrap();
            assert!(delete(transaction, "b").await.unwrap());
            assert!(!delete(transaction, "b").await.unwrap());
            let changed = SigningKeyRecord {
                sealed: Some(other),
                signs_from: from,
                signs_until: Some(until),
                verifies_until: Some(over),
                ..record("a", 2)
            };
            assert_eq!(list(transaction).await.unwrap(), [changed]);
        })
        .await;
    })
    .await;
}

/// Two nodes that make the same step: one of them does.
#[tokio::test(flavor = "multi_thread")]
async fn a_place_in_the_order_is_taken_once() {
    on_both(async |store| {
        let mut first = store.begin().await.unwrap();
        insert(&mut first, &record("a", 1)).await.unwrap();
        first.commit().await.unwrap();
        let mut second = store.begin().await.unwrap();
        let error = insert(&mut second, &record("b", 1)).await.unwrap_err();
        assert_eq!(error.code(), "storage.conflict");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_version_of_the_challenge_list_never_goes_back() {
    on_both(async |store| {
        for (given, highest) in [(3, 3), (2, 3), (3, 3), (i64::MAX, i64::MAX), (1, i64::MAX)] {
            committed(&store, async |transaction| {
                let raised = cardea_storage::challenge_list_version::raise(transaction, given);
                assert_eq!(raised.await.unwrap(), highest);
            })
            .await;
        }
    })
    .await;
}
