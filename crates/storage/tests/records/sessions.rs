use cardea_storage::session::{Cutoffs, Session, SessionState};
use cardea_storage::subject::{self, PersonId};
use cardea_storage::{SecretDigest, Store, client_session, session};

use super::baseline::{after_seconds, pending_session, start, with_active_session};
use super::databases::{committed, on_both};

async fn load(store: &Store, id: &str) -> Session {
    let mut transaction = store.begin_read().await.unwrap();
    session::find(&mut transaction, id).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_goes_from_pending_to_active_to_ended_and_never_back() {
    on_both(async |store| {
        let sub = with_active_session(&store).await.sub;
        let active = load(&store, "session").await;
        assert_eq!(active.state, SessionState::Active);
        assert_eq!(active.present_at, Some(start()));
        assert_eq!(active.sub, sub);
        committed(&store, async |transaction| {
            let at = after_seconds(7);
            assert!(!session::activate(transaction, "session", at).await.unwrap());
            assert!(
                session::record_presence(transaction, "session", at)
                    .await
                    .unwrap()
            );
            let together = ["session".to_owned(), "nobody's".to_owned()];
            let noted = session::record_presences(transaction, &together, at).await;
            assert_eq!(noted.unwrap(), 1);
            assert!(
                session::record_use(transaction, "session", at)
                    .await
                    .unwrap()
            );
            assert!(
                session::end(transaction, "session", "departed", at)
                    .await
                    .unwrap()
            );
            assert!(
                !session::end(transaction, "session", "logout", at)
                    .await
                    .unwrap()
            );
            assert!(!session::activate(transaction, "session", at).await.unwrap());
            assert!(
                !session::record_presence(transaction, "session", at)
                    .await
                    .unwrap()
            );
            let noted = session::record_presences(transaction, &together, at).await;
            assert_eq!(noted.unwrap(), 0);
            assert!(
                !session::record_use(transaction, "session", at)
                    .await
                    .unwrap()
            );
        })
        .await;
        let ended = load(&store, "session").await;
        assert_eq!(ended.state, SessionState::Ended);
        assert_eq!(
            ended.identity, "{}",
            "what the card said is forgotten at once"
        );
        assert_eq!(
            (ended.present_at, ended.used_at),
            (Some(after_seconds(7)), after_seconds(7))
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_found_by_presence_key_and_by_cookie_until_it_ends() {
    on_both(async |store| {
        with_active_session(&store).await;
        let cookie = SecretDigest::of("session cookie");
        committed(&store, async |transaction| {
            let found = session::find_by_presence_key(transaction, "presence")
                .await
                .unwrap();
            assert_eq!(found.map(|found| found.id).as_deref(), Some("session"));
            assert_eq!(
                session::find_by_presence_key(transaction, "other")
                    .await
                    .unwrap(),
                None
            );

            assert_eq!(
                session::find_by_cookie(transaction, &cookie).await.unwrap(),
                None
            );
            assert!(
                session::set_cookie(transaction, "session", &cookie)
                    .await
                    .unwrap()
            );
            let found = session::find_by_cookie(transaction, &cookie)
                .await
                .unwrap()
                .unwrap();
            assert_eq!(found.cookie.as_ref(), Some(&cookie));

            session::end(transaction, "session", "logout", after_seconds(1))
                .await
                .unwrap();
            assert_eq!(
                session::find_by_cookie(transaction, &cookie).await.unwrap(),
                None
            );
            assert!(
                !session::set_cookie(transaction, "session", &cookie)
                    .await
                    .unwrap()
            );
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_sessions_of_the_card_at_other_instances_are_elsewhere() {
    on_both(async |store| {
        with_active_session(&store).await;
        committed(&store, async |transaction| {
            for (card, instance, count) in [
                ("card", "instance", 0),
                ("card", "another", 1),
                ("other", "another", 0),
            ] {
                let found = session::list_of_card_elsewhere(transaction, card, instance).await;
                assert_eq!(found.unwrap().len(), count, "{card} at {instance}");
            }
            session::end(transaction, "session", "logout", after_seconds(1))
                .await
                .unwrap();
            let found = session::list_of_card_elsewhere(transaction, "card", "another").await;
            assert_eq!(found.unwrap().len(), 0, "what is over is nowhere");
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_cutoff_finds_its_sessions_and_no_other() {
    on_both(async |store| {
        let sub = with_active_session(&store).await.sub;
        committed(&store, async |transaction| {
            let mut pending = pending_session(&sub);
            pending.id = "pending".to_owned();
            pending.presence_jkt = "pending".to_owned();
            session::insert(transaction, &pending).await.unwrap();
        })
        .await;
        let none = Cutoffs {
            pending_since: start(),
            used: start(),
            authenticated: start(),
        };
        let late = after_seconds(1);
        let cases: [(Cutoffs, &[&str]); 4] = [
            (none, &[]),
            (
                Cutoffs {
                    pending_since: late,
                    ..none
                },
                &["pending"],
            ),
            (Cutoffs { used: late, ..none }, &["session"]),
            (
                Cutoffs {
                    authenticated: late,
                    ..none
                },
                &["session"],
            ),
        ];
        let mut transaction = store.begin_read().await.unwrap();
        for (cutoffs, wanted) in cases {
            let found = session::list_overdue(&mut transaction, &cutoffs, 10)
                .await
                .unwrap();
            let found: Vec<&str> = found.iter().map(|session| session.id.as_str()).collect();
            assert_eq!(found, wanted, "{cutoffs:?}");
        }
        let all = Cutoffs {
            pending_since: late,
            used: late,
            ..none
        };
        let bounded = session::list_overdue(&mut transaction, &all, 1)
            .await
            .unwrap();
        assert_eq!(bounded.len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_sessions_are_listed_longest_first() {
    on_both(async |store| {
        let sub = with_active_session(&store).await.sub;
        committed(&store, async |transaction| {
            for (id, seconds) in [("later", 20), ("sooner", 10)] {
                let mut session = pending_session(&sub);
                (session.id, session.presence_jkt) = (id.to_owned(), id.to_owned());
                session::insert(transaction, &session).await.unwrap();
                let at = after_seconds(seconds);
                assert!(session::activate(transaction, id, at).await.unwrap());
            }
            let mut pending = pending_session(&sub);
            (pending.id, pending.presence_jkt) = ("pending".to_owned(), "pending".to_owned());
            session::insert(transaction, &pending).await.unwrap();
        })
        .await;
        committed(&store, async |transaction| {
            let cases: [(i64, u32, &[&str]); 4] = [
                (0, 9, &[]),
                (11, 9, &["session", "sooner"]),
                (21, 9, &["session", "sooner", "later"]),
                (21, 2, &["session", "sooner"]),
            ];
            for (cutoff, count_max, wanted) in cases {
                let cutoff = after_seconds(cutoff);
                let found = session::list_silent(transaction, cutoff, count_max).await;
                let found = found.unwrap();
                let found: Vec<&str> = found.iter().map(|session| session.id.as_str()).collect();
                assert_eq!(found, wanted);
            }
            let all = session::list_of_person(transaction, &sub).await.unwrap();
            let all: Vec<&str> = all.iter().map(|session| session.id.as_str()).collect();
            assert_eq!(all, ["later", "pending", "session", "sooner"]);
            let nobodys = session::list_of_person(transaction, "another").await;
            assert!(nobodys.unwrap().is_empty());
            let reason = "presence_lost";
            let at = after_seconds(40);
            assert!(
                session::end(transaction, "later", reason, at)
                    .await
                    .unwrap()
            );
            assert!(
                session::end(transaction, "sooner", "idle", at)
                    .await
                    .unwrap()
            );
            let of = async |transaction: &mut _, id| {
                session::find_end_reason(transaction, id).await.unwrap()
            };
            assert_eq!(of(transaction, "sooner").await.as_deref(), Some("idle"));
            assert_eq!(of(transaction, "session").await, None);
            assert_eq!(of(transaction, "unknown").await, None);
        })
        .await;
    })
    .await;
}

/// Many sessions of one person, and many people at one workstation, are one agent; a session that
/// ended lately counts with those that are silent, and once.
#[tokio::test(flavor = "multi_thread")]
async fn agents_are_counted_by_instances_and_people() {
    on_both(async |store| {
        // The first session has a person and a workstation of its own; it is silent from the start.
        let first = with_active_session(&store).await.sub;
        committed(&store, async |transaction| {
            let mut sessions = Vec::new();
            for (person, workstation) in [
                ("busy", "desk"),
                ("busy", "desk"),
                ("busy", "ward"),
                ("nurse", "kiosk"),
                ("doctor", "kiosk"),
            ] {
                let id = PersonId {
                    scheme: "rpps",
                    value: person,
                };
                let sub = subject::load_or_create(transaction, id, person, start()).await;
                let mut session = pending_session(&sub.unwrap());
                session.id = format!("session {}", sessions.len());
                session.presence_jkt.clone_from(&session.id);
                workstation.clone_into(&mut session.instance_jkt);
                session::insert(transaction, &session).await.unwrap();
                let at = after_seconds(10);
                assert!(
                    session::activate(transaction, &session.id, at)
                        .await
                        .unwrap()
                );
                sessions.push(session);
            }
            let count = async |transaction: &mut _, cutoff: i64, since: i64| {
                let (cutoff, since) = (after_seconds(cutoff), after_seconds(since));
                let reason = "presence_lost";
                let lost = session::count_lost_agents(transaction, cutoff, reason, since).await;
                let live = session::count_live_agents(transaction, reason, since).await;
                (lost.unwrap(), live.unwrap())
            };
            assert_eq!(count(transaction, 0, 60).await, (0, 4), "nobody is silent");
            assert_eq!(count(transaction, 1, 60).await, (1, 4), "one is");
            assert_eq!(count(transaction, 11, 60).await, (4, 4), "all are");
            for (index, reason, at) in [
                (0, "presence_lost", 40),
                (1, "presence_lost", 41),
                (3, "idle", 40),
                (4, "presence_lost", 40),
            ] {
                let (id, at) = (&sessions[index].id, after_seconds(at));
                assert!(session::end(transaction, id, reason, at).await.unwrap());
            }
            // Left: the first one, and the busy person at the ward.
            assert_eq!(
                count(transaction, 1, 40).await,
                (3, 3),
                "desk and kiosk too"
            );
            assert_eq!(count(transaction, 1, 41).await, (2, 2), "the desk too");
            assert_eq!(count(transaction, 1, 42).await, (1, 2));
            assert_ne!(sessions[0].sub, first);
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_client_has_its_own_lasting_sid_which_moves_with_the_session() {
    on_both(async |store| {
        let sub = with_active_session(&store).await.sub;
        committed(&store, async |transaction| {
            let again =
                client_session::load_or_create(transaction, "session", "portal", "new", start());
            assert_eq!(again.await.unwrap(), "sid");
            let second =
                client_session::load_or_create(transaction, "session", "second", "sid-2", start());
            assert_eq!(second.await.unwrap(), "sid-2");

            let mut newer = pending_session(&sub);
            newer.id = "newer".to_owned();
            newer.presence_jkt = "newer".to_owned();
            session::insert(transaction, &newer).await.unwrap();
            let moved = client_session::move_all(transaction, "session", "newer")
                .await
                .unwrap();
            assert_eq!(moved, 2);
            let left = client_session::list_of_session(transaction, "session")
                .await
                .unwrap();
            assert!(left.is_empty());
            let sids = client_session::list_of_session(transaction, "newer")
                .await
                .unwrap();
            let sids: Vec<&str> = sids.iter().map(|client| client.sid.as_str()).collect();
            assert_eq!(sids, ["sid", "sid-2"]);
            let found = client_session::find(transaction, "sid")
                .await
                .unwrap()
                .unwrap();
            assert_eq!(found.session_id, "newer");
        })
        .await;
    })
    .await;
}
