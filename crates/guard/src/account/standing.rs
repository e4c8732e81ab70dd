//! Where an account stands between "go on" and "stopped", and what leads back.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::act::number_of;
use crate::budget::{DAY_MS, micro};
use crate::config::Budget;
use crate::decision::ReasonCode;
use crate::{Act, Answer, Decision, Patient, Reason};

/// Stopped sessions that are remembered; who has more within a week is stopped as an account.
const SESSIONS_MAX: usize = 2;
const WEEK_MS: i64 = 7 * DAY_MS;

/// Where an account stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Standing {
    stage: Stage,
    /// Patients that were asked for and refused since a signature is awaited.
    refused: Vec<u64>,
    /// When signatures restored something, newest last.
    signatures: Vec<i64>,
    /// Sessions that were stopped, and when.
    sessions: Vec<(u64, i64)>,
    /// Patients that had been refused when the account was stopped.
    stopped_for: u32,
    /// Why a signature was asked.
    asked_for: Option<Reason>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    #[default]
    Open,
    SignatureAwaited,
    Stopped,
}

impl Standing {
    /// What holds whatever is asked: a stopped account, a stopped session.
    pub(crate) fn shut(&self, session: &str) -> Option<Decision> {
        if self.stage == Stage::Stopped {
            let reason = self.account_stopped();
            return Some(decision(Answer::StopAccount, vec![reason]));
        }
        if self.sessions.is_empty() {
            return None;
        }
        let session = number_of(session.as_bytes());
        let is_stopped = self.sessions.iter().any(|(known, _)| *known == session);
        is_stopped.then(|| decision(Answer::StopSession, vec![self.sessions_stopped()]))
    }

    /// Whether a signature is awaited.
    pub(crate) fn awaits_signature(&self) -> bool {
        self.stage == Stage::SignatureAwaited
    }

    /// Whether the account waits for a signature or is stopped.
    pub(crate) fn is_held(&self) -> bool {
        self.stage != Stage::Open || !self.sessions.is_empty()
    }

    /// Cards that were shown have explained what a signature was asked for.
    pub(crate) fn relent(&mut self) {
        if self.stage == Stage::SignatureAwaited {
            self.stage = Stage::Open;
            self.refused.clear();
            self.asked_for = None;
        }
    }

    /// Cards or returns have caught up: what was signed for earlier was a person's work.
    pub(crate) fn forgive_signatures(&mut self) {
        self.signatures.clear();
    }

    /// Forgets what is a week old.
    pub(crate) fn forget(&mut self, now: i64) {
        self.signatures.retain(|at| now - at < WEEK_MS);
        self.sessions.retain(|(_, at)| now - at < WEEK_MS);
    }

    /// Something is over its bound: asks for a signature, or stops where signatures are spent.
    pub(crate) fn ask(
        &mut self,
        budget: &Budget,
        window: i64,
        mut reasons: Vec<Reason>,
        session: &str,
        now: i64,
    ) -> Decision {
        let signed = self.signed_within(window, now);
        self.asked_for = reasons.first().copied();
        if signed < budget.signatures_most {
            self.stage = Stage::SignatureAwaited;
            return decision(Answer::StepUp, reasons);
        }
        let spent = ReasonCode::SignaturesSpent;
        reasons.insert(0, Reason::new(spent, signed, budget.signatures_most));
        self.stage = Stage::SignatureAwaited;
        self.stop_session(session, now, reasons)
    }

    /// A further act while a signature is awaited: the more patients, the less mild.
    pub(crate) fn refuse(&mut self, budget: &Budget, window: i64, act: &Act, now: i64) -> Decision {
        let session = act.session.as_str();
        let refused = self.note_refused(budget, &act.patients);
        let awaited = ReasonCode::SignatureAwaited;
        let awaited = Reason::new(awaited, refused, budget.stop_session_after);
        let reasons: Vec<_> = [Some(awaited), self.asked_for]
            .into_iter()
            .flatten()
            .collect();
        if refused >= budget.stop_account_after {
            return self.stop_account(refused);
        }
        let is_spent = self.signed_within(window, now) >= budget.signatures_most;
        if refused >= budget.stop_session_after || is_spent {
            return self.stop_session(session, now, reasons);
        }
        if refused >= budget.slow_after {
            let wait = Duration::from_secs(u64::from(budget.slow_seconds));
            return decision(Answer::Slow { wait }, reasons);
        }
        decision(Answer::StepUp, reasons)
    }

    /// An unattended service asked for more than its budget: tells when it is stopped for good.
    pub(crate) fn refuse_unattended(
        &mut self,
        budget: &Budget,
        patients: &[Patient],
    ) -> Option<Decision> {
        let refused = self.note_refused(budget, patients);
        let is_over = refused >= budget.stop_account_after;
        is_over.then(|| self.stop_account(refused))
    }

    /// What was asked for is within the budget again.
    pub(crate) fn forget_refused(&mut self) {
        self.refused.clear();
    }

    fn note_refused(&mut self, budget: &Budget, patients: &[Patient]) -> u32 {
        let most = usize::try_from(budget.stop_account_after).unwrap_or(usize::MAX);
        // One act counts once, however many patients its answer would have named.
        let mut numbers = patients.iter().map(|it| it.number());
        let new = numbers.find(|number| !self.refused.contains(number));
        if let Some(number) = new.filter(|_| self.refused.len() < most) {
            self.refused.push(number);
        }
        u32::try_from(self.refused.len()).unwrap_or(u32::MAX)
    }

