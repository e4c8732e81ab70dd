//! What speaks against an account now: points that add up, and bounds that nothing stretches.

use super::allowance::Allowance;
use super::places::hour_of;
use super::{AccountState, Around, Track};
use crate::budget::{DAY_MS, MICRO, day_of};
use crate::config::{Budget, Signals};
use crate::decision::ReasonCode;
use crate::signal::{
    fast, metronome, no_follow_up, no_pause, nobody_known, others_too, place, sequence,
    unusual_hour,
};
use crate::{Kind, Reason};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// Points that ask for a signature.
const POINTS: u32 = 100;

/// All that is looked at.
pub(crate) struct Evidence<'a> {
    pub(crate) state: &'a AccountState,
    pub(crate) kind: Kind,
    pub(crate) budget: &'a Budget,
    pub(crate) allowance: &'a Allowance,
    pub(crate) around: &'a Around,
    pub(crate) now: i64,
}

impl Evidence<'_> {
    /// The reasons to ask for a signature; none when there is nothing to ask for.
    pub(crate) fn reasons(&self, signals: &Signals) -> Vec<Reason> {
        let mut reasons = self.over_bounds();
        let Some(track) = self.track() else {
            return reasons;
        };
        let ahead = track.balance.patients();
        let limit = self.allowance.ahead.max(1);
        let points = ahead.saturating_mul(POINTS) / limit;
        // Most acts end here: what signals could add would not make a hundred.
        if points.saturating_add(signals.points_most) < POINTS || ahead < signals.from_patients {
            return reasons;
        }
        let (seen, added) = self.signals(track, signals);
        if points + added.min(signals.points_most) >= POINTS {
            reasons.push(Reason::new(ReasonCode::Ahead, ahead, limit));
            reasons.extend(seen);
        }
        reasons
    }

    /// Bounds on distinct patients that no habit stretches, and the account's own fullest days.
    fn over_bounds(&self) -> Vec<Reason> {
        let Some(track) = self.track() else {
            return Vec::new();
        };
        let (budget, recent, days) = (self.budget, track.recent(), track.days());
        let room = self.state.standing.signed_room(budget, self.now);
        let mut reasons = Vec::new();
        let mut hold = |code, count: u32, limit: u32| {
            let limit = limit.saturating_add(room);
            if count > limit {
                reasons.push(Reason::new(code, count, limit));
            }
        };
        let in_day = recent.within(DAY_MS, self.now);
        if in_day > budget.per_minute {
            let minute = recent.within(MINUTE_MS, self.now);
            hold(ReasonCode::PerMinute, minute, budget.per_minute);
        }
        if in_day > budget.per_hour {
            let hour = recent.within(HOUR_MS, self.now);
            hold(ReasonCode::PerHour, hour, budget.per_hour);
        }
        hold(ReasonCode::PerDay, in_day, budget.per_day);
        hold(ReasonCode::PerWeek, days.within(7), budget.per_week);
        hold(ReasonCode::PerMonth, days.within(30), budget.per_month);
        if let Some(usual) = self.allowance.usual_day {
            // An epidemic's day has more of everybody: cards of today make room for their share.
            let shown = i64::from(track.today().shown) * self.allowance.day_card / MICRO;
            let usual = usual.saturating_add(u32::try_from(shown).unwrap_or(0));
            hold(ReasonCode::UsualDay, track.today().fresh.into(), usual);
        }
        // A signature takes its patients away from the drift itself.
        let drift = track.drift.patients();
        if let Some(limit) = self.allowance.drift.filter(|limit| drift > *limit) {
            reasons.push(Reason::new(ReasonCode::Drift, drift, limit));
        }
        reasons
    }

    fn signals(&self, track: &Track, points: &Signals) -> (Vec<Reason>, u32) {
        let (places, now) = (&self.state.places, self.now);
        let day = day_of(now);
        let age = places.age_days(day);
        let usual = &track.habit().usual;
        let today = track.today();
        let is_walking = track.is_walking(self.allowance.is_mostly_with_card);
        // Who has signed within a day is no part of what others do.
        let has_signed = self.state.standing.signed_room(self.budget, now) > 0;
        let others = if has_signed { 0 } else { self.around.others };
        let intervals = track.recent().intervals(metronome::INTERVALS);
        let findings = [
            (metronome::signal(intervals), points.metronome),
            (
                fast::signal(track.recent().within(MINUTE_MS, now)),
                points.fast,
            ),
            (
                no_pause::signal(self.state.busy_since, now),
                points.no_pause,
            ),
            (
                unusual_hour::signal(places.knows_hour(now, day), hour_of(now), usual.days),
                points.unusual_hour,
            ),
            (
                nobody_known::signal(
                    usual.returned_percent,
                    today.fresh.into(),
                    today.returned.into(),
                ),
                points.nobody_known,
            ),
            (
                place::new_place(places.known_elsewhere(day), age),
                points.new_place,
            ),
            (place::two_places(places.changes(), age), points.two_places),
            (sequence::signal(track.sequence()), points.sequence),
            (no_follow_up::signal(track.idle()), points.no_follow_up),
            (others_too::signal(others, is_walking), points.others_too),
        ];
        let seen = findings.iter().filter(|(reason, _)| reason.is_some());
        let sum = seen.clone().map(|(_, points)| *points).sum();
        (seen.filter_map(|(reason, _)| *reason).collect(), sum)
    }

    fn track(&self) -> Option<&Track> {
        match self.kind {
            Kind::LookUp => Some(&self.state.look_ups),
            Kind::Write => self.state.writes.as_deref(),
        }
    }
}
