//! Where an account stands between "go on" and "stopped", and what leads back.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{FreshSignature, StopHeld, ToldStop};
use crate::act::number_of;
use crate::budget::{DAY_MS, micro};
use crate::config::Budget;
use crate::decision::ReasonCode;
use crate::{Act, Answer, Decision, Patient, Reason};

/// Stopped sessions that are remembered; who has more within a week is stopped as an account.
const SESSIONS_MAX: usize = 2;
const WEEK_MS: i64 = 7 * DAY_MS;

/// Sessions that were asked for a signature and are remembered; of more, the oldest are forgotten.
const ASKED_MAX: usize = 8;
/// Signatures that have answered and are remembered; more than can be on their way at a time.
const ANSWERED_MAX: usize = 8;
/// Guards that share an account have clocks that differ by so much.
const CLOCKS_DIFFER_MS: i64 = 5_000;
/// So long a signature for what was asked over weeks makes the next one restore less.
const SETTLED_MS: i64 = 30 * DAY_MS;
/// The first signature of a day restores at least this part.
const A_DAY_ONE_IN: i64 = 4;

/// Where an account stands. Most were never asked: what is kept of those that were lies apart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Standing {
    stage: Stage,
    asked: Option<Box<Asked>>,
}

/// What is kept of an account that was asked or refused something.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Asked {
    /// Sessions that were asked and have not signed, and since when.
    told: Vec<(u64, i64)>,
    /// Signatures that have answered: one that is told again, by another guard's stream, must not
    /// answer the next question, too.
    answered: Vec<u64>,
    /// Whether it was for what ran ahead over weeks.
    is_over_weeks: bool,
    /// When signatures settled that.
    settled: Vec<i64>,
    /// Patients that were asked for and refused since a signature is awaited.
    refused: Vec<u64>,
    /// When signatures restored something, newest last.
    signatures: Vec<i64>,
    /// Sessions that were stopped, and when.
    sessions: Vec<(u64, i64)>,
    /// Patients that had been refused when the account was stopped.
    stopped_for: u32,
    /// When this guard, or one that it shares its states with, stopped the account; 0 where none
    /// did.
    stopped_at: i64,
    /// Why a signature was asked.
    asked_for: Option<Reason>,
    /// The issuer's stop that holds the account; none of this guard's own knows its number.
    told_stop: i64,
    /// Sessions that had been stopped then, at whichever guard.
    told_sessions: u32,
    /// The newest of the issuer's stops that was lifted.
    lifted_stop: i64,
    /// When an operator lifted what held the account at this guard; 0 where nobody has. A stop that
    /// is older and still on its way to the issuer is lifted, too.
    lifted_at: i64,
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
        let asked = self.asked.as_ref().filter(|it| !it.sessions.is_empty())?;
        let session = number_of(session.as_bytes());
        let is_stopped = asked.sessions.iter().any(|(known, _)| *known == session);
        is_stopped.then(|| decision(Answer::StopSession, vec![self.sessions_stopped()]))
    }

    /// Whether a signature is awaited, of the account or of this session.
    pub(crate) fn awaits_signature(&self, session: &str) -> bool {
        let asked = self.asked.as_ref().filter(|it| !it.told.is_empty());
        self.stage == Stage::SignatureAwaited
            || asked.is_some_and(|it| it.has_told(number_of(session.as_bytes())))
    }

    /// Whether a signature is awaited for what ran ahead over weeks.
    pub(crate) fn is_over_weeks(&self) -> bool {
        self.asked.as_ref().is_some_and(|it| it.is_over_weeks)
    }

    /// Whether a signature has settled, at this moment, what ran ahead over weeks.
    pub(crate) fn settled_at(&self, now: i64) -> bool {
        self.asked
            .as_ref()
            .is_some_and(|it| it.settled.last() == Some(&now))
    }

    /// Whether the account waits for a signature or is stopped.
    pub(crate) fn is_held(&self) -> bool {
        let stopped = self
            .asked
            .as_ref()
            .is_some_and(|it| !it.sessions.is_empty());
        self.stage != Stage::Open || stopped
    }

    /// Whether what the account does now is no habit: a signature is awaited, or a session was
    /// stopped and nobody has signed since.
    pub(crate) fn is_in_question(&self) -> bool {
        let answered = self.asked.as_ref().is_none_or(|it| {
            let signed = it.signatures.last().max(it.settled.last());
            let stopped = it.sessions.iter().map(|(_, at)| at).max();
            stopped <= signed
        });
        self.stage != Stage::Open || !answered
    }

    /// Cards that were shown have explained what a signature was asked for.
    pub(crate) fn relent(&mut self) {
        if self.stage == Stage::Stopped {
            return;
        }
        self.stage = Stage::Open;
        if let Some(asked) = &mut self.asked {
            asked.told.clear();
            asked.refused.clear();
            asked.asked_for = None;
            asked.is_over_weeks = false;
        }
    }

    /// Cards or returns have caught up: what was signed for earlier was a person's work.
    pub(crate) fn forgive_signatures(&mut self) {
        if let Some(asked) = &mut self.asked {
            asked.signatures.clear();
        }
    }

    /// Forgets what is a week old.
    pub(crate) fn forget(&mut self, now: i64) {
        let Some(asked) = &mut self.asked else {
            return;
        };
        asked.signatures.retain(|at| now - at < WEEK_MS);
        asked.sessions.retain(|(_, at)| now - at < WEEK_MS);
        asked.settled.retain(|at| now - at < SETTLED_MS);
        if asked.signatures.is_empty() && asked.settled.is_empty() {
            asked.answered.clear();
        }
        if now - asked.lifted_at >= SETTLED_MS {
            asked.lifted_at = 0;
        }
        if self.stage == Stage::Open && **asked == Asked::default() {
            self.asked = None;
        }
    }

    /// Something is over its bound: asks for a signature, or stops where signatures are spent.
    pub(crate) fn ask(
        &mut self,
        budget: &Budget,
        mut reasons: Vec<Reason>,
        session: &str,
        now: i64,
    ) -> Decision {
        let is_over_weeks = reasons
            .iter()
            .any(|it| it.code() == ReasonCode::Drift.word());
        let signed = self.signed_today(is_over_weeks, now);
        self.stage = Stage::SignatureAwaited;
        let asked = self.asked.get_or_insert_default();
        asked.asked_for = reasons.first().copied();
        asked.is_over_weeks = is_over_weeks;
        asked.tell(session, now);
        if signed < budget.signatures_most {
            return decision(Answer::StepUp, reasons);
        }
        let spent = ReasonCode::SignaturesSpent;
        reasons.insert(0, Reason::new(spent, signed, budget.signatures_most));
        self.stop_session(session, now, reasons)
    }

    /// The issuer says that the account is stopped: news, unless that stop was lifted since.
    pub(crate) fn stop_as_told(&mut self, stop: ToldStop) {
        let asked = self.asked.get_or_insert_default();
        if stop.sequence <= asked.lifted_stop || stop.sequence <= asked.told_stop {
            return;
        }
        if stop.acted_at > 0 && stop.acted_at <= asked.lifted_at {
            asked.lifted_stop = stop.sequence;
            return;
        }
        asked.told_stop = stop.sequence;
        asked.told_sessions = stop.sessions;
        asked.stopped_for = asked.stopped_for.max(stop.refused);
        self.stage = Stage::Stopped;
    }

    /// What a refusal rests on, for the issuer: it knows which stops an operator has lifted.
    pub(crate) fn held(&self) -> StopHeld {
        let Some(asked) = &self.asked else {
            return StopHeld::default();
        };
        let is_stopped = self.stage == Stage::Stopped;
        StopHeld {
            // Lifted since it was refused: that stop it was.
            sequence: if is_stopped {
                asked.told_stop
            } else {
                asked.lifted_stop
            },
            since: if is_stopped { asked.stopped_at } else { 0 },
            lifted: asked.lifted_stop,
        }
    }

    /// The issuer says that a stop is lifted. Tells whether that frees the account here.
    pub(crate) fn lift_as_told(&mut self, sequence: i64) -> bool {
        let asked = self.asked.get_or_insert_default();
        if sequence <= asked.lifted_stop {
            return false;
        }
        asked.lifted_stop = sequence;
        self.stage == Stage::Stopped && asked.told_stop <= sequence
    }

    /// Begins anew. That a stop was lifted stays known: it may be told of once more.
    pub(crate) fn lift(&mut self) {
        let asked = self.asked.as_ref();
        let (stop, at) = asked.map_or((0, 0), |it| {
            (it.lifted_stop.max(it.told_stop), it.lifted_at)
        });
        *self = Self::default();
        if stop > 0 || at > 0 {
            let asked = self.asked.get_or_insert_default();
            (asked.lifted_stop, asked.lifted_at) = (stop, at);
        }
    }

    /// An operator lifts, at this guard, what holds the account: also what the issuer has not heard
    /// of yet, and will tell of.
    pub(crate) fn lift_here(&mut self, at: i64) {
        self.lift();
        let asked = self.asked.get_or_insert_default();
        asked.lifted_at = asked.lifted_at.max(at);
    }

    /// A further act while a signature is awaited: the more patients, the less mild.
    pub(crate) fn refuse(&mut self, budget: &Budget, act: &Act, now: i64) -> Decision {
        let session = act.session.as_str();
        let signed = self.signed_today(self.is_over_weeks(), now);
        let refused = self.note_refused(budget, &act.patients);
        let awaited = ReasonCode::SignatureAwaited;
        let awaited = Reason::new(awaited, refused, budget.stop_session_after);
        let asked = self.asked.get_or_insert_default();
        // Whoever signs in again, as a stopped session says, is asked before she is stopped.
        let is_told = asked.has_told(number_of(session.as_bytes()));
        asked.tell(session, now);
        let reasons = [Some(awaited), asked.asked_for].into_iter().flatten();
        let reasons = reasons.collect();
        if refused >= budget.stop_account_after {
            return self.stop_account(refused, now);
        }
        let is_spent = signed >= budget.signatures_most;
        if is_spent || (is_told && refused >= budget.stop_session_after) {
            return self.stop_session(session, now, reasons);
        }
        if !is_told {
            return decision(Answer::StepUp, reasons);
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
        now: i64,
    ) -> Option<Decision> {
        let refused = self.note_refused(budget, patients);
        let is_over = refused >= budget.stop_account_after;
        is_over.then(|| self.stop_account(refused, now))
    }

    /// What was asked for is within the budget again.
    pub(crate) fn forget_refused(&mut self) {
        if let Some(asked) = &mut self.asked {
            asked.refused.clear();
        }
    }

    fn note_refused(&mut self, budget: &Budget, patients: &[Patient]) -> u32 {
        let most = usize::try_from(budget.stop_account_after).unwrap_or(usize::MAX);
        // One act counts once, however many patients its answer would have named.
        let mut numbers = patients.iter().map(|it| it.number());
        let asked = self.asked.get_or_insert_default();
        let new = numbers.find(|number| !asked.refused.contains(number));
        if let Some(number) = new.filter(|_| asked.refused.len() < most) {
            asked.refused.push(number);
        }
        u32::try_from(asked.refused.len()).unwrap_or(u32::MAX)
    }

    /// A fresh signature: how many patients it makes room for, if it was asked for.
    ///
    /// Given in a session, it answers for that one; others that were asked stay asked. Each answers
    /// once, and nothing that was asked after it.
    pub(crate) fn sign(
        &mut self,
        budget: &Budget,
        window: i64,
        (session, signature): (Option<&str>, FreshSignature),
        now: i64,
    ) -> Option<i64> {
        let asked = self.asked.as_mut()?;
        let session = session.map(|it| number_of(it.as_bytes()));
        let is_asked = session.is_none_or(|it| asked.has_told(it));
        if self.stage == Stage::Stopped || !is_asked || !asked.is_new(signature, session) {
            return None;
        }
        asked
            .told
            .retain(|(it, _)| session.is_some_and(|session| *it != session));
        if self.stage == Stage::Open {
            asked.note(signature);
            return None;
        }
        self.forget(now);
        let is_over_weeks = self.is_over_weeks();
        let today = self.signed_today(is_over_weeks, now);
        if today >= budget.signatures_most {
            return None;
        }
        let asked = self.asked.get_or_insert_default();
        asked.note(signature);
        let (signatures, window) = if is_over_weeks {
            (&mut asked.settled, SETTLED_MS)
        } else {
            (&mut asked.signatures, window)
        };
        let earlier = count_within(signatures, window, now);
        signatures.push(now);
        self.stage = Stage::Open;
        // Also where a portal has made a new session of it, and the one before stays asked: else
        // what was refused in months would add up.
        asked.refused.clear();
        if asked.told.is_empty() {
            self.relent();
        }
        let room = restores(budget, window, earlier);
        let least = micro(budget.signature_restores) / A_DAY_ONE_IN;
        Some(if today == 0 { room.max(least) } else { room })
    }

    /// Patients that signatures of the last day have made room for, above any window's bound.
    pub(crate) fn signed_room(&self, budget: &Budget, now: i64) -> u32 {
        let fresh = self.signed_within(DAY_MS, now);
        let room: i64 = (0..fresh)
            .map(|earlier| restores(budget, DAY_MS, earlier))
            .sum();
        u32::try_from(room / crate::budget::MICRO).unwrap_or(0)
    }

    /// Signatures of the last day, for the same kind of question.
    fn signed_today(&self, is_over_weeks: bool, now: i64) -> u32 {
        let asked = self.asked.as_ref();
        asked.map_or(0, |it| {
            let signatures = if is_over_weeks {
                &it.settled
            } else {
                &it.signatures
            };
            count_within(signatures, DAY_MS, now)
        })
    }

    fn signed_within(&self, window: i64, now: i64) -> u32 {
        let asked = self.asked.as_ref();
        asked.map_or(0, |it| count_within(&it.signatures, window, now))
    }

    /// Stops the account.
    fn stop_account(&mut self, count: u32, now: i64) -> Decision {
        self.stage = Stage::Stopped;
        let asked = self.asked.get_or_insert_default();
        asked.stopped_at = now;
        asked.stopped_for = count;
        let why = asked.asked_for;
        let reasons = [Some(self.account_stopped()), why].into_iter().flatten();
        decision(Answer::StopAccount, reasons.collect())
    }

    fn stop_session(&mut self, session: &str, now: i64, reasons: Vec<Reason>) -> Decision {
        let asked = self.asked.get_or_insert_default();
        if asked.sessions.len() >= SESSIONS_MAX {
            let refused = u32::try_from(asked.refused.len()).unwrap_or(u32::MAX);
            return self.stop_account(refused, now);
        }
        let session = number_of(session.as_bytes());
        asked.sessions.push((session, now));
        // Nothing is allowed there any more: whoever signs elsewhere need not wait for it.
        asked.told.retain(|(it, _)| *it != session);
        decision(Answer::StopSession, reasons)
    }

    fn account_stopped(&self) -> Reason {
        let stopped_for = self.asked.as_ref().map_or(0, |it| it.stopped_for);
        Reason::new(
            ReasonCode::AccountStopped,
            stopped_for,
            self.count_stopped(),
        )
    }

    fn sessions_stopped(&self) -> Reason {
        Reason::new(ReasonCode::SessionStopped, self.count_stopped(), 2)
    }

    fn count_stopped(&self) -> u32 {
        let asked = self.asked.as_ref();
        let stopped = asked.map_or(0, |it| it.sessions.len());
        let told = asked.map_or(0, |it| it.told_sessions);
        u32::try_from(stopped).unwrap_or(u32::MAX).max(told)
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.asked.as_ref().map_or(0, |it| {
            let lists = 2 * it.told.capacity() + it.settled.capacity() + it.refused.capacity();
            let lists = lists + it.signatures.capacity() + 2 * it.sessions.capacity();
            let lists = lists + it.answered.capacity();
            size_of::<Asked>() + lists * 8
        })
    }
}

