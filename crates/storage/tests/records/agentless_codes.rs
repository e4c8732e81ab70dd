//! Codes of logins without an agent, and the sessions that nobody watches.

use cardea_storage::agentless_code::{AgentlessCode, count_of_request, insert};
use cardea_storage::retention::{Kind, delete_batch};
use cardea_storage::session::SessionState;
use cardea_storage::{Redemption, SecretDigest, Store, agentless_code, session};

use super::baseline::{after_seconds, pending_session, start, with_active_session};
use super::databases::{committed, on_both};

fn code(text: &str) -> AgentlessCode {
    AgentlessCode {
        code: SecretDigest::of(text),
        authorization_request_id: "request".to_owned(),
        session_id: "session".to_owned(),
        issued_at: start(),
        expires_at: after_seconds(30),
    }
}

async fn redeem(store: &Store, text: &str) -> Redemption<AgentlessCode> {
    let digest = SecretDigest::of(text);
    committed(store, async |transaction| {
        agentless_code::redeem(transaction, &digest, after_seconds(1))
            .await
            .unwrap()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_redeemed_once_counted_and_forgotten() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            insert(transaction, &code("one")).await.unwrap();
            insert(transaction, &code("two")).await.unwrap();
            let counted = count_of_request(transaction, "request").await;
            assert_eq!(counted.unwrap(), 2);
            let counted = count_of_request(transaction, "another").await;
            assert_eq!(counted.unwrap(), 0);
        })
        .await;
        let attempts: Vec<_> = (0..10)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move { redeem(&store, "one").await })
            })
            .collect();
        let mut won = 0;
        for attempt in attempts {
            match attempt.await.unwrap() {
                Redemption::Redeemed(redeemed) => {
                    assert_eq!(redeemed, code("one"));
                    won += 1;
                }
                Redemption::AlreadyRedeemed(redeemed) => assert_eq!(redeemed, code("one")),
                Redemption::Unknown => panic!("it is known"),
            }
        }
        assert_eq!(won, 1);
        assert_eq!(redeem(&store, "three").await, Redemption::Unknown);
        let forget = async |seconds| {
            delete_batch(&store, Kind::AgentlessCode, after_seconds(seconds))
                .await
                .unwrap()
        };
        assert_eq!(forget(30).await, 0);
        assert_eq!(forget(31).await, 2);
        assert_eq!(redeem(&store, "one").await, Redemption::Unknown);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_nobody_watches_has_no_presence_and_is_no_agent() {
    on_both(async |store| {
        let sub = with_active_session(&store).await.sub;
        committed(&store, async |transaction| {
            let mut unwatched = pending_session(&sub);
            unwatched.id = "unwatched".to_owned();
            unwatched.presence_jkt = "agentless:unwatched".to_owned();
            unwatched.instance_jkt = "agentless".to_owned();
            session::insert(transaction, &unwatched).await.unwrap();
            let activate = session::activate_unwatched(transaction, "unwatched").await;
            assert!(activate.unwrap());
            let again = session::activate_unwatched(transaction, "unwatched").await;
            assert!(!again.unwrap());
            let found = session::find(transaction, "unwatched").await.unwrap();
            let found = found.unwrap();
            assert_eq!(
                (found.state, found.present_at),
                (SessionState::Active, None)
            );
            let silent = session::list_silent(transaction, after_seconds(1_000), 9).await;
            let silent = silent.unwrap();
            assert!(silent.iter().all(|session| session.id != "unwatched"));
            let reason = "presence_lost";
            let live = session::count_live_agents(transaction, reason, start()).await;
            assert_eq!(live.unwrap(), 1);
            for (cutoff, count_max, wanted) in [(0, 9, 0), (1, 9, 1), (1, 0, 0)] {
                let cutoff = after_seconds(cutoff);
                let overdue = session::list_unwatched_overdue(transaction, cutoff, count_max).await;
                let overdue = overdue.unwrap();
                assert_eq!(overdue.len(), wanted);
                assert!(overdue.iter().all(|session| session.id == "unwatched"));
            }
        })
        .await;
    })
    .await;
}
