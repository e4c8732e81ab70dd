use cardea_storage::refresh_token::{self, RefreshTokenFamily};
use cardea_storage::retention::{Kind, delete_batch};
use cardea_storage::{
    Redemption, SecretDigest, Store, access_grant, authorization_code, client, client_session,
    session,
};

use super::baseline::{after_seconds, code, grant, start, with_active_session};
use super::databases::{committed, on_both};
use super::retention::forget_logins;

fn family() -> RefreshTokenFamily {
    RefreshTokenFamily {
        id: "family".to_owned(),
        sid: "sid".to_owned(),
        client_id: "portal".to_owned(),
        code: Some(SecretDigest::of("code")),
        scope: "openid profile".to_owned(),
        resources: "[]".to_owned(),
        claims: Some("{}".to_owned()),
        dpop_jkt: Some("jkt".to_owned()),
        x5t_s256: Some("x5t".to_owned()),
        auth_time: start(),
        acr: "urn:cardea:acr:card-pin".to_owned(),
        revocation_age: Some(60),
        issued_at: after_seconds(1),
        expires_at: after_seconds(14_400),
        revoked_at: None,
    }
}

/// A family with one token, and the access token that came with it.
async fn with_family(store: &Store) {
    with_active_session(store).await;
    committed(store, async |transaction| {
        refresh_token::insert_family(transaction, &family())
            .await
            .unwrap();
        let token = SecretDigest::of("first");
        refresh_token::insert(transaction, &token, "family", after_seconds(1))
            .await
            .unwrap();
        let mut grant = grant();
        grant.family = Some("family".to_owned());
        access_grant::insert(transaction, &grant).await.unwrap();
    })
    .await;
}

/// What the token endpoint does: whoever comes late takes the family back.
async fn rotate_or_revoke(store: &Store, number: u32) -> (bool, bool) {
    committed(store, async |transaction| {
        let (digest, at) = (SecretDigest::of("first"), after_seconds(2));
        match refresh_token::redeem(transaction, &digest, at)
            .await
            .unwrap()
        {
            Redemption::Redeemed(found) => {
                assert_eq!(found, family());
                let live = refresh_token::record_use(transaction, &found.id, at).await;
                assert!(live.unwrap());
                let next = SecretDigest::of(&number.to_string());
                refresh_token::insert(transaction, &next, &found.id, at)
                    .await
                    .unwrap();
                (true, false)
            }
            Redemption::AlreadyRedeemed(found) => {
                let revoked = refresh_token::revoke_family(transaction, &found.id, at).await;
                (false, revoked.unwrap())
            }
            Redemption::Unknown => panic!("the token exists"),
        }
    })
    .await
}

