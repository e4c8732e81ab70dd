//! Where an account stands, step by step.

use super::{FreshSignature, Standing, StopHeld, ToldStop};
use crate::budget::{DAY_MS, micro};
use crate::config::Budget;
use crate::{Act, Answer, Patient};

const WEEK: i64 = 7 * DAY_MS;

fn asked() -> Standing {
    let mut standing = Standing::default();
    let answer = standing.ask(&Budget::default(), Vec::new(), "s", 0).answer;
    assert_eq!(answer, Answer::StepUp);
    standing
}

fn by(session: Option<&str>) -> (Option<&str>, FreshSignature) {
    (session, FreshSignature::default())
}

fn refuse(standing: &mut Standing, patient: u32, session: &str) -> Answer {
    let patient = Patient::from_pseudonym(&patient.to_string());
    let mut act = Act::look_up("sub", "records", patient);
    act.session = session.to_owned();
    let decision = standing.refuse(&Budget::default(), &act, 1_000);
    decision.answer
}

#[test]
fn asking_for_the_same_patient_again_makes_nothing_worse() {
    let mut standing = asked();
    for _ in 0..50 {
        assert_eq!(refuse(&mut standing, 1, "s"), Answer::StepUp);
    }
}

#[test]
fn going_on_to_others_is_slowed_then_stopped() {
    let mut standing = asked();
    let answers: Vec<_> = (1..=8).map(|it| refuse(&mut standing, it, "s")).collect();
    assert_eq!(answers[1], Answer::StepUp);
    assert!(matches!(answers[2], Answer::Slow { .. }));
    assert_eq!(answers[7], Answer::StopSession);
    assert_eq!(standing.shut("s").unwrap().answer, Answer::StopSession);
    assert_eq!(standing.shut("another"), None);
    assert_eq!(refuse(&mut standing, 9, "another"), Answer::StepUp);
    assert_eq!(refuse(&mut standing, 10, "another"), Answer::StopSession);
    assert_eq!(refuse(&mut standing, 11, "a third"), Answer::StepUp);
    assert_eq!(refuse(&mut standing, 12, "a third"), Answer::StopAccount);
    assert_eq!(
        standing.shut("a fourth").unwrap().answer,
        Answer::StopAccount
    );
    standing.relent();
    assert!(standing.is_held(), "cards don't lift a stop");
}

#[test]
fn who_signs_in_again_after_a_stop_is_asked_anew_and_goes_on_once_she_has_signed() {
    let mut standing = asked();
    for patient in 1..=8 {
        refuse(&mut standing, patient, "s");
    }
    assert!(standing.awaits_signature("another"));
    assert_eq!(refuse(&mut standing, 8, "another"), Answer::StepUp);
    let budget = Budget::default();
    let room = standing.sign(&budget, WEEK, by(Some("another")), 2_000);
    assert_eq!(room, Some(micro(budget.signature_restores)));
    assert!(!standing.awaits_signature("another"));
    assert_eq!(standing.shut("another"), None);
    assert_eq!(standing.shut("s").unwrap().answer, Answer::StopSession);
    // What was refused in the session that was stopped is answered, too.
    let again = standing.ask(&budget, Vec::new(), "another", 3_000);
    assert_eq!(again.answer, Answer::StepUp);
    assert_eq!(refuse(&mut standing, 20, "another"), Answer::StepUp);
}

#[test]
fn a_signature_by_a_new_login_answers_for_what_was_refused_before_it() {
    let mut standing = asked();
    for patient in 1..=7 {
        refuse(&mut standing, patient, "s");
    }
    // A login makes a session of its own, and the one before stays asked.
    assert_eq!(refuse(&mut standing, 7, "t"), Answer::StepUp);
    let budget = Budget::default();
    assert!(standing.sign(&budget, WEEK, by(Some("t")), 2_000).is_some());
    assert!(standing.awaits_signature("s"));
    standing.ask(&budget, Vec::new(), "t", 3_000);
    assert_eq!(refuse(&mut standing, 20, "t"), Answer::StepUp);
}

