//! The decision over one act: pure, with all that it needs as arguments.

use std::time::Duration;

use super::allowance::Allowance;
use super::evidence::Evidence;
use super::{AccountState, Around, FreshSignature};
use crate::budget::{DAY_MS, day_of, micro};
use crate::config::{Budget, UnattendedBudget};
use crate::decision::ReasonCode;
use crate::signal::no_pause::PAUSE_MS;
use crate::{Act, Actor, Answer, Decision, Kind, Reason, Rules};

/// So many patients below its limit, cards have explained what was asked for over weeks.
const DRIFT_SETTLED: u32 = 20;

/// Decides over one act of an account, and notes it in the account's state.
///
/// Time never goes back: an act that is older than the newest is judged as if it came with it.
pub fn judge(rules: &Rules, state: &mut AccountState, act: &Act, around: &Around) -> Decision {
    let now = act.at.max(state.last_at);
    if now - state.last_at > PAUSE_MS {
        state.busy_since = now;
    }
    state.last_at = now;
    if act.actor == Actor::Service {
        return judge_unattended(rules.unattended(&act.subject), state, act, now);
    }
    if let Some(decision) = state.standing.shut(&act.session) {
        return decision;
    }
    let budget = rules.budget(&act.service, act.profession.as_deref(), act.kind);
    let allowance = advance(state, act.kind, now, budget, around);
    state.places.note(&act.source, now, day_of(now));
    if act.patient_present {
        show(state, act, &allowance);
        return Decision::allow();
    }
    if state.standing.awaits_signature(&act.session) {
        return state.standing.refuse(budget, act, now);
    }
    if !look(state, act, now, budget, &allowance) {
        return Decision::allow();
    }
    let evidence = Evidence {
        state,
        kind: act.kind,
        budget,
        allowance: &allowance,
        around,
        now,
    };
    let reasons = evidence.reasons(&rules.signals);
    if reasons.is_empty() {
        return Decision::allow();
    }
    state.standing.ask(budget, reasons, &act.session, now)
}

/// Over how long signatures are counted: where nobody shows cards, nothing but them can speak for
/// the person, and they count by the day.
fn signature_window(allowance: &Allowance) -> i64 {
    if allowance.is_mostly_with_card {
        7 * DAY_MS
    } else {
        DAY_MS
    }
}

/// The subject's card has signed anew: room is made where a signature was asked for, and nowhere
/// else.
pub fn sign(
    rules: &Rules,
    state: &mut AccountState,
    names: (&str, Option<&str>),
    around: &Around,
    at: i64,
) {
    let given = (None, FreshSignature::default());
    sign_in(rules, state, names, around, given, at);
}

/// The same in a session, by a signature that is told from others: it answers for that session, and
/// not for what others were asked.
pub fn sign_in(
    rules: &Rules,
    state: &mut AccountState,
    (service, profession): (&str, Option<&str>),
    around: &Around,
    given: (Option<&str>, FreshSignature),
    at: i64,
) {
    let now = at.max(state.last_at);
    let budget = rules.budget(service, profession, Kind::LookUp);
    let allowance = Allowance::of(budget, &state.look_ups.habit().usual, &around.peers);
    let window = signature_window(&allowance);
    let Some(room) = state.standing.sign(budget, window, given, now) else {
        return;
    };
    let is_over_weeks = state.standing.settled_at(now);
    let has_cards = state.look_ups.has_cards();
    let has_cards = has_cards || state.writes.as_ref().is_some_and(|it| it.has_cards());
    for kind in [Kind::LookUp, Kind::Write] {
        if kind == Kind::Write && state.writes.is_none() {
            continue;
        }
        let budget = rules.budget(service, profession, kind);
        let track = state.track(kind);
        let allowance = Allowance::of(budget, &track.habit().usual, &around.peers);
        let room = room.min(micro(budget.signature_restores));
        track.note_signature(has_cards);
        track.balance.restore(room, micro(allowance.ahead));
        if let Some(drift) = allowance.drift.filter(|_| is_over_weeks) {
            track.drift.restore(room, micro(drift));
        }
    }
}

/// Lets time pass for the state, and works out what the account may do now.
fn advance(
    state: &mut AccountState,
    kind: Kind,
    now: i64,
    budget: &Budget,
    around: &Around,
) -> Allowance {
    let is_held = state.standing.is_in_question();
    if state.track(kind).today().day != day_of(now) {
        state.standing.forget(now);
    }
    let track = state.track(kind);
    let before = Allowance::of(budget, &track.habit().usual, &around.peers);
    if !track.advance(now, before.forgiven, is_held) {
        return before;
    }
    Allowance::of(budget, &track.habit().usual, &around.peers)
}

/// Patients whose cards are there: free, and they speak for the account.
fn show(state: &mut AccountState, act: &Act, allowance: &Allowance) {
    let track = state.track(act.kind);
    let mut has_caught_up = false;
    for patient in &act.patients {
        has_caught_up |= track.show(*patient, allowance);
    }
    let is_half = track.balance.level() < micro(allowance.ahead) / 2;
    // What was asked for over weeks is explained by the cards of weeks.
    let drift = track.drift.patients() + DRIFT_SETTLED;
    let is_explained = allowance.drift.is_none_or(|limit| drift <= limit);
    if has_caught_up {
        state.standing.forgive_signatures();
    }
    if is_half && (is_explained || !state.standing.is_over_weeks()) {
        state.standing.relent();
    }
}

/// Patients without a card. Tells whether one of them is new.
fn look(
    state: &mut AccountState,
    act: &Act,
    now: i64,
    budget: &Budget,
    allowance: &Allowance,
) -> bool {
    let track = state.track(act.kind);
    track.note_hints(act.sequence, act.follow_up);
    let mut any_new = false;
    for patient in &act.patients {
        any_new |= track.look(*patient, now, budget, allowance);
    }
    any_new
}

/// A service without a person: plain windows, and nobody to ask for a signature.
fn judge_unattended(
    budget: &UnattendedBudget,
    state: &mut AccountState,
    act: &Act,
    now: i64,
) -> Decision {
    if let Some(decision) = state.standing.shut("") {
        return decision;
    }
    let windows = Budget {
        per_day: budget.per_day,
        stop_account_after: budget.stop_account_after,
        ..Budget::default()
    };
    let allowance = advance(state, act.kind, now, &windows, &Around::default());
    // A card that was read somewhere is what such a service is for.
    if act.patient_present {
        return Decision::allow();
    }
    let track = state.track(act.kind);
    let asked = u32::try_from(track.count_new(&act.patients)).unwrap_or(u32::MAX);
    let recent = track.recent();
    let windows_over = [
        (60_000, budget.per_minute, 60),
        (3_600_000, budget.per_hour, 600),
        (DAY_MS, budget.per_day, 3_600),
    ];
    let over = windows_over.into_iter().find_map(|(window, limit, wait)| {
        let count = recent.within(window, now).saturating_add(asked);
        (asked > 0 && count > limit).then_some((count, limit, wait))
    });
    let Some((count, limit, wait)) = over else {
        for patient in &act.patients {
            track.look(*patient, now, &windows, &allowance);
        }
        state.standing.forget_refused();
        return Decision::allow();
    };
    let stopped = state
        .standing
        .refuse_unattended(&windows, &act.patients, now);
    if let Some(decision) = stopped {
        return decision;
    }
    let wait = Duration::from_secs(wait);
    Decision {
        answer: Answer::Slow { wait },
        reasons: vec![Reason::new(ReasonCode::Unattended, count, limit)],
    }
}