    /// A fresh signature: how many patients it makes room for, if it was asked for.
    pub(crate) fn sign(&mut self, budget: &Budget, window: i64, now: i64) -> Option<i64> {
        if self.stage != Stage::SignatureAwaited {
            return None;
        }
        self.forget(now);
        let earlier = self.signed_within(window, now);
        if earlier >= budget.signatures_most {
            return None;
        }
        self.signatures.push(now);
        self.relent();
        Some(restores(budget, window, earlier))
    }

    /// Patients that signatures of the last day have made room for, above any window's bound.
    pub(crate) fn signed_room(&self, budget: &Budget, now: i64) -> u32 {
        let fresh = self.signed_within(DAY_MS, now);
        let room: i64 = (0..fresh)
            .map(|earlier| restores(budget, DAY_MS, earlier))
            .sum();
        u32::try_from(room / crate::budget::MICRO).unwrap_or(0)
    }

    fn signed_within(&self, window: i64, now: i64) -> u32 {
        let fresh = self.signatures.iter().filter(|at| now - **at < window);
        u32::try_from(fresh.count()).unwrap_or(u32::MAX)
    }

    /// Stops the account.
    fn stop_account(&mut self, count: u32) -> Decision {
        self.stage = Stage::Stopped;
        self.stopped_for = count;
        let reason = self.account_stopped();
        let reasons = [Some(reason), self.asked_for].into_iter().flatten();
        decision(Answer::StopAccount, reasons.collect())
    }

    fn stop_session(&mut self, session: &str, now: i64, reasons: Vec<Reason>) -> Decision {
        if self.sessions.len() >= SESSIONS_MAX {
            let refused = u32::try_from(self.refused.len()).unwrap_or(u32::MAX);
            return self.stop_account(refused);
        }
        self.sessions.push((number_of(session.as_bytes()), now));
        decision(Answer::StopSession, reasons)
    }

    fn account_stopped(&self) -> Reason {
        let sessions = u32::try_from(self.sessions.len()).unwrap_or(u32::MAX);
        Reason::new(ReasonCode::AccountStopped, self.stopped_for, sessions)
    }

    fn sessions_stopped(&self) -> Reason {
        let stopped = u32::try_from(self.sessions.len()).unwrap_or(u32::MAX);
        Reason::new(ReasonCode::SessionStopped, stopped, 2)
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.refused.capacity() * 8 + self.signatures.capacity() * 8 + self.sessions.capacity() * 16
    }
}

/// The first signature restores all, each further one within the window less.
fn restores(budget: &Budget, window: i64, earlier: u32) -> i64 {
    let all = micro(budget.signature_restores);
    let less = |room: i64| {
        if window > DAY_MS {
            room / 2
        } else {
            room - room / 4
        }
    };
    (0..earlier.min(32)).fold(all, |room, _| less(room))
}

fn decision(answer: Answer, reasons: Vec<Reason>) -> Decision {
    Decision { answer, reasons }
}

#[cfg(test)]
mod tests {
    use super::Standing;
    use crate::budget::{DAY_MS, micro};
    use crate::config::Budget;
    use crate::{Act, Answer, Patient};

    const WEEK: i64 = 7 * DAY_MS;

    fn asked() -> Standing {
        let mut standing = Standing::default();
        let answer = standing
            .ask(&Budget::default(), WEEK, Vec::new(), "s", 0)
            .answer;
        assert_eq!(answer, Answer::StepUp);
        standing
    }

    fn refuse(standing: &mut Standing, patient: u32, session: &str) -> Answer {
        let patient = Patient::from_pseudonym(&patient.to_string());
        let mut act = Act::look_up("sub", "records", patient);
        act.session = session.to_owned();
        let decision = standing.refuse(&Budget::default(), WEEK, &act, 1_000);
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
        assert_eq!(refuse(&mut standing, 9, "another"), Answer::StopSession);
        assert_eq!(refuse(&mut standing, 10, "a third"), Answer::StopAccount);
        assert_eq!(
            standing.shut("a fourth").unwrap().answer,
            Answer::StopAccount
        );
        standing.relent();
        assert!(standing.is_held(), "cards don't lift a stop");
    }

    #[test]
    fn each_signature_restores_less_and_in_the_end_nothing() {
        let budget = Budget::default();
        let mut standing = Standing::default();
        assert_eq!(standing.sign(&budget, WEEK, 0), None, "nobody asked");
        let mut rooms = Vec::new();
        for _ in 0..4 {
            standing.ask(&budget, WEEK, Vec::new(), "s", 0);
            rooms.push(standing.sign(&budget, WEEK, 0).unwrap() / micro(1));
        }
        assert_eq!(rooms, [50, 25, 12, 6]);
        let fifth = standing.ask(&budget, WEEK, Vec::new(), "s", 0);
        assert_eq!(fifth.answer, Answer::StopSession);
        assert_eq!(fifth.reasons[0].code(), "signatures_spent");
        assert_eq!(standing.sign(&budget, WEEK, 0), None);
        assert!(
            standing.sign(&budget, WEEK, WEEK).is_some(),
            "a week later it counts again"
        );
    }

    #[test]
    fn by_the_day_signatures_lose_a_quarter() {
        let budget = Budget::default();
        let mut standing = asked();
        assert_eq!(standing.sign(&budget, DAY_MS, 0), Some(micro(50)));
        standing.ask(&budget, DAY_MS, Vec::new(), "s", 1);
        assert_eq!(standing.sign(&budget, DAY_MS, 1), Some(micro(50) * 3 / 4));
        assert_eq!(standing.signed_room(&budget, 2), 87);
    }
}
