//! Which accounts of a service walk through new patients without any card at the same time.

use std::collections::HashMap;

use crate::act::number_of;
use crate::budget::{DAY_MS, day_of};
use crate::signal::others_too::BY_CHANCE;

/// How long a walk counts, and how long accounts are told of others.
pub(super) const ALARM_MS: i64 = DAY_MS;
/// Accounts that are counted at most; as many are an alarm anyway.
const WALKERS_MAX: usize = 4_096;
/// Days whose counts say what is usual.
const DAYS: usize = 28;
/// Days of a service after which it is known how many accounts are new there at a time. Before that
/// all are: then a campaign is more than one in `NEW_ONE_IN` of them.
const SETTLED_DAYS: u32 = 7;
const NEW_ONE_IN: u32 = 5;
/// Days with an alarm become usual after a week: what an operator let be for so long is no attack.
const ALARM_DAYS: u32 = 7;

/// The walks of the last day, and how many were usual.
#[derive(Debug, Default)]
pub(super) struct Walkers {
    accounts: HashMap<u64, i64>,
    days: Vec<Day>,
    /// The day of the service's first walk.
    first_day: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Day {
    day: u32,
    most: u32,
    had_alarm: bool,
}

impl Walkers {
    /// Notes that one of so many accounts walks: how many do, where they are too many for chance,
    /// else zero.
    pub(super) fn note(&mut self, subject: &str, of: u32, now: i64) -> u32 {
        let number = number_of(subject.as_bytes());
        if self.accounts.len() >= WALKERS_MAX || !self.accounts.contains_key(&number) {
            self.accounts.retain(|_, at| now - *at < DAY_MS);
        }
        if self.accounts.len() < WALKERS_MAX {
            self.accounts.insert(number, now);
        }
        let count = u32::try_from(self.accounts.len()).unwrap_or(u32::MAX);
        let today = day_of(now);
        let first_day = *self.first_day.get_or_insert(today);
        let is_settled = today >= first_day + SETTLED_DAYS;
        let by_chance = if is_settled { 0 } else { of / NEW_ONE_IN };
        let is_alarm = count > by_chance.max(2 * self.usual(today) + BY_CHANCE);
        self.note_day(today, count, is_alarm);
        if is_alarm { count } else { 0 }
    }

    /// The most that walked on one day, alarms of the last week aside.
    fn usual(&self, today: u32) -> u32 {
        let days = self.days.iter().filter(|it| {
            let is_settled = it.day + ALARM_DAYS <= today;
            it.day < today && (is_settled || !it.had_alarm)
        });
        days.map(|it| it.most).max().unwrap_or(0)
    }

    fn note_day(&mut self, today: u32, count: u32, is_alarm: bool) {
        if let Some(day) = self.days.last_mut().filter(|it| it.day == today) {
            day.most = day.most.max(count);
            day.had_alarm |= is_alarm;
            return;
        }
        if self.days.len() >= DAYS {
            self.days.remove(0);
        }
        self.days.push(Day {
            day: today,
            most: count,
            had_alarm: is_alarm,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::Walkers;
    use crate::budget::DAY_MS;

    fn day(walkers: &mut Walkers, accounts: u32, day: i64) -> u32 {
        let notes = (0..accounts).map(|it| walkers.note(&format!("sub-{it}"), 20, day * DAY_MS));
        notes.last().unwrap_or(0)
    }

    #[test]
    fn five_at_once_are_no_chance_where_none_is_usual() {
        let mut walkers = Walkers::default();
        assert_eq!(day(&mut walkers, 4, 1), 0);
        assert_eq!(day(&mut walkers, 19, 10), 19);
    }

    #[test]
    fn where_some_always_do_it_takes_more_than_twice_as_many() {
        let mut walkers = Walkers::default();
        for number in 1..6 {
            day(&mut walkers, 4, number * 2);
        }
        assert_eq!(day(&mut walkers, 12, 20), 0);
        assert_eq!(day(&mut walkers, 13, 20), 13);
    }

    #[test]
    fn on_a_guards_first_days_all_are_new_and_a_campaign_is_more_than_a_fifth_of_them() {
        let all = |walkers: &mut Walkers, accounts: u32, day: i64| {
            let notes = (0..accounts).map(|it| walkers.note(&format!("{it}"), 100, day * DAY_MS));
            notes.last().unwrap_or(0)
        };
        assert_eq!(all(&mut Walkers::default(), 20, 1), 0);
        assert_eq!(all(&mut Walkers::default(), 21, 1), 21);
        let mut walkers = Walkers::default();
        assert_eq!(all(&mut walkers, 1, 1), 0);
        assert_eq!(all(&mut walkers, 19, 7), 0);
        assert_eq!(all(&mut walkers, 48, 8), 48);
    }

    #[test]
    fn walks_of_yesterday_are_forgotten() {
        let mut walkers = Walkers::default();
        day(&mut walkers, 4, 1);
        assert_eq!(walkers.note("another", 20, 2 * DAY_MS), 0);
        assert_eq!(walkers.accounts.len(), 1);
    }
}