#[test]
fn new_sessions_without_a_signature_do_not_put_off_the_accounts_stop() {
    let mut standing = asked();
    for patient in 1..16 {
        let answer = refuse(&mut standing, patient, &format!("session-{patient}"));
        assert_eq!(answer, Answer::StepUp);
    }
    let last = refuse(&mut standing, 16, "session-16");
    assert_eq!(last, Answer::StopAccount);
}

fn told(sequence: i64) -> ToldStop {
    ToldStop {
        sequence,
        acted_at: 1_000 * sequence,
        refused: 16,
        sessions: 2,
    }
}

#[test]
fn a_lift_frees_from_its_own_stop_and_from_none_after_it() {
    let mut standing = Standing::default();
    standing.stop_as_told(told(5));
    let decision = standing.shut("s").unwrap();
    assert_eq!(decision.answer, Answer::StopAccount);
    let reason = &decision.reasons[0];
    assert_eq!((reason.count(), reason.limit()), (16, 2));
    // Of an earlier stop, which was never heard of.
    assert!(!standing.lift_as_told(4));
    assert!(standing.shut("s").is_some());
    assert!(standing.lift_as_told(5));
    standing.lift();
    assert_eq!(standing.shut("s"), None);
    // Once more, and late.
    assert!(!standing.lift_as_told(5));
    standing.stop_as_told(told(5));
    assert_eq!(standing.shut("s"), None);
    standing.stop_as_told(told(6));
    assert!(!standing.lift_as_told(5));
    assert!(standing.shut("s").is_some());
}

#[test]
fn a_lift_that_comes_before_its_stop_is_remembered() {
    let mut standing = Standing::default();
    assert!(!standing.lift_as_told(7));
    standing.stop_as_told(told(7));
    assert_eq!(standing.shut("s"), None);
    standing.stop_as_told(told(8));
    assert!(standing.shut("s").is_some());
}

#[test]
fn what_this_guard_stopped_itself_is_lifted_by_the_issuer_once() {
    let mut standing = asked();
    for patient in 0..16 {
        refuse(&mut standing, patient, "s");
    }
    assert_eq!(standing.shut("s").unwrap().answer, Answer::StopAccount);
    assert!(standing.lift_as_told(3));
    standing.lift();
    assert_eq!(standing.shut("s"), None);
    // Stopped again, before anybody was told: the old lift is none of this one's.
    standing.stop_account(16, 2_000);
    assert!(!standing.lift_as_told(3));
    assert!(standing.shut("s").is_some());
}

#[test]
fn a_lift_at_this_guard_outlives_what_the_issuer_tells_again() {
    let mut standing = Standing::default();
    standing.stop_as_told(told(9));
    standing.lift();
    standing.stop_as_told(told(9));
    assert_eq!(standing.shut("s"), None);
}

/// The server was out of reach: it hears of the stop after an operator has lifted it here.
#[test]
fn a_lift_at_this_guard_outlives_a_stop_that_was_not_delivered_yet() {
    let mut standing = asked();
    for patient in 0..16 {
        refuse(&mut standing, patient, "s");
    }
    assert_eq!(standing.shut("s").unwrap().answer, Answer::StopAccount);
    standing.lift_here(9_000);
    standing.forget(9_500);
    standing.stop_as_told(told(9));
    assert_eq!(standing.shut("s"), None);
    // What happened since stops it, and so does what nobody knows the time of.
    standing.stop_as_told(told(10));
    assert!(standing.shut("s").is_some());
    let mut standing = Standing::default();
    standing.lift_here(9_000);
    standing.stop_as_told(ToldStop {
        acted_at: 0,
        ..told(9)
    });
    assert!(standing.shut("s").is_some());
    standing.lift_here(i64::MAX / 2);
    standing.forget(i64::MAX);
    assert_eq!(standing.asked.as_ref().unwrap().lifted_at, 0);
}

#[test]
fn each_signature_restores_less_and_in_the_end_nothing() {
    let budget = Budget::default();
    let mut standing = Standing::default();
    assert_eq!(
        standing.sign(&budget, WEEK, by(None), 0),
        None,
        "nobody asked"
    );
    let mut rooms = Vec::new();
    for _ in 0..4 {
        standing.ask(&budget, Vec::new(), "s", 0);
        rooms.push(standing.sign(&budget, WEEK, by(None), 0).unwrap() / micro(1));
    }
    assert_eq!(rooms, [50, 25, 12, 6]);
    let fifth = standing.ask(&budget, Vec::new(), "s", 0);
    assert_eq!(fifth.answer, Answer::StopSession);
    assert_eq!(fifth.reasons[0].code(), "signatures_spent");
    assert_eq!(standing.sign(&budget, WEEK, by(None), 0), None);
    assert!(
        standing.sign(&budget, WEEK, by(None), WEEK).is_some(),
        "a week later it counts again"
    );
}

