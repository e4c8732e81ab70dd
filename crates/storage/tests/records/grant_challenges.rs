use cardea_storage::grant_challenge::{
    GrantChallenge, count_unanswered_of_client, delete_unanswered_of_client, insert,
};
use cardea_storage::retention::{delete_ended_before, delete_incomplete_requests_before};
use cardea_storage::{Redemption, Store, grant_challenge};

use super::baseline::{after_seconds, start};
use super::databases::{committed, on_both};

fn challenge(jti: &str) -> GrantChallenge {
    GrantChallenge {
        jti: jti.to_owned(),
        client_id: "software".to_owned(),
        challenge_sha256: "digest".to_owned(),
        nonce: "nonce".to_owned(),
        scope: "openid".to_owned(),
        resources: "[]".to_owned(),
        issued_at: start(),
        expires_at: after_seconds(120),
    }
}

async fn with(store: &Store, jti: &str) {
    committed(store, async |transaction| {
        insert(transaction, &challenge(jti)).await.unwrap();
    })
    .await;
}

async fn redeem(store: &Store, jti: &str) -> Redemption<GrantChallenge> {
    committed(store, async |transaction| {
        grant_challenge::redeem(transaction, jti, after_seconds(1))
            .await
            .unwrap()
    })
    .await
}

async fn unanswered(store: &Store) -> i64 {
    committed(store, async |transaction| {
        count_unanswered_of_client(transaction, "software")
            .await
            .unwrap()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_challenge_is_redeemed_once_and_a_replay_is_told_from_a_guess() {
    on_both(async |store| {
        with(&store, "one").await;
        let expected = challenge("one");
        assert_eq!(
            redeem(&store, "one").await,
            Redemption::Redeemed(expected.clone())
        );
        assert_eq!(
            redeem(&store, "one").await,
            Redemption::AlreadyRedeemed(expected)
        );
        assert_eq!(redeem(&store, "two").await, Redemption::Unknown);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_parallel_redemptions_of_a_grant_challenge_one_wins() {
    on_both(async |store| {
        with(&store, "one").await;
        let attempts: Vec<_> = (0..20)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move { redeem(&store, "one").await })
            })
            .collect();
        let mut won = 0;
        for attempt in attempts {
            won += u32::from(matches!(attempt.await.unwrap(), Redemption::Redeemed(_)));
        }
        assert_eq!(won, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unanswered_grant_challenges_are_counted_and_make_room_once_they_expired() {
    on_both(async |store| {
        with(&store, "one").await;
        with(&store, "two").await;
        redeem(&store, "two").await;
        assert_eq!(unanswered(&store).await, 1);
        let deleted = async |seconds| {
            committed(&store, async |transaction| {
                delete_unanswered_of_client(transaction, "software", after_seconds(seconds))
                    .await
                    .unwrap()
            })
            .await
        };
        assert_eq!(deleted(120).await, 0);
        assert_eq!(deleted(121).await, 1);
        assert_eq!(unanswered(&store).await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sweep_deletes_grant_challenges_and_unanswered_ones_sooner() {
    on_both(async |store| {
        with(&store, "one").await;
        with(&store, "two").await;
        redeem(&store, "two").await;
        let swept = async |answered: bool| {
            committed(&store, async |transaction| {
                let before = after_seconds(121);
                match answered {
                    true => delete_ended_before(transaction, before).await.unwrap(),
                    false => delete_incomplete_requests_before(transaction, before)
                        .await
                        .unwrap(),
                }
            })
            .await
        };
        assert_eq!(swept(false).await, 1);
        assert_eq!(swept(true).await, 1);
        assert_eq!(redeem(&store, "two").await, Redemption::Unknown);
    })
    .await;
}