/// Attack F6.
#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_parallel_refreshes_one_wins_and_the_family_is_taken_back_once() {
    on_both(async |store| {
        with_family(&store).await;
        let attempts: Vec<_> = (0..50)
            .map(|number| {
                let store = store.clone();
                tokio::spawn(async move { rotate_or_revoke(&store, number).await })
            })
            .collect();
        let (mut won, mut revoked) = (0, 0);
        for attempt in attempts {
            let (redeemed, took_back) = attempt.await.unwrap();
            won += u32::from(redeemed);
            revoked += u32::from(took_back);
        }
        assert_eq!((won, revoked), (1, 1));
        committed(&store, async |transaction| {
            let live = refresh_token::record_use(transaction, "family", after_seconds(3)).await;
            assert!(!live.unwrap());
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_found_with_its_family_and_an_unknown_one_is_not() {
    on_both(async |store| {
        with_family(&store).await;
        committed(&store, async |transaction| {
            let found = refresh_token::find(transaction, &SecretDigest::of("first")).await;
            let found = found.unwrap().unwrap();
            assert_eq!(found.family, family());
            assert_eq!(
                (found.issued_at, found.redeemed_at),
                (after_seconds(1), None)
            );
            let unknown = SecretDigest::of("guess");
            assert_eq!(
                refresh_token::find(transaction, &unknown).await.unwrap(),
                None
            );
            let redeemed = refresh_token::redeem(transaction, &unknown, after_seconds(2)).await;
            assert_eq!(redeemed.unwrap(), Redemption::Unknown);
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_family_is_taken_back_by_its_code_its_session_and_its_client() {
    on_both(async |store| {
        with_family(&store).await;
        committed(&store, async |transaction| {
            let at = after_seconds(5);
            let other = SecretDigest::of("other");
            let none = [
                refresh_token::revoke_of_code(transaction, &other, at).await,
                refresh_token::revoke_of_session(transaction, "other", at).await,
                refresh_token::revoke_of_client(transaction, "other", at).await,
            ];
            assert!(none.into_iter().all(|count| count.unwrap() == 0));
            for number in 0..3 {
                let mut family = family();
                family.id = format!("family {number}");
                family.code = Some(SecretDigest::of(&format!("code {number}")));
                refresh_token::insert_family(transaction, &family)
                    .await
                    .unwrap();
            }
            let code = SecretDigest::of("code 0");
            let revoked = refresh_token::revoke_of_code(transaction, &code, at).await;
            assert_eq!(revoked.unwrap(), 1);
            let revoked = refresh_token::revoke_of_session(transaction, "session", at).await;
            assert_eq!(
                revoked.unwrap(),
                3,
                "what is revoked stays revoked since then"
            );
            let revoked = refresh_token::revoke_of_client(transaction, "portal", at).await;
            assert_eq!(revoked.unwrap(), 0);
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn access_tokens_are_taken_back_with_their_family_or_alone() {
    on_both(async |store| {
        with_family(&store).await;
        committed(&store, async |transaction| {
            let at = after_seconds(5);
            let mut alone = grant();
            alone.jti = "alone".to_owned();
            access_grant::insert(transaction, &alone).await.unwrap();
            let revoked = access_grant::revoke_of_family(transaction, "family", at).await;
            assert_eq!(revoked.unwrap(), 1);
            assert!(
                access_grant::revoke(transaction, "alone", at)
                    .await
                    .unwrap()
            );
            for gone in ["alone", "token", "never"] {
                let again = access_grant::revoke(transaction, gone, at).await;
                assert!(!again.unwrap(), "{gone}");
            }
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn families_are_forgotten_after_their_end_and_services_tokens_keep_no_session() {
    on_both(async |store| {
        with_family(&store).await;
        committed(&store, async |transaction| {
            // A service's token has no session behind it.
            let mut of_service = grant();
            of_service.jti = "service".to_owned();
            of_service.sid = None;
            of_service.expires_at = after_seconds(100_000);
            access_grant::insert(transaction, &of_service)
                .await
                .unwrap();
            session::end(transaction, "session", "departed", after_seconds(30))
                .await
                .unwrap();
        })
        .await;
        forget_logins(&store, 14_400).await;
        committed(&store, async |transaction| {
            let kept = refresh_token::find(transaction, &SecretDigest::of("first")).await;
            assert!(kept.unwrap().is_some(), "a late reuse is still noticed");
            let kept = client_session::find(transaction, "sid").await.unwrap();
            assert!(kept.is_some());
        })
        .await;
        forget_logins(&store, 14_401).await;
        committed(&store, async |transaction| {
            let gone = refresh_token::find(transaction, &SecretDigest::of("first")).await;
            assert_eq!(gone.unwrap(), None);
            let gone = client_session::find(transaction, "sid").await.unwrap();
            assert_eq!(gone, None);
        })
        .await;
    })
    .await;
}

/// A family may have any number of tokens: they go in batches too, before it.
#[tokio::test(flavor = "multi_thread")]
async fn a_family_of_thousands_of_refresh_tokens_goes_in_several_batches() {
    on_both(async |store| {
        with_family(&store).await;
        committed(&store, async |transaction| {
            for number in 0..4_499 {
                let token = SecretDigest::of(&number.to_string());
                refresh_token::insert(transaction, &token, "family", start())
                    .await
                    .unwrap();
            }
        })
        .await;
        for rows in [2_000, 2_000, 501, 0] {
            let before = after_seconds(14_401);
            let deleted = delete_batch(&store, Kind::RefreshTokenFamily, before).await;
            assert_eq!(deleted.unwrap(), rows);
        }
    })
    .await;
}

/// What a person takes back is what that client has of her, and no more.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_has_of_a_person_is_taken_back_and_no_more() {
    on_both(async |store| {
        with_family(&store).await;
        committed(&store, async |transaction| {
            let at = after_seconds(5);
            let mut redeemed = code();
            redeemed.code = SecretDigest::of("redeemed");
            for code in [&code(), &redeemed] {
                authorization_code::insert(transaction, code).await.unwrap();
            }
            authorization_code::redeem(transaction, &redeemed.code, at)
                .await
                .unwrap();
            let session = session::find(transaction, "session").await.unwrap();
            let sub = session.unwrap().sub;
            for (sub, client_id, count) in [
                ("another", "portal", 0),
                (sub.as_str(), "another", 0),
                (&sub, "portal", 1),
                (&sub, "portal", 0),
            ] {
                let codes = authorization_code::revoke_of_person(transaction, sub, client_id);
                assert_eq!(codes.await.unwrap(), count, "{sub} {client_id}");
                let families = refresh_token::revoke_of_person(transaction, sub, client_id, at);
                assert_eq!(families.await.unwrap(), count, "{sub} {client_id}");
                let grants = access_grant::revoke_of_person(transaction, sub, client_id, at);
                assert_eq!(grants.await.unwrap(), count, "{sub} {client_id}");
            }
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_taken_out_loses_its_families() {
    on_both(async |store| {
        with_family(&store).await;
        committed(&store, async |transaction| {
            let at = after_seconds(5);
            let ended = client::end_holdings(transaction, "portal", at).await;
            assert_eq!(ended.unwrap().access_grants, 1);
            let found = refresh_token::find(transaction, &SecretDigest::of("first")).await;
            let family = found.unwrap().unwrap().family;
            assert_eq!(family.revoked_at, Some(at));
        })
        .await;
    })
    .await;
}