#[test]
fn a_signature_answers_for_its_own_session() {
    let budget = Budget::default();
    let mut standing = asked();
    assert_eq!(standing.sign(&budget, WEEK, by(Some("another")), 1), None);
    assert_eq!(refuse(&mut standing, 1, "another"), Answer::StepUp);
    assert!(
        standing
            .sign(&budget, WEEK, by(Some("another")), 2)
            .is_some()
    );
    assert!(!standing.awaits_signature("another"));
    assert!(standing.awaits_signature("s"), "it has not signed");
    assert_eq!(
        standing.sign(&budget, WEEK, by(Some("s")), 3),
        None,
        "no more room"
    );
    assert!(!standing.awaits_signature("s"));
}

/// Two guards share an account, and each hears of the signature by its own stream: the later one
/// may hear of it when the next question is put.
#[test]
fn a_signature_that_is_told_twice_answers_one_question() {
    let budget = Budget::default();
    let first = FreshSignature {
        number: 7,
        asked_at: 0,
    };
    let mut standing = asked();
    let given = |standing: &mut Standing, signature, now| {
        standing.sign(&budget, WEEK, (Some("s"), signature), now)
    };
    assert!(given(&mut standing, first, 1_000).is_some());
    standing.ask(&budget, Vec::new(), "s", 2_000);
    assert_eq!(given(&mut standing, first, 2_001), None);
    assert!(standing.awaits_signature("s"));
    let second = FreshSignature { number: 8, ..first };
    assert!(given(&mut standing, second, 2_002).is_some());
    assert!(!standing.awaits_signature("s"));
    // They are forgotten with what they have restored.
    standing.forget(2 * WEEK);
    assert_eq!(standing.asked, None);
}

#[test]
fn a_signature_that_was_asked_for_earlier_answers_nothing_that_is_asked_now() {
    let budget = Budget::default();
    let mut standing = Standing::default();
    standing.ask(&budget, Vec::new(), "s", 100_000);
    let of = |asked_at| FreshSignature {
        number: 0,
        asked_at,
    };
    let before = (Some("s"), of(94_999));
    assert_eq!(standing.sign(&budget, WEEK, before, 100_001), None);
    assert!(standing.awaits_signature("s"));
    // Guards' clocks differ.
    let with_it = (Some("s"), of(95_000));
    assert!(standing.sign(&budget, WEEK, with_it, 100_001).is_some());
}

#[test]
fn what_a_refusal_rests_on_is_named() {
    let mut standing = Standing::default();
    assert_eq!(standing.held(), StopHeld::default());
    standing.stop_account(16, 5_000);
    let own = StopHeld {
        sequence: 0,
        since: 5_000,
        lifted: 0,
    };
    assert_eq!(standing.held(), own);
    standing.stop_as_told(told(9));
    assert_eq!(standing.held().sequence, 9);
    assert!(standing.lift_as_told(9));
    standing.lift();
    let lifted = StopHeld {
        sequence: 9,
        since: 0,
        lifted: 9,
    };
    assert_eq!(standing.held(), lifted, "refused a moment ago");
    standing.stop_account(16, 6_000);
    let anew = StopHeld {
        sequence: 0,
        since: 6_000,
        lifted: 9,
    };
    assert_eq!(standing.held(), anew);
}

#[test]
fn by_the_day_signatures_lose_a_quarter() {
    let budget = Budget::default();
    let mut standing = asked();
    assert_eq!(standing.sign(&budget, DAY_MS, by(None), 0), Some(micro(50)));
    standing.ask(&budget, Vec::new(), "s", 1);
    assert_eq!(
        standing.sign(&budget, DAY_MS, by(None), 1),
        Some(micro(50) * 3 / 4)
    );
    assert_eq!(standing.signed_room(&budget, 2), 87);
}
