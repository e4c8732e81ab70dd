//! Accounts that guards have stopped: who is told, in which order, and what people are told.

use cardea_storage::account_stop::{
    AccountStop, count_open, find_last_lift, is_lifted, lift, list_lifted_since, list_open,
    list_open_at, list_open_of, list_open_of_person, lock, stop,
};
use cardea_storage::guard_notice::{self, GuardNotice, list_untold, record_told};
use cardea_storage::guard_report::{
    self, GuardReport, count_patients_of_person, count_patients_of_session,
};
use cardea_storage::retention::{Kind as Forgotten, delete_batch};
use cardea_storage::security_event::{
    Kind, LIFTS_TOLD_FOR, SecurityEvent, Stream, acknowledge, begin, find, list_pending,
};
use cardea_storage::{Store, Transaction};
use time::OffsetDateTime;

use super::baseline::{after_seconds, start};
use super::databases::{committed, on_both};

const API: &str = "https://api.example.fr";
const OTHER_API: &str = "https://other.example.fr";

fn account_stop(id: &str, subject: &str, audience: &[&str]) -> AccountStop {
    AccountStop {
        id: id.to_owned(),
        sub: Some("sub".to_owned()),
        subject: subject.to_owned(),
        service: "records".to_owned(),
        audience: audience.iter().map(|&it| it.to_owned()).collect(),
        guard_client_id: "guard".to_owned(),
        client_id: "portal".to_owned(),
        report_id: format!("report of {id}"),
        reasons: r#"[{"code":"account_stopped","count":16,"limit":2}]"#.to_owned(),
        sequence: 0,
        stopped_at: start(),
        lifted_at: None,
    }
}

fn stream(id: &str, resources: &[&str], hears_stops: bool, begun_at: OffsetDateTime) -> Stream {
    Stream {
        id: id.to_owned(),
        client_id: id.to_owned(),
        name: "default".to_owned(),
        resources: resources.iter().map(|&it| it.to_owned()).collect(),
        begun_at,
        polled_at: begun_at,
        sequence: 0,
        hears_stops,
    }
}

async fn pending(transaction: &mut Transaction, stream_id: &str) -> Vec<SecurityEvent> {
    list_pending(transaction, stream_id, 100).await.unwrap()
}

/// What waits, in few words: the kind, and of which stop it is.
async fn told(transaction: &mut Transaction, stream_id: &str) -> Vec<(Kind, String)> {
    let events = pending(transaction, stream_id).await;
    assert!(events.is_sorted_by(|a, b| a.sequence < b.sequence));
    let in_short = events.into_iter().map(|it| (it.kind, it.stop.unwrap().id));
    in_short.collect()
}

async fn with_streams(store: &Store) {
    committed(store, async |transaction| {
        for stream in [
            stream("guard", &[API], true, start()),
            stream("second guard", &[OTHER_API, API], true, start()),
            stream("elsewhere", &[OTHER_API], true, start()),
            stream("no guard", &[API], false, start()),
        ] {
            begin(transaction, &stream).await.unwrap();
        }
    })
    .await;
}

async fn stop_now(transaction: &mut Transaction, stopped: AccountStop, at: OffsetDateTime) {
    assert!(stop(transaction, stopped, at).await.unwrap().is_some());
}

