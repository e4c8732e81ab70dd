use cardea_storage::{Redemption, SecretDigest, Store, access_grant, authorization_code};

use super::baseline::{after_seconds, code, grant, with_active_session};
use super::databases::{committed, on_both};

async fn with_code(store: &Store) {
    with_active_session(store).await;
    committed(store, async |transaction| {
        authorization_code::insert(transaction, &code())
            .await
            .unwrap();
    })
    .await;
}

/// What the token endpoint does: the winner's grant stands in the redemption's own transaction, and
/// whoever comes late takes it back.
async fn redeem_or_revoke(store: &Store, jti: &str) -> (bool, u64) {
    committed(store, async |transaction| {
        let digest = SecretDigest::of("code");
        match authorization_code::redeem(transaction, &digest, after_seconds(1))
            .await
            .unwrap()
        {
            Redemption::Redeemed(found) => {
                assert_eq!(found, code());
                let mut grant = grant();
                grant.jti = jti.to_owned();
                access_grant::insert(transaction, &grant).await.unwrap();
                (true, 0)
            }
            Redemption::AlreadyRedeemed(_) => {
                let at = after_seconds(2);
                (
                    false,
                    access_grant::revoke_of_code(transaction, &digest, at)
                        .await
                        .unwrap(),
                )
            }
            Redemption::Unknown => panic!("the code exists"),
        }
    })
    .await
}

/// Attack F1.
#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_parallel_redemptions_of_a_code_one_wins_and_its_grant_is_taken_back() {
    on_both(async |store| {
        with_code(&store).await;
        let attempts: Vec<_> = (0..50)
            .map(|number| {
                let store = store.clone();
                tokio::spawn(async move { redeem_or_revoke(&store, &number.to_string()).await })
            })
            .collect();
        let (mut won, mut revoked) = (0, 0);
        for attempt in attempts {
            let (redeemed, count) = attempt.await.unwrap();
            won += u32::from(redeemed);
            revoked += count;
        }
        assert_eq!((won, revoked), (1, 1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_code_is_told_from_a_spent_one() {
    on_both(async |store| {
        with_code(&store).await;
        let mut transaction = store.begin().await.unwrap();
        let digest = SecretDigest::of("another");
        let found = authorization_code::redeem(&mut transaction, &digest, after_seconds(1)).await;
        assert_eq!(found.unwrap(), Redemption::Unknown);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ending_a_session_takes_its_unredeemed_codes_and_its_grants() {
    on_both(async |store| {
        with_code(&store).await;
        committed(&store, async |transaction| {
            access_grant::insert(transaction, &grant()).await.unwrap();
            let at = after_seconds(5);
            let revoke = authorization_code::revoke_of_session(transaction, "other");
            assert_eq!(revoke.await.unwrap(), 0);
            let revoke = authorization_code::revoke_of_session(transaction, "session");
            assert_eq!(revoke.await.unwrap(), 1);
            let revoked =
                access_grant::revoke_of_session(transaction, "session", "logout", at).await;
            assert_eq!(revoked.unwrap(), 1);

            let digest = SecretDigest::of("code");
            let found = authorization_code::redeem(transaction, &digest, at)
                .await
                .unwrap();
            assert_eq!(found, Redemption::Unknown);
            let found = access_grant::find(transaction, "token")
                .await
                .unwrap()
                .unwrap();
            assert_eq!(found.revoked_at, Some(at));
            let again = access_grant::revoke_of_session(transaction, "session", "logout", at).await;
            assert_eq!(
                again.unwrap(),
                0,
                "what is revoked stays revoked since then"
            );
        })
        .await;
    })
    .await;
}
