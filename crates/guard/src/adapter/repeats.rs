//! Refusals that say again what was said a moment ago: who is stopped and goes on asking must not
//! fill the disk with it, and keep everybody else from an answer.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::{Act, Answer, Decision, ReasonCode, ReportedReason};

/// One report of a stopped session or account in so long.
const EVERY_MS: i64 = 10_000;
const EVERY_SECONDS: u32 = 10;
/// Subjects that are remembered; of more, each refusal is reported.
const SUBJECTS_MAX: usize = 100_000;
/// Reason of a report that speaks for others: how many were refused since the one before it.
const REPEATED: &str = "repeated";

#[derive(Debug, Default)]
pub(super) struct Repeats(Mutex<HashMap<String, Repeated>>);

#[derive(Debug)]
struct Repeated {
    answer: Answer,
    session: String,
    at: i64,
    unsaid: u32,
}

/// What was reported before an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// The same, a moment ago.
    Already,
    /// Not this, or longer ago; so many refusals were not reported since.
    Before(u32),
}

impl Told {
    /// What the next report says of those that there were none of.
    pub(super) fn reason(self) -> Option<ReportedReason> {
        match self {
            Self::Already | Self::Before(0) => None,
            Self::Before(count) => Some(ReportedReason {
                code: REPEATED.to_owned(),
                count,
                limit: EVERY_SECONDS,
            }),
        }
    }
}

impl Repeats {
    /// Whether an answer needs no report of its own, because it refuses for nothing but a stop that
    /// holds already, and a report has said so.
    pub(super) fn note(&self, act: &Act, decision: &Decision) -> Told {
        if !is_held(decision) {
            return Told::Before(0);
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_fresh = |it: &Repeated| act.at.saturating_sub(it.at) < EVERY_MS;
        if let Some(it) = known.get_mut(&act.subject) {
            let is_same = it.answer == decision.answer
                && (it.answer == Answer::StopAccount || it.session == act.session);
            if is_same && is_fresh(it) {
                it.unsaid = it.unsaid.saturating_add(1);
                return Told::Already;
            }
        }
        if known.len() >= SUBJECTS_MAX {
            known.retain(|_, it| is_fresh(it));
        }
        let mut unsaid = 0;
        if known.len() < SUBJECTS_MAX || known.contains_key(&act.subject) {
            let now = Repeated {
                answer: decision.answer,
                session: act.session.clone(),
                at: act.at,
                unsaid: 0,
            };
            let before = known.insert(act.subject.clone(), now);
            unsaid = before.map_or(0, |it| it.unsaid);
        }
        Told::Before(unsaid)
    }

    /// A stop that comes after a lift is another one.
    pub(super) fn forget(&self, subject: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(subject);
    }
}

/// Whether all that was said is that a stop holds.
fn is_held(decision: &Decision) -> bool {
    let [reason] = decision.reasons.as_slice() else {
        return false;
    };
    let code = match decision.answer {
        Answer::StopAccount => ReasonCode::AccountStopped,
        Answer::StopSession => ReasonCode::SessionStopped,
        Answer::Allow | Answer::StepUp | Answer::Slow { .. } => return false,
    };
    reason.code() == code.word()
}

#[cfg(test)]
mod tests {
    use super::{Repeats, Told};
    use crate::{Act, Answer, Decision, Patient, Reason, ReasonCode};

    #[test]
    fn a_stop_that_holds_is_reported_once_in_ten_seconds_with_what_came_between() {
        let repeats = Repeats::default();
        let note = |at: i64, session: &str, answer: Answer, codes: &[ReasonCode]| {
            let mut act = Act::look_up("p", "records", Patient::from_pseudonym("x"));
            (act.at, act.session) = (at, session.to_owned());
            let reasons = codes.iter().map(|code| Reason::new(*code, 1, 1)).collect();
            repeats.note(&act, &Decision { answer, reasons })
        };
        let account = |at, session| {
            note(
                at,
                session,
                Answer::StopAccount,
                &[ReasonCode::AccountStopped],
            )
        };
        let session = |at, name| note(at, name, Answer::StopSession, &[ReasonCode::SessionStopped]);
        assert_eq!(session(0, "s"), Told::Before(0));
        assert_eq!(session(1, "s"), Told::Already);
        // Another session, and worse.
        assert_eq!(session(2, "t"), Told::Before(1));
        assert_eq!(account(3, "t"), Told::Before(0));
        for at in 4..10_003 {
            assert_eq!(account(at, "u"), Told::Already);
        }
        let told = account(10_003, "u");
        assert_eq!(told, Told::Before(9_999));
        assert_eq!(told.reason().unwrap().count, 9_999);
        assert_eq!(account(10_004, "u"), Told::Already);
        // After a lift it is another stop; and what is more than "it holds" is always said.
        repeats.forget("p");
        assert_eq!(account(10_005, "u"), Told::Before(0));
        for (answer, codes) in [
            (
                Answer::StopAccount,
                &[ReasonCode::AccountStopped, ReasonCode::Ahead][..],
            ),
            (Answer::StepUp, &[ReasonCode::SignatureAwaited]),
            (Answer::Allow, &[]),
        ] {
            for at in 10_006..10_009 {
                assert_eq!(note(at, "u", answer, codes), Told::Before(0));
            }
        }
    }
}