/// Attack G13: nobody but the guards of the API hears of a stop there.
#[tokio::test(flavor = "multi_thread")]
async fn every_guard_of_the_api_is_told_and_nobody_else() {
    on_both(async |store| {
        with_streams(&store).await;
        committed(&store, async |transaction| {
            let stopped = account_stop("one", "p", &[API]);
            stop_now(transaction, stopped, after_seconds(5)).await;
            // Stopped already, whichever guard says so.
            let mut again = account_stop("two", "p", &[API]);
            again.guard_client_id = "second guard".to_owned();
            assert_eq!(
                stop(transaction, again, after_seconds(6)).await.unwrap(),
                None
            );
            for guard in ["guard", "second guard"] {
                let expected = [(Kind::AccountStopped, "one".to_owned())];
                assert_eq!(told(transaction, guard).await, expected, "{guard}");
            }
            for other in ["elsewhere", "no guard"] {
                assert!(pending(transaction, other).await.is_empty(), "{other}");
            }
            let event = &pending(transaction, "guard").await[0];
            let stop = event.stop.as_ref().unwrap();
            assert_eq!(
                (stop.subject.as_str(), stop.service.as_str()),
                ("p", "records")
            );
            assert!(stop.reasons.contains("account_stopped"), "{stop:?}");
            assert_eq!((stop.stopped_at, stop.lifted_at), (start(), None));
            assert_eq!(event.sub, None);
            let lifted = lift(transaction, "one", after_seconds(9)).await.unwrap();
            assert_eq!(lifted[0].lifted_at, Some(after_seconds(9)));
            let expected = [
                (Kind::AccountStopped, "one".to_owned()),
                (Kind::AccountStopLifted, "one".to_owned()),
            ];
            assert_eq!(told(transaction, "guard").await, expected);
            assert_eq!(
                lift(transaction, "one", after_seconds(10)).await.unwrap(),
                []
            );
            for event in pending(transaction, "guard").await {
                assert!(acknowledge(transaction, "guard", &event.jti).await.unwrap());
            }
            assert!(pending(transaction, "guard").await.is_empty());
            assert_eq!(told(transaction, "second guard").await, expected);
        })
        .await;
    })
    .await;
}

