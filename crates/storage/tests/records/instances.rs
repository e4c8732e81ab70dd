//! What people and operators say of workstations, and the account page's cookie.

use cardea_storage::agent_instance::{
    InstanceUse, allow_again, find, list_of_person, list_unacknowledged, record_refused_use,
    record_use, revoke, revoke_others,
};
use cardea_storage::instance_standing::{self, DecidedStanding, InstanceDecision};
use cardea_storage::subject::{PersonId, load_or_create};
use cardea_storage::{SecretDigest, Transaction, account_cookie, client_session, session};

use super::baseline::{after_seconds, pending_session, start};
use super::databases::{committed, on_both};

async fn person(transaction: &mut Transaction, sub: &str) {
    let person = PersonId {
        scheme: "rpps",
        value: sub,
    };
    load_or_create(transaction, person, sub, start())
        .await
        .unwrap();
}

/// Attack M2.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_use_is_noted_beside_others_alone_and_never_as_the_first() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            person(transaction, "one").await;
            let refused = ("second", Some("Comptoir"));
            let noted = record_refused_use(transaction, "one", refused, start()).await;
            assert_eq!(noted.unwrap(), InstanceUse::Known, "nothing was noted");
            assert_eq!(find(transaction, "one", "second").await.unwrap(), None);
            record_use(transaction, "one", ("first", None), start())
                .await
                .unwrap();
            let noted = record_refused_use(transaction, "one", refused, start()).await;
            assert_eq!(noted.unwrap(), InstanceUse::First);
            let later = after_seconds(5);
            let again = record_refused_use(transaction, "one", refused, later).await;
            assert_eq!(again.unwrap(), InstanceUse::Known);
            let second = find(transaction, "one", "second").await.unwrap().unwrap();
            assert_eq!(second.acknowledged_at, None);
            assert_eq!(
                (second.first_seen_at, second.last_seen_at),
                (start(), later)
            );
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_takes_a_workstation_out_once_and_lets_it_in_again_once() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            person(transaction, "one").await;
            for (jkt, seconds) in [("first", 0), ("second", 1)] {
                let at = after_seconds(seconds);
                record_use(transaction, "one", (jkt, None), at)
                    .await
                    .unwrap();
            }
            let later = after_seconds(9);
            assert!(revoke(transaction, "one", "second", later).await.unwrap());
            assert!(!revoke(transaction, "one", "second", later).await.unwrap());
            assert!(!revoke(transaction, "one", "third", later).await.unwrap());
            assert_eq!(list_unacknowledged(transaction, "one").await.unwrap(), []);
            let own = list_of_person(transaction, "one", 50).await.unwrap();
            let revoked: Vec<_> = own.iter().map(|it| it.revoked_at).collect();
            assert_eq!(revoked, [Some(later), None], "used last first");
            assert!(
                allow_again(transaction, "one", "second", later)
                    .await
                    .unwrap()
            );
            assert!(
                !allow_again(transaction, "one", "second", later)
                    .await
                    .unwrap()
            );
            let second = find(transaction, "one", "second").await.unwrap().unwrap();
            assert_eq!(
                (second.revoked_at, second.acknowledged_at),
                (None, Some(later))
            );
        })
        .await;
    })
    .await;
}

