use cardea_storage::{Redemption, Store, authorization_request, challenge};

use super::baseline::{after_seconds, challenge as baseline, request};
use super::databases::{committed, on_both};

async fn with_challenge(store: &Store) {
    committed(store, async |transaction| {
        authorization_request::insert(transaction, &request())
            .await
            .unwrap();
        challenge::insert(transaction, &baseline()).await.unwrap();
    })
    .await;
}

async fn redeem(store: &Store, jti: &str) -> Redemption<challenge::Challenge> {
    committed(store, async |transaction| {
        challenge::redeem(transaction, jti, after_seconds(1))
            .await
            .unwrap()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_is_redeemed_once_and_a_replay_is_told_from_a_guess() {
    on_both(async |store| {
        with_challenge(&store).await;
        assert_eq!(
            redeem(&store, "challenge").await,
            Redemption::Redeemed(baseline())
        );
        assert_eq!(
            redeem(&store, "challenge").await,
            Redemption::AlreadyRedeemed(baseline())
        );
        assert_eq!(redeem(&store, "another").await, Redemption::Unknown);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_parallel_redemptions_of_a_challenge_one_wins() {
    on_both(async |store| {
        with_challenge(&store).await;
        let attempts: Vec<_> = (0..50)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move { redeem(&store, "challenge").await })
            })
            .collect();
        let mut won = 0;
        for attempt in attempts {
            match attempt.await.unwrap() {
                Redemption::Redeemed(_) => won += 1,
                Redemption::AlreadyRedeemed(_) => {}
                Redemption::Unknown => panic!("the challenge exists"),
            }
        }
        assert_eq!(won, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn challenges_are_counted_by_authorization_request() {
    on_both(async |store| {
        with_challenge(&store).await;
        committed(&store, async |transaction| {
            let second = challenge::Challenge {
                jti: "second".to_owned(),
                ..baseline()
            };
            challenge::insert(transaction, &second).await.unwrap();
            assert_eq!(
                challenge::count_of_request(transaction, "request")
                    .await
                    .unwrap(),
                2
            );
            assert_eq!(
                challenge::count_of_request(transaction, "other")
                    .await
                    .unwrap(),
                0
            );
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_needs_its_authorization_request() {
    on_both(async |store| {
        let mut transaction = store.begin().await.unwrap();
        let error = challenge::insert(&mut transaction, &baseline())
            .await
            .unwrap_err();
        assert_eq!(error.code(), "storage.unavailable");
    })
    .await;
}
