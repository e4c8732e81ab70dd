//! Incidents, and look-ups by person, session, card and time, on either database.

use cardea_storage::guard_report::{
    self, GuardReport, Part, Position, ReportOnRecord, ReportPart, ReportPlace, SaidNames, Scope,
    by_day, list_by_ids, patients_of, report_id,
};
use cardea_storage::incident::{self, CLOSED, IN_WORK, Incident, OPEN};
use cardea_storage::{Store, Transaction};
use time::{Duration, OffsetDateTime};

use super::baseline::{after_seconds, start, with_active_session};
use super::databases::{committed, on_both};

const DAY: i64 = 86_400;

fn incident(id: &str, seconds: i64) -> Incident {
    Incident {
        id: id.to_owned(),
        kind: "not_me".to_owned(),
        state: OPEN.to_owned(),
        sub: Some("sub".to_owned()),
        session_id: None,
        card_sha256: None,
        event_id: None,
        client_id: Some("portal".to_owned()),
        stop_id: None,
        words: Some("pas moi, à 3 h".to_owned()),
        opened_by: "\"person\"".to_owned(),
        opened_at: after_seconds(seconds),
        changed_at: after_seconds(seconds),
        closed_at: None,
        close_reason: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_is_opened_worked_on_and_closed_once() {
    on_both(async |store| {
        committed(&store, async |transaction| {
            for (id, seconds) in [("one", 1), ("two", 2)] {
                let new = incident(id, seconds);
                incident::insert(transaction, &new).await.unwrap();
                let found = incident::find(transaction, id).await.unwrap();
                assert_eq!(found, Some(new));
            }
            assert_eq!(incident::find(transaction, "no").await.unwrap(), None);
            let now = after_seconds(10);
            for is_done in [true, false] {
                let taken = incident::take_up(transaction, "one", now).await;
                assert_eq!(taken.unwrap(), is_done);
            }
            let note = ("{}", "called back");
            for number in [Some(1), Some(2), None] {
                let noted = incident::add_note(transaction, "one", note, now, 2).await;
                assert_eq!(noted.unwrap(), number);
            }
            let notes = incident::list_notes(transaction, "one", 10).await.unwrap();
            assert_eq!((notes.len(), notes[1].number), (2, 2));
            assert_eq!(notes[0].words, "called back");
            let unclosed = incident::list_unclosed(transaction, 10).await.unwrap();
            let ids: Vec<_> = unclosed.iter().map(|it| it.id.as_str()).collect();
            assert_eq!(ids, ["two", "one"]);
            assert_eq!(unclosed[1].state, IN_WORK);
            for is_done in [true, false] {
                let closed = incident::close(transaction, "one", "a mistake", now).await;
                assert_eq!(closed.unwrap(), is_done);
            }
            let closed = incident::find(transaction, "one").await.unwrap().unwrap();
            assert_eq!(
                (closed.state.as_str(), closed.closed_at),
                (CLOSED, Some(now))
            );
            assert_eq!(incident::count_unclosed(transaction).await.unwrap(), 1);
            let count = incident::count_unclosed_of(transaction, "sub").await;
            assert_eq!(count.unwrap(), 1);
            let all = incident::list_before(transaction, after_seconds(2), 10).await;
            assert_eq!(all.unwrap().len(), 1);
            let hers = incident::list_of_person(transaction, "sub", 10).await;
            assert_eq!(hers.unwrap().len(), 2);
            let nobodys = incident::list_of_person(transaction, "other", 10).await;
            assert!(nobodys.unwrap().is_empty());
        })
        .await;
    })
    .await;
}

/// A report `seconds` after the beginning.
fn report(id: &str, seconds: i64, patients: &[&str]) -> GuardReport {
    let at = after_seconds(seconds);
    GuardReport {
        id: report_id("guard", id),
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
        place: Some(ReportPlace {
            card_id: Some("card".to_owned()),
            card_sha256: Some("certificate".to_owned()),
            instance_jkt: Some("workstation".to_owned()),
        }),
        on_record: Some(ReportOnRecord {
            event_id: "event".to_owned(),
            salt: "salt".to_owned(),
        }),
        occurred_at: at.unix_timestamp() * 1_000 + 7,
        received_at: at,
    }
}

/// Reports of two people, by two cards, in three sessions, over two days.
fn reports() -> Vec<GuardReport> {
    let part = |number| {
        Some(ReportPart {
            of: "an answer".to_owned(),
            number,
        })
    };
    let said = |sub: &str| {
        Some(SaidNames {
            sub: sub.to_owned(),
            sid: Some("sid".to_owned()),
        })
    };
    let unproven = |id: &str, sub: &str| GuardReport {
        sub: None,
        session_id: None,
        place: None,
        unproven: said(sub),
        ..report(id, 30, &["u"])
    };
    vec![
        report("one", 10, &["a", "b"]),
        report("two", 20, &["b"]),
        GuardReport {
            kind: "write".to_owned(),
            ..report("three", 25, &["a"])
        },
        GuardReport {
            answer: "step_up".to_owned(),
            ..report("four", 26, &["z"])
        },
        GuardReport {
            part: part(1),
            ..report("five", DAY + 10, &["c"])
        },
        GuardReport {
            part: part(2),
            session_id: Some("session-2".to_owned()),
            ..report("six", DAY + 11, &["d"])
        },
        GuardReport {
            sub: Some("other".to_owned()),
            session_id: Some("others".to_owned()),
            place: Some(ReportPlace {
                card_id: Some("other-card".to_owned()),
                ..ReportPlace::default()
            }),
            ..report("seven", 15, &["a", "q"])
        },
        unproven("eight", "sub"),
        unproven("nine", "somebody"),
    ]
}

async fn with_reports(store: &Store) {
    committed(store, async |transaction| {
        for report in reports() {
            assert!(guard_report::insert(transaction, &report).await.unwrap());
        }
    })
    .await;
}

async fn counted(transaction: &mut Transaction, part: Part, scope: Scope<'_>) -> [i64; 5] {
    let totals = guard_report::totals(transaction, part, &scope)
        .await
        .unwrap();
    let listed = guard_report::list_reports(transaction, part, &scope, None, 100).await;
    assert_eq!(i64::try_from(listed.unwrap().len()), Ok(totals.reports));
    let patients = guard_report::list_patients(transaction, part, &scope, "", 100).await;
    assert_eq!(i64::try_from(patients.unwrap().len()), Ok(totals.patients));
    [
        totals.reports,
        totals.look_ups,
        totals.writes,
        totals.patients,
        totals.persons,
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn look_ups_are_found_by_person_session_card_and_time_and_by_all_of_them_together() {
    on_both(async |store| {
        with_reports(&store).await;
        let all = Scope::default();
        let of_sub = Scope {
            sub: Some("sub"),
            ..all
        };
        let in_session = Scope {
            session_id: Some("session"),
            ..all
        };
        let by_card = Scope {
            card_id: Some("card"),
            ..all
        };
        let first_day = |scope: Scope<'static>| Scope {
            from: Some(start()),
            to: Some(start() + Duration::DAY),
            ..scope
        };
        let others_card = Scope {
            card_id: Some("other-card"),
            ..of_sub
        };
        committed(&store, async |transaction| {
            for (name, scope, expected) in [
                ("everything", all, [7, 4, 1, 5, 2]),
                ("a person", of_sub, [6, 3, 1, 4, 1]),
                ("a session", in_session, [5, 3, 1, 3, 1]),
                ("a card", by_card, [6, 3, 1, 4, 1]),
                ("a day", first_day(all), [5, 3, 1, 3, 2]),
                ("her day", first_day(of_sub), [4, 2, 1, 2, 1]),
                ("her day by card", first_day(by_card), [4, 2, 1, 2, 1]),
                ("another's card", others_card, [0, 0, 0, 0, 0]),
            ] {
                let found = counted(transaction, Part::Proven, scope).await;
                assert_eq!(found, expected, "{name}");
            }
            for (name, scope, expected) in [
                ("everything", all, 2),
                ("a person", of_sub, 1),
                ("a card, of which nobody knows", by_card, 0),
            ] {
                let found = counted(transaction, Part::Unproven, scope).await;
                assert_eq!(found[0], expected, "{name}");
            }
            let places = guard_report::list_sessions(transaction, Part::Proven, &of_sub, 10).await;
            let places = places.unwrap();
            assert_eq!(places.len(), 2);
            assert_eq!((places[0].answers, places[0].patients), (4, 3));
            assert_eq!(places[0].instance_jkt.as_deref(), Some("workstation"));
            let totals = guard_report::totals(transaction, Part::Proven, &of_sub).await;
            let totals = totals.unwrap();
            assert_eq!(
                (totals.step_ups, totals.sessions, totals.data_sets),
                (1, 2, 6)
            );
            assert_eq!(totals.patients_asked, 5);
            assert_eq!(totals.first_at, Some(reports()[0].occurred_at));
            assert_eq!(totals.last_at, Some(reports()[5].occurred_at));
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_and_a_person_have_other_names_where_a_guard_alone_says_whose_it_was() {
    on_both(async |store| {
        let session = with_active_session(&store).await;
        committed(&store, async |transaction| {
            for report in reports() {
                guard_report::insert(transaction, &report).await.unwrap();
            }
            let scope = Scope {
                session_id: Some(&session.id),
                ..Scope::default()
            };
            let found = counted(transaction, Part::Unproven, scope).await;
            assert_eq!(found[0], 2);
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_any_size_give_every_report_once_in_its_order() {
    on_both(async |store| {
        with_reports(&store).await;
        let scope = Scope::default();
        committed(&store, async |transaction| {
            let all =
                guard_report::list_reports(transaction, Part::Proven, &scope, None, 100).await;
            let all = all.unwrap();
            for size in 1..8 {
                let (mut found, mut after) = (Vec::new(), None);
                loop {
                    let page = guard_report::list_reports(
                        transaction,
                        Part::Proven,
                        &scope,
                        after.as_ref(),
                        size,
                    );
                    let page = page.await.unwrap();
                    let Some(last) = page.last() else { break };
                    after = Some(Position {
                        occurred_at: last.occurred_at,
                        id: last.id.clone(),
                    });
                    found.extend(page);
                }
                assert_eq!(found, all, "{size}");
            }
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_read_back_as_it_was_and_its_digest_tells_every_change() {
    on_both(async |store| {
        with_reports(&store).await;
        committed(&store, async |transaction| {
            let ids: Vec<_> = reports().into_iter().map(|it| it.id).collect();
            let read = list_by_ids(transaction, &ids).await.unwrap();
            assert_eq!(read.len(), ids.len());
            for report in reports() {
                let found = read.iter().find(|it| it.id == report.id).unwrap();
                assert_eq!(found.digest(), report.digest());
                assert_eq!(*found, report);
            }
        })
        .await;
    })
    .await;
    let whole = report("one", 10, &["b", "a"]);
    assert_eq!(whole.digest(), report("one", 10, &["a", "b"]).digest());
    let changed = [
        report("one", 10, &["a"]),
        report("one", 11, &["a", "b"]),
        report("two", 10, &["a", "b"]),
        GuardReport {
            sub: None,
            ..whole.clone()
        },
        GuardReport {
            answer: "slow".to_owned(),
            ..whole.clone()
        },
        GuardReport {
            place: None,
            ..whole.clone()
        },
        GuardReport {
            patient_present: true,
            ..whole.clone()
        },
    ];
    for other in changed {
        assert_ne!(other.digest(), whole.digest(), "{other:?}");
    }
    let unrecorded = GuardReport {
        on_record: None,
        ..whole
    };
    assert_eq!(unrecorded.digest(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn look_ups_are_counted_by_day_and_by_patient_for_their_person_alone() {
    on_both(async |store| {
        with_reports(&store).await;
        committed(&store, async |transaction| {
            let far = OffsetDateTime::from_unix_timestamp(4_000_000_000).unwrap();
            let span = (OffsetDateTime::UNIX_EPOCH, far);
            let first = start().unix_timestamp() / DAY * DAY;
            let at = |seconds| OffsetDateTime::from_unix_timestamp(first + seconds).unwrap();
            let bounds = [at(0), at(DAY), at(2 * DAY), at(3 * DAY)];
            let days = by_day(transaction, "sub", &bounds).await.unwrap();
            let counts: Vec<_> = days
                .iter()
                .map(|it| (it.look_ups, it.writes, it.held_up, it.patients))
                .collect();
            assert_eq!(counts, [(2, 1, 1, 2), (1, 0, 0, 2), (0, 0, 0, 0)]);
            assert_eq!(days[1].day, bounds[1]);
            // Each day as long as its clocks make it: the first moment is in it, the last is not.
            let in_one = by_day(transaction, "sub", &[at(0), at(2 * DAY)]).await;
            assert_eq!(in_one.unwrap()[0].look_ups, 3);
            let patients = patients_of(transaction, "sub", span, "", 2).await.unwrap();
            let named: Vec<_> = patients
                .iter()
                .map(|it| (it.patient.as_str(), it.times))
                .collect();
            assert_eq!(named, [("a", 2), ("b", 2)]);
            let next = patients_of(transaction, "sub", span, "b", 9).await.unwrap();
            assert_eq!(next.len(), 2);
            let none = by_day(transaction, "nobody", &bounds).await.unwrap();
            assert!(none.iter().all(|it| it.look_ups == 0 && it.patients == 0));
            let before = [at(-DAY), start()];
            let none = by_day(transaction, "sub", &before).await.unwrap();
            assert_eq!(none[0].look_ups, 0);
            assert!(by_day(transaction, "sub", &[]).await.unwrap().is_empty());
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persons_reports_are_deleted_with_their_patients_and_nobody_elses() {
    on_both(async |store| {
        with_reports(&store).await;
        committed(&store, async |transaction| {
            let mut after = String::new();
            // The last of them a guard alone says is hers.
            for count in [4, 3, 0] {
                let some = guard_report::list_of_person(transaction, "sub", &after, 4).await;
                let ids: Vec<String> = some.unwrap().into_iter().map(|it| it.id).collect();
                assert!(ids.is_sorted() && ids.first().is_none_or(|it| *it > after));
                let gone = guard_report::delete_by_ids(transaction, &ids)
                    .await
                    .unwrap();
                assert_eq!((gone, ids.len()), (count, count));
                let again = guard_report::delete_by_ids(transaction, &ids)
                    .await
                    .unwrap();
                assert_eq!(again, 0);
                after = ids.last().cloned().unwrap_or_default();
            }
            let left = guard_report::totals(transaction, Part::Proven, &Scope::default()).await;
            let left = left.unwrap();
            assert_eq!((left.reports, left.persons, left.patients), (1, 1, 2));
            let now = after_seconds(2 * DAY);
            let recorded = guard_report::count_recorded_before(transaction, now).await;
            assert_eq!(recorded.unwrap(), 2);
            assert_eq!(
                guard_report::count_unrecorded(transaction).await.unwrap(),
                0
            );
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_found_by_number_and_events_by_session_and_time() {
    on_both(async |store| {
        let session = with_active_session(&store).await;
        committed(&store, async |transaction| {
            let ids = incident::list_person_ids(transaction, std::slice::from_ref(&session.sub));
            let ids = ids.await.unwrap();
            let (scheme, value) = ids[0].1.split_once(':').unwrap();
            let found = incident::find_person(transaction, scheme, value).await;
            assert_eq!(found.unwrap(), Some(session.sub.clone()));
            let none = incident::find_person(transaction, "other", value).await;
            assert_eq!(none.unwrap(), None);
            let of_session = incident::list_events_of_session(transaction, &session.id, 10).await;
            assert!(of_session.unwrap().is_empty());
            let span = (start(), after_seconds(9));
            let hers = incident::list_events_of_person(transaction, &session.sub, span, 10).await;
            assert!(hers.unwrap().is_empty());
            let none = incident::list_existing_events(transaction, &["none".to_owned()]).await;
            assert!(none.unwrap().is_empty());
        })
        .await;
    })
    .await;
}
