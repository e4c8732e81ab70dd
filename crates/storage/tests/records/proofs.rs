use cardea_storage::dpop_key::{KeyOwner, record_use};
use cardea_storage::retention::{Kind, delete_batch};
use cardea_storage::spending::{KeyUse, Spend, Spent};
use cardea_storage::spent_jti::{Spending, spend};
use cardea_storage::{Store, Transaction};

use super::baseline::after_seconds;
use super::databases::{committed, on_both};

async fn spend_once(store: &Store, jti: &str) -> Spending {
    committed(store, async |transaction| {
        spend(transaction, jti, after_seconds(60)).await.unwrap()
    })
    .await
}

/// Attacks F4 and F9: the same `jti` again.
#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_parallel_uses_of_a_jti_one_is_the_first() {
    on_both(async |store| {
        let attempts: Vec<_> = (0..50)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move { spend_once(&store, "jti").await })
            })
            .collect();
        let mut first = 0;
        for attempt in attempts {
            if attempt.await.unwrap() == Spending::First {
                first += 1;
            }
        }
        assert_eq!(first, 1);
        assert_eq!(spend_once(&store, "another").await, Spending::First);
    })
    .await;
}

fn proof(jti: String, client_id: &str) -> Spend {
    Spend {
        jti_sha256: jti,
        expires_at: after_seconds(60),
        key: Some(KeyUse {
            jkt: "jkt".to_owned(),
            client_id: client_id.to_owned(),
            expires_at: after_seconds(60),
            now: after_seconds(0),
        }),
    }
}

/// Attacks F4 and F9, among many others that are used at the same moment.
#[tokio::test(flavor = "multi_thread")]
async fn of_three_hundred_parallel_uses_of_thirty_proofs_thirty_are_the_first() {
    on_both(async |store| {
        let attempts: Vec<_> = (0..300)
            .map(|number| {
                let store = store.clone();
                let proof = proof(format!("jti-{}", number % 30), "portal");
                tokio::spawn(async move { store.spend(proof).await.unwrap() })
            })
            .collect();
        let mut first = 0;
        for attempt in attempts {
            match attempt.await.unwrap() {
                Spent::First => first += 1,
                other => assert_eq!(other, Spent::Repeated),
            }
        }
        assert_eq!(first, 30);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_by_the_key_of_another_client_is_not_used() {
    on_both(async |store| {
        for (jti, client_id, expected) in [
            ("one", "portal", Spent::First),
            ("two", "other", Spent::KeyOfAnother),
            ("two", "portal", Spent::First),
            ("two", "other", Spent::Repeated),
        ] {
            let spent = store.spend(proof(jti.to_owned(), client_id)).await.unwrap();
            assert_eq!(spent, expected, "{jti} {client_id}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_use_that_is_undone_is_no_use() {
    on_both(async |store| {
        let mut undone = store.begin().await.unwrap();
        let outcome = spend(&mut undone, "jti", after_seconds(60)).await.unwrap();
        assert_eq!(outcome, Spending::First);
        drop(undone);
        assert_eq!(spend_once(&store, "jti").await, Spending::First);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_belongs_to_one_client_until_it_expires() {
    async fn used(transaction: &mut Transaction, client_id: &str, seconds: i64) -> KeyOwner {
        let until = after_seconds(seconds + 100);
        record_use(transaction, "jkt", client_id, until, after_seconds(seconds))
            .await
            .unwrap()
    }
    on_both(async |store| {
        committed(&store, async |transaction| {
            assert_eq!(used(transaction, "portal", 0).await, KeyOwner::Client);
            assert_eq!(used(transaction, "other", 0).await, KeyOwner::Another);
            assert_eq!(used(transaction, "portal", 50).await, KeyOwner::Client);
            assert_eq!(used(transaction, "other", 149).await, KeyOwner::Another);
            assert_eq!(used(transaction, "other", 161).await, KeyOwner::Another);
            assert_eq!(used(transaction, "other", 162).await, KeyOwner::Client);
            assert_eq!(used(transaction, "portal", 163).await, KeyOwner::Another);
        })
        .await;
    })
    .await;
}

/// A use is noted for an eighth longer than it asks for; one that is covered by that changes
/// nothing, and each is good for all of its time.
#[tokio::test(flavor = "multi_thread")]
async fn a_use_soon_after_another_is_covered_by_it() {
    async fn used(transaction: &mut Transaction, client_id: &str, seconds: i64) -> KeyOwner {
        let until = after_seconds(seconds + 80);
        record_use(transaction, "jkt", client_id, until, after_seconds(seconds))
            .await
            .unwrap()
    }
    on_both(async |store| {
        committed(&store, async |transaction| {
            assert_eq!(used(transaction, "portal", 0).await, KeyOwner::Client);
            assert_eq!(used(transaction, "portal", 10).await, KeyOwner::Client);
            // All of the second one's time, and no more than the first has noted.
            assert_eq!(used(transaction, "other", 89).await, KeyOwner::Another);
            assert_eq!(used(transaction, "other", 90).await, KeyOwner::Client);
            // The one after that is written.
            assert_eq!(used(transaction, "other", 101).await, KeyOwner::Client);
            assert_eq!(used(transaction, "portal", 190).await, KeyOwner::Another);
            assert_eq!(used(transaction, "portal", 191).await, KeyOwner::Client);
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn uses_and_keys_are_forgotten_when_they_expire() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            spend(transaction, "early", after_seconds(60))
                .await
                .unwrap();
            spend(transaction, "late", after_seconds(120))
                .await
                .unwrap();
            // Nothing is left of its time, and so it is noted for no longer.
            let (until, now) = (after_seconds(60), after_seconds(60));
            record_use(transaction, "jkt", "portal", until, now)
                .await
                .unwrap();
        })
        .await;
        for (seconds, gone) in [(60, 0), (61, 1)] {
            for kind in [Kind::SpentProof, Kind::DpopKey] {
                let deleted = delete_batch(&store, kind, after_seconds(seconds)).await;
                assert_eq!(deleted.unwrap(), gone, "{kind:?}");
            }
        }
        committed(&store, async |transaction| {
            let late = spend(transaction, "late", after_seconds(120))
                .await
                .unwrap();
            assert_eq!(late, Spending::Repeated);
        })
        .await;
    })
    .await;
}
