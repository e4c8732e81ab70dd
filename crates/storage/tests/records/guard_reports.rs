//! What guards reported: each answer once on either database, and one open stop of an account.

use cardea_storage::account_stop::{self, AccountStop};
use cardea_storage::guard_report::{
    GuardReport, ReportPart, SaidNames, count_answers, count_patients_of_person,
    count_patients_of_session, insert, list_patients_of_session, list_unproven, report_id,
};
use cardea_storage::retention::{Kind, delete_batch};
use time::{Duration, OffsetDateTime};

use super::baseline::{after_seconds, start};
use super::databases::{committed, on_both};

pub(super) fn report(event_id: &str, patients: &[&str]) -> GuardReport {
    GuardReport {
        id: report_id("guard", event_id),
        guard_client_id: "guard".to_owned(),
        sub: Some("sub".to_owned()),
        session_id: Some("session".to_owned()),
        client_id: "portal".to_owned(),
        token_jti: "token".to_owned(),
        service: "records".to_owned(),
        kind: "look_up".to_owned(),
        answer: "allow".to_owned(),
        reasons: "[]".to_owned(),
        patient_present: false,
        patients: patients.iter().map(|&it| it.to_owned()).collect(),
        part: None,
        unproven: None,
        place: None,
        on_record: None,
        occurred_at: 1_800_000_000_123,
        received_at: after_seconds(2),
    }
}

/// Of an answer elsewhere, and later.
fn later_part() -> GuardReport {
    GuardReport {
        service: "elsewhere".to_owned(),
        part: Some(ReportPart {
            of: "an answer".to_owned(),
            number: 2,
        }),
        received_at: after_seconds(50),
        ..report("three", &["b", "f"])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_stored_once_with_the_patients_that_it_names() {
    on_both(async |store| {
        let is_new = async |report: GuardReport| {
            committed(&store, async |transaction| {
                insert(transaction, &report).await.unwrap()
            })
            .await
        };
        assert!(is_new(report("one", &["a", "b", "b"])).await);
        // Again, also with other words: the first ones stand.
        assert!(!is_new(report("one", &["a", "b", "c"])).await);
        let refused = GuardReport {
            answer: "step_up".to_owned(),
            ..report("two", &["d"])
        };
        assert!(is_new(refused).await);
        // Another guard's event of the same name is another event.
        let of_another = GuardReport {
            id: report_id("other-guard", "one"),
            guard_client_id: "other-guard".to_owned(),
            session_id: None,
            sub: None,
            ..report("one", &["e"])
        };
        assert!(is_new(of_another).await);
        assert!(is_new(later_part()).await);
        committed(&store, async |transaction| {
            let listed = list_patients_of_session(transaction, "session", 100).await;
            assert_eq!(listed.unwrap(), ["a", "b", "f"]);
            let listed = list_patients_of_session(transaction, "session", 2).await;
            assert_eq!(listed.unwrap(), ["a", "b"]);
            let count = count_patients_of_session(transaction, "session").await;
            assert_eq!(count.unwrap(), 3);
            for (service, answers) in [("records", 3), ("elsewhere", 0), ("nowhere", 0)] {
                let count = count_answers(transaction, service).await;
                assert_eq!(count.unwrap(), answers, "{service}");
            }
            let whose = ("sub", "portal", "records");
            let at = OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
            let count = count_patients_of_person(transaction, whose, (at, at)).await;
            assert_eq!(count.unwrap(), 2);
            let later = (at + Duration::SECOND, at + Duration::HOUR);
            let count = count_patients_of_person(transaction, whose, later).await;
            assert_eq!(count.unwrap(), 0);
        })
        .await;
        // Forgotten with its patients.
        let before = after_seconds(10);
        assert!(
            delete_batch(&store, Kind::GuardReport, before)
                .await
                .unwrap()
                > 0
        );
        committed(&store, async |transaction| {
            let listed = list_patients_of_session(transaction, "session", 100).await;
            assert_eq!(listed.unwrap(), ["b", "f"]);
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_guard_says_of_a_forgotten_token_is_kept_as_its_word() {
    on_both(async |store| {
        let is_new = async |report: GuardReport| {
            committed(&store, async |transaction| {
                insert(transaction, &report).await.unwrap()
            })
            .await
        };
        let said = |event_id: &str| SaidNames {
            sub: "her name".to_owned(),
            sid: Some(event_id.to_owned()),
        };
        for event_id in ["old", "older"] {
            let unproven = GuardReport {
                session_id: None,
                sub: None,
                service: "old".to_owned(),
                unproven: Some(said(event_id)),
                ..report(event_id, &["x", "y"])
            };
            assert!(is_new(unproven).await);
        }
        committed(&store, async |transaction| {
            let unproven = list_unproven(transaction, "guard", 10).await.unwrap();
            assert_eq!(unproven.len(), 2);
            assert!(unproven.contains(&(said("old"), 2)));
            assert_eq!(
                list_unproven(transaction, "guard", 1).await.unwrap().len(),
                1
            );
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_batches_with_one_answer_at_the_same_time_store_it_once() {
    on_both(async |store| {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let store = store.clone();
            tasks.spawn(async move {
                committed(&store, async |transaction| {
                    let is_new = insert(transaction, &report("one", &["a"])).await.unwrap();
                    u32::from(is_new)
                })
                .await
            });
        }
        assert_eq!(tasks.join_all().await.iter().sum::<u32>(), 1);
    })
    .await;
}

fn stop(id: &str) -> AccountStop {
    AccountStop {
        id: id.to_owned(),
        sub: Some("sub".to_owned()),
        subject: "subject".to_owned(),
        service: "records".to_owned(),
        audience: vec!["https://api.example.fr".to_owned()],
        guard_client_id: "guard".to_owned(),
        client_id: "portal".to_owned(),
        report_id: "report".to_owned(),
        reasons: "[]".to_owned(),
        sequence: 0,
        stopped_at: start(),
        lifted_at: None,
    }
}

/// The index covers the open stops alone, and `ON CONFLICT` has to name it so on both.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_has_one_open_stop_and_may_have_another_after_a_lift() {
    on_both(async |store| {
        let stopped = async |it: AccountStop| {
            committed(&store, async |transaction| {
                let stopped = account_stop::stop(transaction, it, start()).await.unwrap();
                stopped.map(|it| it.id)
            })
            .await
        };
        let lifted = async |id: &str, seconds: i64| {
            committed(&store, async |transaction| {
                let now = after_seconds(seconds);
                let lifted = account_stop::lift(transaction, id, now).await.unwrap();
                lifted.first().map(|it| it.lifted_at)
            })
            .await
        };
        assert_eq!(stopped(stop("one")).await.as_deref(), Some("one"));
        assert_eq!(stopped(stop("two")).await, None);
        let elsewhere = AccountStop {
            service: "elsewhere".to_owned(),
            ..stop("three")
        };
        assert_eq!(stopped(elsewhere).await.as_deref(), Some("three"));
        assert_eq!(lifted("two", 10).await, None);
        assert_eq!(lifted("one", 10).await, Some(Some(after_seconds(10))));
        assert_eq!(lifted("one", 20).await, None);
        assert_eq!(stopped(stop("four")).await.as_deref(), Some("four"));
        assert_eq!(stopped(stop("five")).await, None);
        committed(&store, async |transaction| {
            let open = account_stop::list_open(transaction, 10).await.unwrap();
            let mut ids: Vec<_> = open.iter().map(|it| it.id.as_str()).collect();
            ids.sort_unstable();
            assert_eq!(ids, ["four", "three"]);
        })
        .await;
    })
    .await;
}