/// The newest go first where there are more than one statement takes, and nobody else's.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_takes_out_every_workstation_but_one_as_many_at_a_time_as_the_limit() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            for sub in ["one", "two"] {
                person(transaction, sub).await;
                for (jkt, seconds) in [("first", 0), ("second", 1), ("third", 2), ("here", 3)] {
                    let at = after_seconds(seconds);
                    record_use(transaction, sub, (jkt, None), at).await.unwrap();
                }
            }
            let earlier = after_seconds(8);
            assert!(revoke(transaction, "one", "second", earlier).await.unwrap());
            let later = after_seconds(9);
            for (count_max, gone) in [(1, vec!["third"]), (5, vec!["first"]), (5, vec![])] {
                let others = revoke_others(transaction, ("one", "here"), count_max, later);
                assert_eq!(others.await.unwrap(), gone);
            }
            for (sub, jkt, revoked_at) in [
                ("one", "first", Some(later)),
                ("one", "second", Some(earlier)),
                ("one", "third", Some(later)),
                ("one", "here", None),
                ("two", "first", None),
                ("two", "here", None),
            ] {
                let found = find(transaction, sub, jkt).await.unwrap().unwrap();
                assert_eq!(found.revoked_at, revoked_at, "{sub} {jkt}");
            }
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operators_word_replaces_the_one_before_and_is_listed_with_what_was_seen() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            for sub in ["one", "two"] {
                person(transaction, sub).await;
                let used = ("jkt", Some("Comptoir"));
                record_use(transaction, sub, used, start()).await.unwrap();
            }
            let mut decision = InstanceDecision {
                instance_jkt: "jkt".to_owned(),
                standing: DecidedStanding::Managed,
                name: Some("Officine".to_owned()),
                note: Some("room 12".to_owned()),
                decided_at: start(),
            };
            for standing in [DecidedStanding::Managed, DecidedStanding::Revoked] {
                decision.standing = standing;
                instance_standing::decide(transaction, &decision)
                    .await
                    .unwrap();
                let found = instance_standing::find(transaction, "jkt").await.unwrap();
                assert_eq!(found.as_ref(), Some(&decision));
            }
            assert_eq!(instance_standing::count(transaction).await.unwrap(), 1);
            let listed = instance_standing::list(transaction, 10).await.unwrap();
            assert_eq!(listed, [decision]);
            let seen = instance_standing::list_seen(transaction, 10).await.unwrap();
            assert_eq!((seen.len(), seen[0].people), (1, 2));
            assert_eq!(seen[0].name.as_deref(), Some("Comptoir"));
            let found = instance_standing::find_seen(transaction, "jkt")
                .await
                .unwrap();
            assert_eq!(found.as_ref(), seen.first());
            assert!(instance_standing::forget(transaction, "jkt").await.unwrap());
            assert!(!instance_standing::forget(transaction, "jkt").await.unwrap());
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sessions_of_a_workstation_are_those_that_are_not_over() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            for (id, at) in [("one", "jkt"), ("two", "jkt"), ("three", "other")] {
                person(transaction, "one").await;
                let mut new = pending_session("one");
                (new.id, new.presence_jkt) = (id.to_owned(), id.to_owned());
                new.instance_jkt = at.to_owned();
                session::insert(transaction, &new).await.unwrap();
            }
            session::end(transaction, "two", "logout", start())
                .await
                .unwrap();
            let found = session::list_of_instance(transaction, "jkt").await.unwrap();
            let ids: Vec<_> = found.iter().map(|it| it.id.as_str()).collect();
            assert_eq!(ids, ["one"]);
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_cookie_opens_one_part_of_a_session_until_it_is_taken_away() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            person(transaction, "one").await;
            let new = pending_session("one");
            session::insert(transaction, &new).await.unwrap();
            let sid =
                client_session::load_or_create(transaction, "session", "account", "sid", start());
            let sid = sid.await.unwrap();
            let (first, second) = (SecretDigest::of("first"), SecretDigest::of("second"));
            for cookie in [&first, &second] {
                assert!(
                    account_cookie::open(transaction, &sid, cookie, start())
                        .await
                        .unwrap()
                );
            }
            assert_eq!(
                account_cookie::find(transaction, "account", &first)
                    .await
                    .unwrap(),
                None
            );
            // The page of one client opens nothing of another's.
            let other = account_cookie::find(transaction, "console", &second);
            assert_eq!(other.await.unwrap(), None);
            account_cookie::close(transaction, "console", &second)
                .await
                .unwrap();
            let open = account_cookie::find(transaction, "account", &second)
                .await
                .unwrap()
                .unwrap();
            assert_eq!(
                (open.session_id.as_str(), open.opened_at),
                ("session", start())
            );
            account_cookie::close(transaction, "account", &second)
                .await
                .unwrap();
            assert_eq!(
                account_cookie::find(transaction, "account", &second)
                    .await
                    .unwrap(),
                None
            );
            assert!(
                account_cookie::open(transaction, &sid, &first, start())
                    .await
                    .unwrap()
            );
            account_cookie::close_of(transaction, &sid).await.unwrap();
            assert_eq!(
                account_cookie::find(transaction, "account", &first)
                    .await
                    .unwrap(),
                None
            );
            assert!(
                !account_cookie::open(transaction, "nobody", &first, start())
                    .await
                    .unwrap()
            );
        })
        .await;
    })
    .await;
}