/// A guard of two APIs that hears of a lift frees the account at both.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_guard_holds_together_is_lifted_together_and_nothing_else() {
    const THIRD_API: &str = "https://third.example.fr";
    on_both(async |store| {
        with_streams(&store).await;
        committed(&store, async |transaction| {
            for (id, subject, audience) in [
                ("one", "p", &[API][..]),
                ("two", "p", &[OTHER_API]),
                ("both", "p", &[OTHER_API, THIRD_API]),
                ("third", "p", &[THIRD_API]),
                ("alone", "p", &["https://alone.example.fr"]),
                ("somebody", "q", &[API]),
            ] {
                let stopped = account_stop(id, subject, audience);
                stop_now(transaction, stopped, after_seconds(5)).await;
            }
            let elsewhere = AccountStop {
                service: "elsewhere".to_owned(),
                ..account_stop("another service", "p", &[API])
            };
            stop_now(transaction, elsewhere, after_seconds(5)).await;
            let lifted = lift(transaction, "one", after_seconds(9)).await.unwrap();
            let mut ids: Vec<_> = lifted.iter().map(|it| it.id.as_str()).collect();
            assert_eq!(ids[0], "one");
            ids.sort_unstable();
            assert_eq!(ids, ["both", "one", "third", "two"]);
            assert!(
                lifted
                    .iter()
                    .all(|it| it.lifted_at == Some(after_seconds(9)))
            );
            let open = list_open(transaction, 10).await.unwrap();
            let mut ids: Vec<_> = open.iter().map(|it| it.id.as_str()).collect();
            ids.sort_unstable();
            assert_eq!(ids, ["alone", "another service", "somebody"]);
            let lifts = told(transaction, "elsewhere").await;
            let lifts = lifts
                .iter()
                .filter(|it| it.0 == Kind::AccountStopLifted)
                .count();
            assert_eq!(lifts, 2, "both, and two");
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stops_of_an_account_are_numbered_whatever_clocks_say() {
    on_both(async |store| {
        with_streams(&store).await;
        committed(&store, async |transaction| {
            let ahead = after_seconds(3_600);
            let first = stop(transaction, account_stop("one", "p", &[API]), ahead);
            let first = first.await.unwrap().unwrap();
            // By a node whose clock is an hour behind.
            lift(transaction, "one", after_seconds(5)).await.unwrap();
            let second = stop(
                transaction,
                account_stop("two", "p", &[API]),
                after_seconds(6),
            );
            let second = second.await.unwrap().unwrap();
            assert!(first.sequence < second.sequence);
            let kinds: Vec<_> = told(transaction, "guard").await;
            let place = |wanted: (Kind, &str)| {
                let mut kinds = kinds.iter();
                kinds
                    .position(|(kind, id)| (*kind, id.as_str()) == wanted)
                    .unwrap()
            };
            assert!(place((Kind::AccountStopped, "one")) < place((Kind::AccountStopLifted, "one")));
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_that_begins_to_listen_hears_what_holds_and_what_was_lifted_lately() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            for (id, subject, audience) in [
                ("holds", "p", API),
                ("lifted", "q", API),
                ("lifted long ago", "r", API),
                ("elsewhere", "p", OTHER_API),
            ] {
                let stopped = account_stop(id, subject, &[audience]);
                stop_now(transaction, stopped, after_seconds(1)).await;
            }
            let begun = start() + LIFTS_TOLD_FOR;
            lift(transaction, "lifted", begun).await.unwrap();
            lift(transaction, "lifted long ago", after_seconds(-1))
                .await
                .unwrap();
            let guard = stream("guard", &[API], true, begun);
            begin(transaction, &guard).await.unwrap();
            let other = stream("no guard", &[API], false, begun);
            begin(transaction, &other).await.unwrap();
            let mut heard = told(transaction, "guard").await;
            heard.sort_by(|a, b| a.1.cmp(&b.1));
            let expected = [
                (Kind::AccountStopped, "holds".to_owned()),
                (Kind::AccountStopLifted, "lifted".to_owned()),
            ];
            assert_eq!(heard, expected);
            assert!(pending(transaction, "no guard").await.is_empty());
            let found = find(transaction, "guard", "default").await.unwrap();
            assert_eq!(found, Some(guard.clone()));
            // It waits as long as the stream does: a stop does not end with a token.
            begin(transaction, &guard).await.unwrap();
            assert_eq!(told(transaction, "guard").await.len(), 2);
        })
        .await;
        let later = start() + LIFTS_TOLD_FOR + LIFTS_TOLD_FOR;
        let forgotten = delete_batch(&store, Forgotten::SecurityEvent, later).await;
        assert_eq!(forgotten.unwrap(), 0);
    })
    .await;
}

/// Whether the stop of this number is lifted.
async fn lifted(transaction: &mut Transaction, number: i64) -> Option<bool> {
    is_lifted(transaction, ("p", "records"), number)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn stops_are_found_by_account_and_by_person_and_lifted_ones_are_forgotten() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            let mut of_a_service = account_stop("of a service", "robot", &[API]);
            of_a_service.sub = None;
            for (at, stopped) in [
                (1, account_stop("one", "p", &[API])),
                (2, account_stop("elsewhere", "p", &[OTHER_API])),
                (3, of_a_service),
            ] {
                let stopped = AccountStop {
                    stopped_at: after_seconds(at),
                    ..stopped
                };
                stop_now(transaction, stopped, after_seconds(at)).await;
            }
            let open = list_open(transaction, 10).await.unwrap();
            let ids: Vec<_> = open.iter().map(|it| it.id.as_str()).collect();
            assert_eq!(ids, ["of a service", "elsewhere", "one"]);
            assert_eq!(open[0].sub, None);
            assert_eq!(list_open(transaction, 1).await.unwrap().len(), 1);
            assert_eq!(count_open(transaction).await.unwrap(), 3);
            let of_account = list_open_of(transaction, "p", "records").await.unwrap();
            assert_eq!(of_account.len(), 2);
            assert!(of_account[0].is_at(&[API.to_owned()]));
            assert!(!of_account[0].is_at(&[OTHER_API.to_owned()]));
            let hers = list_open_of_person(transaction, "sub").await.unwrap();
            assert_eq!(hers.len(), 2);
            let last_lift = async |transaction: &mut Transaction, resource: &str| {
                let resources = [resource.to_owned()];
                let account = ("p", "records");
                let last = find_last_lift(transaction, account, &resources, 0);
                last.await.unwrap()
            };
            assert_eq!(last_lift(transaction, API).await, None);
            let number = of_account
                .iter()
                .find(|it| it.id == "one")
                .unwrap()
                .sequence;
            assert_eq!(lifted(transaction, number).await, Some(false));
            lift(transaction, "one", after_seconds(7)).await.unwrap();
            assert_eq!(lifted(transaction, number).await, Some(true));
            assert_eq!(lifted(transaction, 1).await, None);
            assert_eq!(last_lift(transaction, API).await, Some(after_seconds(7)));
            // Whoever has heard of that one knows of no other.
            let api = [API.to_owned()];
            let heard = find_last_lift(transaction, ("p", "records"), &api, number);
            assert_eq!(heard.await.unwrap(), None);
            // Of another API's lift its guards have heard nothing.
            assert_eq!(last_lift(transaction, OTHER_API).await, None);
            assert_eq!(count_open(transaction).await.unwrap(), 2);
        })
        .await;
        let forget = async |seconds| {
            let kind = Forgotten::LiftedStop;
            delete_batch(&store, kind, after_seconds(seconds))
                .await
                .unwrap()
        };
        assert_eq!(forget(7).await, 0);
        assert_eq!(forget(8).await, 1);
        let mut reading = store.begin_read().await.unwrap();
        assert_eq!(count_open(&mut reading).await.unwrap(), 2, "open ones stay");
    })
    .await;
}

