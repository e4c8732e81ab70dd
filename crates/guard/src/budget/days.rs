//! Distinct patients without a card in the last days, to the day.

use serde::{Deserialize, Serialize};

/// A day in milliseconds.
pub(crate) const DAY_MS: i64 = 86_400_000;

/// Days that are told apart: more than the longest window.
const SLOTS: usize = 32;

/// The day's number since 1970, in UTC: where a place's midnight lies makes no difference to a sum.
pub(crate) fn day_of(at: i64) -> u32 {
    u32::try_from(at.div_euclid(DAY_MS)).unwrap_or(0)
}

/// For each of the last days, how many patients were last looked up without a card on it.
///
/// A patient who is looked up again moves to the newer day, so that the sum over the last N days is
/// the number of distinct patients in them, exactly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Days {
    counts: [u16; SLOTS],
    newest: u32,
}

impl Default for Days {
    fn default() -> Self {
        Self {
            counts: [0; SLOTS],
            newest: 0,
        }
    }
}

impl Days {
    /// Forgets the days that the new one takes the place of.
    pub(crate) fn advance(&mut self, day: u32) {
        let steps = day.saturating_sub(self.newest);
        for step in 1..=steps.min(32) {
            if let Some(count) = self.slot(day - (steps.min(32) - step)) {
                *count = 0;
            }
        }
        self.newest = self.newest.max(day);
    }

    /// Counts a patient on the newest day.
    pub(crate) fn add(&mut self) {
        if let Some(count) = self.slot(self.newest) {
            *count = count.saturating_add(1);
        }
    }

    /// Takes a patient away who was counted on `day`.
    pub(crate) fn take(&mut self, day: u32) {
        if day + 32 > self.newest
            && let Some(count) = self.slot(day)
        {
            *count = count.saturating_sub(1);
        }
    }

    /// Distinct patients in the last `days` days, today included.
    pub(crate) fn within(&self, days: u32) -> u32 {
        // All slots in one pass, those that are too old taken for nothing: a few instructions.
        let ages = (0..32).map(|slot: u32| self.newest.wrapping_sub(slot) % 32);
        let counts = self.counts.iter().zip(ages);
        counts
            .map(|(count, age)| if age < days { u32::from(*count) } else { 0 })
            .sum()
    }

    fn slot(&mut self, day: u32) -> Option<&mut u16> {
        self.counts.get_mut(index(day))
    }
}

fn index(day: u32) -> usize {
    usize::try_from(day % 32).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{DAY_MS, Days, day_of};

    #[test]
    fn a_patient_leaves_the_window_with_the_day() {
        let mut days = Days::default();
        days.advance(100);
        days.add();
        days.advance(106);
        days.add();
        assert_eq!((days.within(1), days.within(7), days.within(30)), (1, 2, 2));
        days.advance(107);
        assert_eq!((days.within(1), days.within(7), days.within(30)), (0, 1, 2));
        days.advance(1000);
        assert_eq!(days.within(30), 0);
    }

    #[test]
    fn a_patient_who_comes_again_counts_once() {
        let mut days = Days::default();
        days.advance(50);
        days.add();
        days.advance(53);
        days.take(50);
        days.add();
        assert_eq!(days.within(7), 1);
    }

    #[test]
    fn a_day_is_utc() {
        assert_eq!(day_of(DAY_MS - 1), 0);
        assert_eq!(day_of(DAY_MS), 1);
        assert_eq!(day_of(-1), 0);
    }
}
