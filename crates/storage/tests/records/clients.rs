use cardea_storage::client::{
    ClientRecord, EndedHoldings, PreviousSecret, end_holdings, find, forget_replaced_secrets,
    insert, list, list_holders, remove, replace_secret, revision,
};
use cardea_storage::consent::{self, Consent};
use cardea_storage::{
    Redemption, SecretDigest, access_grant, authorization_code, client_session, session,
};

use super::baseline::{after_seconds, code, grant, start, with_active_session};
use super::databases::{committed, on_both};

fn record(client_id: &str) -> ClientRecord {
    ClientRecord {
        client_id: client_id.to_owned(),
        registration: r#"{"name":"Portail"}"#.to_owned(),
        secret: Some(SecretDigest::of("first")),
        previous_secret: None,
        created_at: start(),
        changed_at: start(),
        self_registration: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_kept_listed_and_removed_and_each_change_counts() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            assert_eq!(revision(transaction).await.unwrap(), 0);
            assert!(insert(transaction, &record("b")).await.unwrap());
            assert!(insert(transaction, &record("a")).await.unwrap());
            assert!(!insert(transaction, &record("a")).await.unwrap());
            assert_eq!(revision(transaction).await.unwrap(), 2);
            assert_eq!(find(transaction, "a").await.unwrap(), Some(record("a")));
            assert_eq!(list(transaction).await.unwrap(), [record("a"), record("b")]);
            assert!(remove(transaction, "a").await.unwrap());
            assert!(!remove(transaction, "a").await.unwrap());
            assert_eq!(find(transaction, "a").await.unwrap(), None);
            assert_eq!(revision(transaction).await.unwrap(), 3);
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_keeps_at_most_one_earlier_secret() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            insert(transaction, &record("a")).await.unwrap();
            let keyed = ClientRecord {
                secret: None,
                ..record("keyed")
            };
            insert(transaction, &keyed).await.unwrap();
            let second = SecretDigest::of("second");
            let until = after_seconds(3600);
            let now = after_seconds(5);
            let mut replace = async |id: &str, secret: &SecretDigest, until| {
                replace_secret(transaction, id, secret, until, now)
                    .await
                    .unwrap()
            };
            assert!(replace("a", &second, Some(until)).await);
            assert!(!replace("keyed", &second, None).await, "it has none");
            assert!(!replace("unknown", &second, None).await);
            let rotated = find(transaction, "a").await.unwrap().unwrap();
            assert_eq!(rotated.secret, Some(second.clone()));
            assert_eq!(
                rotated.previous_secret,
                Some(PreviousSecret {
                    digest: SecretDigest::of("first"),
                    until
                })
            );
            assert_eq!(rotated.changed_at, now);
            for (moment, forgotten) in [(3599, 0), (3600, 1), (3601, 0)] {
                let count = forget_replaced_secrets(transaction, after_seconds(moment)).await;
                assert_eq!(count.unwrap(), forgotten, "{moment}");
            }
            let kept = find(transaction, "a").await.unwrap().unwrap();
            assert_eq!((kept.secret, kept.previous_secret), (rotated.secret, None));

            let third = SecretDigest::of("third");
            replace_secret(transaction, "a", &third, None, now)
                .await
                .unwrap();
            let rotated = find(transaction, "a").await.unwrap().unwrap();
            assert_eq!(rotated.secret, Some(third));
            assert_eq!(rotated.previous_secret, None);
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_holds_ends_and_what_others_hold_stays() {
    on_both(async |store| {
        with_active_session(&store).await;
        committed(&store, async |transaction| {
            authorization_code::insert(transaction, &code())
                .await
                .unwrap();
            access_grant::insert(transaction, &grant()).await.unwrap();
            let none = end_holdings(transaction, "other", start()).await.unwrap();
            assert_eq!(none, EndedHoldings::default());
            let ended = end_holdings(transaction, "portal", after_seconds(1))
                .await
                .unwrap();
            assert_eq!((ended.codes, ended.access_grants), (1, 1));
            assert_eq!(ended.client_sessions, 1);
            let token = access_grant::find(transaction, "token").await.unwrap();
            assert_eq!(token.unwrap().revoked_at, Some(after_seconds(1)));
            let redeemed = authorization_code::redeem(transaction, &code().code, start())
                .await
                .unwrap();
            assert_eq!(redeemed, Redemption::Unknown);
            let again = end_holdings(transaction, "portal", after_seconds(2))
                .await
                .unwrap();
            assert_eq!(again, EndedHoldings::default());

            // It is in no session any more, nor is whoever gets its id; with the card it is again.
            let find_by_sid = async |transaction: &mut _| {
                let session = session::find_by_sid(transaction, "sid").await.unwrap();
                session.map(|session| session.id)
            };
            let found = client_session::find(transaction, "sid").await.unwrap();
            assert_eq!((found, find_by_sid(transaction).await), (None, None));
            let left = client_session::list_of_session(transaction, "session").await;
            assert!(left.unwrap().is_empty());
            let joined =
                client_session::load_or_create(transaction, "session", "portal", "new", start());
            assert_eq!(joined.await.unwrap(), "sid");
            assert_eq!(find_by_sid(transaction).await.as_deref(), Some("session"));
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_hold_something_are_listed_once_each() {
    on_both(async |store| {
        let sub = with_active_session(&store).await.sub;
        committed(&store, async |transaction| {
            let second =
                client_session::load_or_create(transaction, "session", "second", "sid-2", start());
            second.await.unwrap();
            for (client_id, covered) in [("asked", "name"), ("asked", "card"), ("second", "name")] {
                let given = Consent {
                    sub: sub.clone(),
                    client_id: client_id.to_owned(),
                    covered: covered.to_owned(),
                    given_at: start(),
                    expires_at: after_seconds(60),
                };
                consent::remember(transaction, &given).await.unwrap();
            }
            let holders = list_holders(transaction).await.unwrap();
            let holders: Vec<&str> = holders.iter().map(String::as_str).collect();
            assert_eq!(holders, ["asked", "portal", "second"]);
            for client_id in holders {
                end_holdings(transaction, client_id, start()).await.unwrap();
            }
            assert!(list_holders(transaction).await.unwrap().is_empty());
        })
        .await;
    })
    .await;
}