/// Two guards of one API stop an account at the same moment, each for another part of its audience:
/// whoever comes second sees the first one's stop, and so does whoever lifts it.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_stops_an_account_waits_for_whoever_is_stopping_it() {
    on_both(async |store| {
        let account = [("p", "records")];
        let mut first = store.begin().await.unwrap();
        lock(&mut first, &account).await.unwrap();
        stop_now(&mut first, account_stop("one", "p", &[API]), start()).await;
        let beside = store.clone();
        let second = tokio::spawn(async move {
            let mut transaction = beside.begin().await.unwrap();
            lock(&mut transaction, &account).await.unwrap();
            let open = list_open_of(&mut transaction, "p", "records").await;
            let stopped = account_stop("two", "p", &[API, OTHER_API]);
            let stopped = stop(&mut transaction, stopped, start()).await.unwrap();
            transaction.commit().await.unwrap();
            (open.unwrap(), stopped.unwrap())
        });
        // Long enough to come to the lock, however long that takes.
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        assert!(!second.is_finished(), "it did not wait");
        first.commit().await.unwrap();
        let (open, stopped) = second.await.unwrap();
        assert_eq!(open.len(), 1, "it saw the first one's");
        assert!(stopped.sequence > open[0].sequence);
        // In whatever order a batch names them.
        let several = [("q", "records"), ("p", "records"), ("q", "other")];
        committed(&store, async |transaction| {
            lock(transaction, &several).await.unwrap();
        })
        .await;
    })
    .await;
}

/// Attack H9: a guard that is told too little because another API has many stops would let stopped
/// accounts in.
#[tokio::test(flavor = "multi_thread")]
async fn the_stops_of_one_api_are_listed_however_many_another_has() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            for (at, id, audience) in [
                (1, "both", &[OTHER_API, API][..]),
                (2, "own", &[OTHER_API]),
                (3, "capitals", &["https://Other.example.fr"]),
                (4, "one", &[API]),
                (5, "two", &[API]),
            ] {
                let stopped = AccountStop {
                    stopped_at: after_seconds(at),
                    ..account_stop(id, id, audience)
                };
                stop_now(transaction, stopped, after_seconds(at)).await;
            }
            let ids = |stops: Vec<AccountStop>| -> Vec<String> {
                stops.into_iter().map(|it| it.id).collect()
            };
            let (own, both) = ([OTHER_API.to_owned()], [API, OTHER_API].map(str::to_owned));
            let open = list_open_at(transaction, &own, 3).await.unwrap();
            assert_eq!(ids(open), ["own", "both"]);
            let open = list_open_at(transaction, &both, 10).await.unwrap();
            assert_eq!(ids(open), ["two", "one", "both", "own"]);
            for id in ["both", "one", "two", "own"] {
                lift(transaction, id, after_seconds(9)).await.unwrap();
            }
            let lifted = list_lifted_since(transaction, &own, after_seconds(9), 3).await;
            assert_eq!(ids(lifted.unwrap()), ["both", "own"]);
        })
        .await;
    })
    .await;
}