impl Asked {
    /// Notes that this session was asked.
    fn tell(&mut self, session: &str, now: i64) {
        let session = number_of(session.as_bytes());
        if self.has_told(session) {
            return;
        }
        if self.told.len() >= ASKED_MAX {
            self.told.remove(0);
        }
        self.told.push((session, now));
    }

    fn has_told(&self, session: u64) -> bool {
        self.told.iter().any(|(told, _)| *told == session)
    }

    /// Whether a signature has answered nothing yet, and was asked for by what is asked now.
    fn is_new(&self, signature: FreshSignature, session: Option<u64>) -> bool {
        let mut told = self.told.iter();
        let question = told.find(|(told, _)| Some(*told) == session);
        let is_of_before = question.is_some_and(|(_, since)| {
            signature.asked_at > 0 && signature.asked_at.saturating_add(CLOCKS_DIFFER_MS) < *since
        });
        let is_known = signature.number != 0 && self.answered.contains(&signature.number);
        !is_of_before && !is_known
    }

    fn note(&mut self, signature: FreshSignature) {
        if signature.number == 0 {
            return;
        }
        if self.answered.len() >= ANSWERED_MAX {
            self.answered.remove(0);
        }
        self.answered.push(signature.number);
    }
}

/// Of these moments, how many lie within the window.
fn count_within(moments: &[i64], window: i64, now: i64) -> u32 {
    let fresh = moments.iter().filter(|at| now - **at < window);
    u32::try_from(fresh.count()).unwrap_or(u32::MAX)
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
mod tests;
