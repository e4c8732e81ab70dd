//! Clients that registered themselves, the tokens that let them, and added trust anchors.

use cardea_storage::client::{self, ClientRecord, SelfRegistration};
use cardea_storage::initial_access_token::{self as tokens, InitialAccessTokenRecord};
use cardea_storage::trust_anchor::{self, TrustAnchorRecord};
use cardea_storage::{SecretDigest, session_card};

use super::baseline::{after_seconds, start, with_active_session};
use super::databases::{committed, on_both};

fn registered(client_id: &str, name_key: &str) -> ClientRecord {
    ClientRecord {
        client_id: client_id.to_owned(),
        registration: r#"{"name":"Portail"}"#.to_owned(),
        secret: Some(SecretDigest::of("secret")),
        previous_secret: None,
        created_at: start(),
        changed_at: start(),
        self_registration: Some(SelfRegistration {
            initial_access_token_id: "iat-1".to_owned(),
            limits: "{}".to_owned(),
            token: SecretDigest::of("manager"),
            name_key: name_key.to_owned(),
        }),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_registered_itself_is_counted_changed_and_told_by_its_name() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            let first = registered("a", "portail");
            assert!(client::insert(transaction, &first).await.unwrap());
            let by_operator = ClientRecord {
                self_registration: None,
                ..registered("b", "x")
            };
            assert!(client::insert(transaction, &by_operator).await.unwrap());
            let count = client::count_self_registered(transaction).await.unwrap();
            assert_eq!(count, 1);
            let names = client::name_keys(transaction).await.unwrap();
            assert_eq!(names, [("a".to_owned(), "portail".to_owned())]);
            client::change_alone(transaction).await.unwrap();
            for (seconds, taken) in [(0, true), (1, true), (2, false), (60, true), (61, true)] {
                let (since, now) = (after_seconds(seconds - 60), after_seconds(seconds));
                let change = client::take_change(transaction, "a", since, now, 2);
                assert_eq!(change.await.unwrap(), taken, "{seconds}");
            }
            let other = SecretDigest::of("other");
            let replaced = client::replace_registration_token(transaction, "a", &other);
            replaced.await.unwrap();
            let found = client::find(transaction, "a").await.unwrap().unwrap();
            assert_eq!(found.self_registration.unwrap().token, other);
            assert_eq!(client::revision(transaction).await.unwrap(), 2);
            let changed = ClientRecord {
                registration: r#"{"name":"Autre"}"#.to_owned(),
                secret: None,
                changed_at: after_seconds(5),
                ..registered("a", "autre")
            };
            assert!(client::update(transaction, &changed).await.unwrap());
            let found = client::find(transaction, "a").await.unwrap();
            assert_eq!(found, Some(changed.clone()));
            assert_eq!(client::revision(transaction).await.unwrap(), 3);
            let unknown = ClientRecord {
                client_id: "c".to_owned(),
                ..changed
            };
            assert!(!client::update(transaction, &unknown).await.unwrap());
            assert_eq!(client::revision(transaction).await.unwrap(), 3);
        })
        .await;
    })
    .await;
}

fn token(id: &str, uses_left: i64) -> InitialAccessTokenRecord {
    InitialAccessTokenRecord {
        id: id.to_owned(),
        token: SecretDigest::of(id),
        note: "laboratoire".to_owned(),
        limits: "{}".to_owned(),
        uses_left,
        created_at: start(),
        expires_at: after_seconds(60),
        revoked_at: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_for_its_uses_until_its_time_or_its_end() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            for record in [token("twice", 2), token("revoked", 2), token("late", 2)] {
                tokens::insert(transaction, &record).await.unwrap();
            }
            let usable = tokens::count_usable(transaction, start()).await.unwrap();
            assert_eq!(usable, 3);
            for taken in [true, true, false] {
                let use_taken = tokens::take_use(transaction, "twice", after_seconds(1));
                assert_eq!(use_taken.await.unwrap(), taken);
            }
            let now = after_seconds(2);
            assert!(tokens::revoke(transaction, "revoked", now).await.unwrap());
            assert!(!tokens::revoke(transaction, "revoked", now).await.unwrap());
            assert!(!tokens::revoke(transaction, "unknown", now).await.unwrap());
            assert!(!tokens::take_use(transaction, "revoked", now).await.unwrap());
            assert!(
                tokens::take_use(transaction, "late", after_seconds(59))
                    .await
                    .unwrap()
            );
            assert!(
                !tokens::take_use(transaction, "late", after_seconds(60))
                    .await
                    .unwrap()
            );
            let found = tokens::find(transaction, &SecretDigest::of("revoked")).await;
            assert_eq!(found.unwrap().unwrap().revoked_at, Some(now));
            let none = tokens::find(transaction, &SecretDigest::of("unknown")).await;
            assert!(none.unwrap().is_none());
            assert_eq!(tokens::list(transaction).await.unwrap().len(), 3);
            let usable = tokens::count_usable(transaction, now).await.unwrap();
            assert_eq!(usable, 1);
            let forgotten = tokens::forget_expired(transaction, after_seconds(60)).await;
            assert_eq!(forgotten.unwrap(), 0);
            let forgotten = tokens::forget_expired(transaction, after_seconds(61)).await;
            assert_eq!(forgotten.unwrap(), 3);
        })
        .await;
    })
    .await;
}

fn anchor(rules: &str, sha256: &str) -> TrustAnchorRecord {
    TrustAnchorRecord {
        rules: rules.to_owned(),
        sha256: sha256.to_owned(),
        role: "anchor".to_owned(),
        certificate: "MII".to_owned(),
        added_at: start(),
        added_by: "{}".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_anchor_is_added_once_listed_and_removed_and_each_change_counts() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            assert_eq!(trust_anchor::revision(transaction).await.unwrap(), 0);
            for (rules, inserted) in [("b", true), ("a", true), ("a", false)] {
                let record = anchor(rules, "00");
                let stored = trust_anchor::insert(transaction, &record).await;
                assert_eq!(stored.unwrap(), inserted);
            }
            let all = trust_anchor::list(transaction).await.unwrap();
            assert_eq!(all, [anchor("a", "00"), anchor("b", "00")]);
            assert!(!trust_anchor::remove(transaction, "a", "01").await.unwrap());
            assert!(trust_anchor::remove(transaction, "a", "00").await.unwrap());
            assert_eq!(trust_anchor::revision(transaction).await.unwrap(), 3);
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_card_is_made_due_at_once() {
    on_both(async |store| {
        with_active_session(&store).await;
        committed(&store, async |transaction| {
            let later = after_seconds(900);
            let kept = session_card::insert(transaction, "session", ("card", "[]"), later);
            kept.await.unwrap();
            assert!(!session_card::is_due(transaction, start()).await.unwrap());
            session_card::make_all_due(transaction, start())
                .await
                .unwrap();
            assert!(session_card::is_due(transaction, start()).await.unwrap());
        })
        .await;
    })
    .await;
}