fn notice(id: &str, sub: &str, stop_id: Option<&str>) -> GuardNotice {
    GuardNotice {
        id: id.to_owned(),
        sub: sub.to_owned(),
        session_id: "session".to_owned(),
        client_id: "portal".to_owned(),
        service: "records".to_owned(),
        stop_id: stop_id.map(str::to_owned),
        occurred_at: start(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_is_told_to_its_person_until_she_has_seen_it() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            let stopped = account_stop("one", "p", &[API]);
            stop_now(transaction, stopped, start()).await;
            for it in [
                notice("a", "sub", None),
                notice("b", "sub", Some("one")),
                notice("c", "another", None),
            ] {
                guard_notice::insert(transaction, &it).await.unwrap();
                guard_notice::insert(transaction, &it).await.unwrap();
            }
            let untold = list_untold(transaction, "sub").await.unwrap();
            assert_eq!(untold[0].notice, notice("a", "sub", None));
            assert_eq!(untold[1].notice, notice("b", "sub", Some("one")));
            assert_eq!((untold.len(), untold[1].lifted_at), (2, None));
            lift(transaction, "one", after_seconds(9)).await.unwrap();
            let untold = list_untold(transaction, "sub").await.unwrap();
            assert_eq!(untold[1].lifted_at, Some(after_seconds(9)));
            let seen = async |transaction: &mut Transaction, sub, id| {
                record_told(transaction, sub, id, after_seconds(9))
                    .await
                    .unwrap()
            };
            assert!(!seen(transaction, "another", "a").await, "not hers");
            assert!(seen(transaction, "sub", "a").await);
            assert!(!seen(transaction, "sub", "a").await, "once");
            assert_eq!(list_untold(transaction, "sub").await.unwrap().len(), 1);
        })
        .await;
        let forget = async |seconds| {
            let kind = Forgotten::GuardNotice;
            delete_batch(&store, kind, after_seconds(seconds))
                .await
                .unwrap()
        };
        assert_eq!(forget(0).await, 0);
        assert_eq!(forget(1).await, 3);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn patients_are_counted_once_by_session_and_by_person() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            for (id, session, client_id, service, answer, patients) in [
                (
                    "1",
                    "session",
                    "portal",
                    "records",
                    "allow",
                    &["a", "b"][..],
                ),
                ("2", "session", "portal", "records", "allow", &["b", "c"]),
                ("3", "session", "portal", "records", "step_up", &["d"]),
                ("4", "second", "portal", "records", "allow", &["a", "e"]),
                ("5", "second", "portal", "other", "allow", &["f"]),
                ("6", "second", "another", "records", "allow", &["g"]),
                ("card", "session", "portal", "records", "allow", &["h"]),
            ] {
                let report = GuardReport {
                    id: id.to_owned(),
                    guard_client_id: "guard".to_owned(),
                    sub: Some("sub".to_owned()),
                    session_id: Some(session.to_owned()),
                    client_id: client_id.to_owned(),
                    token_jti: "jti".to_owned(),
                    service: service.to_owned(),
                    kind: "look_up".to_owned(),
                    answer: answer.to_owned(),
                    reasons: "[]".to_owned(),
                    patient_present: id == "card",
                    patients: patients.iter().map(|&it| it.to_owned()).collect(),
                    part: None,
                    unproven: None,
                    place: None,
                    on_record: None,
                    occurred_at: after_seconds(5).unix_timestamp() * 1_000 + 400,
                    // Delivered after an outage.
                    received_at: after_seconds(50),
                };
                assert!(guard_report::insert(transaction, &report).await.unwrap());
            }
            let of_session = count_patients_of_session(transaction, "session").await;
            assert_eq!(of_session.unwrap(), 3);
            let all = guard_report::count_all_patients_of_session(transaction, "session").await;
            assert_eq!(all.unwrap(), 4);
            for (since, until, count) in [(0, 9, 4), (5, 5, 4), (6, 9, 0), (0, 4, 0)] {
                let window = (after_seconds(since), after_seconds(until));
                let of_person =
                    count_patients_of_person(transaction, ("sub", "portal", "records"), window)
                        .await;
                assert_eq!(of_person.unwrap(), count, "{since} {until}");
            }
        })
        .await;
    })
    .await;
}
