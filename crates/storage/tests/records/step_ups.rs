use cardea_storage::guard_report::count_all_patients_of_session;
use cardea_storage::retention::{Kind, delete_batch};
use cardea_storage::security_event::{Stream, begin, list_pending, tell_fresh_signature};
use cardea_storage::step_up::{
    AskedLately, GIVEN, StepUp, ask, asked_lately, list_waiting, note_outcome, redeem,
};
use cardea_storage::{Redemption, Store};

use super::baseline::{after_seconds, start};
use super::databases::{committed, on_both};

fn question(jti: &str, session_id: &str) -> StepUp {
    StepUp {
        jti: jti.to_owned(),
        session_id: session_id.to_owned(),
        presence_jkt: "key".to_owned(),
        guard_client_id: "guard".to_owned(),
        client_id: "portal".to_owned(),
        sid: "sid".to_owned(),
        service: "records".to_owned(),
        patients: 41,
        challenge: "a.b.c".to_owned(),
        nonce: "nonce".to_owned(),
        refused_at_ms: 1_795_996_800_000,
        asked_at: start(),
        expires_at: after_seconds(120),
    }
}

async fn put(store: &Store, question: &StepUp) -> bool {
    committed(store, async |transaction| {
        ask(transaction, question).await.unwrap()
    })
    .await
}

async fn take(store: &Store, jti: &str, key: &str) -> Redemption<StepUp> {
    committed(store, async |transaction| {
        redeem(transaction, (jti, key), "refused", after_seconds(1))
            .await
            .unwrap()
    })
    .await
}

async fn lately(store: &Store, seconds: i64) -> AskedLately {
    committed(store, async |transaction| {
        let (since, now) = (after_seconds(seconds - 3_600), after_seconds(seconds));
        asked_lately(transaction, "session", since, now)
            .await
            .unwrap()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_has_one_open_question_which_is_answered_once_by_its_own_key() {
    on_both(async |store| {
        let one = question("one", "session");
        assert!(put(&store, &one).await);
        assert!(!put(&store, &question("two", "session")).await);
        assert!(put(&store, &question("other", "another")).await);
        assert_eq!(
            take(&store, "one", "another key").await,
            Redemption::Unknown
        );
        assert_eq!(
            take(&store, "one", "key").await,
            Redemption::Redeemed(one.clone())
        );
        assert_eq!(
            take(&store, "one", "key").await,
            Redemption::AlreadyRedeemed(one)
        );
        assert!(put(&store, &question("two", "session")).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_parallel_answers_one_wins() {
    on_both(async |store| {
        put(&store, &question("one", "session")).await;
        let attempts: Vec<_> = (0..20)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move { take(&store, "one", "key").await })
            })
            .collect();
        let mut won = 0;
        for attempt in attempts {
            let taken = attempt.await.unwrap();
            won += usize::from(matches!(taken, Redemption::Redeemed(_)));
        }
        assert_eq!(won, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_wait_until_they_are_answered_or_expire_and_count_for_an_hour() {
    on_both(async |store| {
        put(&store, &question("one", "session")).await;
        let waiting = |seconds| {
            let store = store.clone();
            async move {
                let mut transaction = store.begin_read().await.unwrap();
                let listed = list_waiting(&mut transaction, after_seconds(seconds), 10).await;
                listed.unwrap().len()
            }
        };
        assert_eq!((waiting(119).await, waiting(120).await), (1, 0));
        let open = AskedLately {
            count: 1,
            refused_at: None,
        };
        assert_eq!(lately(&store, 119).await, open);
        // Nobody has answered: it is closed as of its end.
        let expired = AskedLately {
            count: 1,
            refused_at: Some(after_seconds(120)),
        };
        assert_eq!(lately(&store, 500).await, expired);
        let mut second = question("two", "session");
        (second.asked_at, second.expires_at) = (after_seconds(500), after_seconds(620));
        assert!(put(&store, &second).await);
        take(&store, "two", "key").await;
        committed(&store, async |transaction| {
            note_outcome(transaction, "two", GIVEN).await.unwrap();
        })
        .await;
        // A signature is no refusal.
        assert_eq!(lately(&store, 501).await.count, 2);
        assert_eq!(
            lately(&store, 501).await.refused_at,
            Some(after_seconds(120))
        );
        assert_eq!(
            lately(&store, 3_700).await,
            AskedLately {
                count: 1,
                refused_at: None,
            }
        );
        let deleted = delete_batch(&store, Kind::StepUp, after_seconds(121)).await;
        assert_eq!(deleted.unwrap(), 1);
        let mut transaction = store.begin_read().await.unwrap();
        let seen = count_all_patients_of_session(&mut transaction, "session").await;
        assert_eq!(seen.unwrap(), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_is_told_to_the_guard_that_asked_and_to_nobody_else_and_once() {
    on_both(async |store| {
        for (client_id, name) in [("guard", "name"), ("another", "name"), ("guard", "second")] {
            let id = match name {
                "name" => format!("stream of {client_id}"),
                name => name.to_owned(),
            };
            let stream = Stream {
                id,
                client_id: client_id.to_owned(),
                name: name.to_owned(),
                resources: vec!["https://api.example.fr".to_owned()],
                begun_at: start(),
                polled_at: start(),
                sequence: 0,
                hears_stops: true,
            };
            committed(&store, async |transaction| {
                begin(transaction, &stream).await.unwrap();
            })
            .await;
        }
        let given = question("one", "session");
        for _ in 0..2 {
            committed(&store, async |transaction| {
                tell_fresh_signature(transaction, &given, after_seconds(5))
                    .await
                    .unwrap();
            })
            .await;
        }
        let mut transaction = store.begin_read().await.unwrap();
        let told = list_pending(&mut transaction, "stream of guard", 10).await;
        let told = told.unwrap();
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].kind.as_str(), "assurance_level_change");
        assert_eq!(told[0].sid.as_deref(), Some("sid"));
        assert_eq!(told[0].asked_at_ms, Some(given.refused_at_ms));
        // The same in whichever stream it is told, where each event has an id of its own.
        let second = list_pending(&mut transaction, "second", 10).await.unwrap();
        assert_ne!(second[0].jti, told[0].jti);
        assert_eq!(second[0].txn, told[0].txn);
        let txn = told[0].txn.as_deref().unwrap();
        assert!(txn.len() > 20 && txn != given.jti, "{txn}");
        let others = list_pending(&mut transaction, "stream of another", 10).await;
        assert!(others.unwrap().is_empty());
    })
    .await;
}
