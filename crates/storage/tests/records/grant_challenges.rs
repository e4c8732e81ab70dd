use cardea_storage::grant_challenge::{GrantChallenge, count_open_of_client, insert};
use cardea_storage::retention::{Kind, delete_batch};
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

/// Attack H9: whoever answers with junk makes no room for more.
#[tokio::test(flavor = "multi_thread")]
async fn grant_challenges_count_until_they_expire_answered_or_not() {
    on_both(async |store| {
        with(&store, "one").await;
        with(&store, "two").await;
        redeem(&store, "two").await;
        for (seconds, open) in [(0, 2), (119, 2), (120, 0)] {
            let counted = committed(&store, async |transaction| {
                count_open_of_client(transaction, "software", after_seconds(seconds)).await
            })
            .await;
            assert_eq!(counted.unwrap(), open, "after {seconds} s");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sweep_deletes_expired_grant_challenges_answered_or_not() {
    on_both(async |store| {
        with(&store, "one").await;
        with(&store, "two").await;
        redeem(&store, "two").await;
        for (before, rows) in [(120, 0), (121, 2), (121, 0)] {
            let deleted = delete_batch(&store, Kind::GrantChallenge, after_seconds(before)).await;
            assert_eq!(deleted.unwrap(), rows, "before {before}");
        }
        assert_eq!(redeem(&store, "two").await, Redemption::Unknown);
    })
    .await;
}
