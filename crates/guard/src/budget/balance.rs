//! The balance between patients whose card nobody showed and those who were there.

use serde::{Deserialize, Serialize};

use super::DAY_MS;

/// A patient, in the unit that balances are kept in.
pub(crate) const MICRO: i64 = 1_000_000;

/// Whole patients as a balance.
pub(crate) fn micro(patients: u32) -> i64 {
    i64::from(patients) * MICRO
}

/// Patients without a card, less a credit for each who was there: what a robot cannot keep low.
///
/// It rises by one with each new patient without a card, falls by the credit with each card, and by
/// a little with time; it never falls below zero, so that nobody saves up for later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Balance {
    level: i64,
    /// The highest since it was last low.
    peak: i64,
}

impl Balance {
    /// The level, in millionths of a patient.
    pub(crate) fn level(self) -> i64 {
        self.level
    }

    /// The level in whole patients, rounded up.
    pub(crate) fn patients(self) -> u32 {
        u32::try_from(self.level.saturating_add(MICRO - 1) / MICRO).unwrap_or(u32::MAX)
    }

    /// One more patient without a card.
    pub(crate) fn charge(&mut self) {
        self.level = self.level.saturating_add(MICRO);
        self.peak = self.peak.max(self.level);
    }

    /// Time has passed.
    pub(crate) fn leak(&mut self, elapsed_ms: i64, per_day: u32) {
        // More than a month of leaking has no more to take.
        let elapsed = elapsed_ms.clamp(0, 366 * DAY_MS);
        let leaked = elapsed.saturating_mul(micro(per_day)) / DAY_MS;
        self.level = (self.level - leaked).max(0);
        if self.level == 0 {
            self.peak = 0;
        }
    }

    /// A card was shown, or a patient came back: tells how high the balance had been, once what
    /// speaks for the person has taken two thirds of it away again.
    pub(crate) fn credit(&mut self, micro: i64) -> Option<u32> {
        self.level = (self.level - micro).max(0);
        if self.peak == 0 || self.level > self.peak / 3 {
            return None;
        }
        let peak = self.peak / MICRO;
        self.peak = self.level;
        u32::try_from(peak).ok()
    }

    /// A fresh signature leaves room for `room` below `limit`.
    pub(crate) fn restore(&mut self, room: i64, limit: i64) {
        self.level = self.level.min((limit - room).max(0));
    }

    /// Begins anew.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::{Balance, micro};
    use crate::budget::DAY_MS;

    #[test]
    fn cards_take_away_what_look_ups_without_them_add() {
        let mut balance = Balance::default();
        for _ in 0..12 {
            balance.charge();
        }
        assert_eq!(balance.patients(), 12);
        assert_eq!(balance.credit(micro(5)), None);
        assert_eq!(balance.credit(micro(5)), Some(12));
        assert_eq!(balance.patients(), 2);
        balance.credit(micro(5));
        assert_eq!(balance.level(), 0, "nobody saves up");
    }

    #[test]
    fn time_takes_a_little_away() {
        let mut balance = Balance::default();
        for _ in 0..12 {
            balance.charge();
        }
        balance.leak(DAY_MS / 2, 4);
        assert_eq!(balance.patients(), 10);
        balance.leak(i64::MAX, 4);
        assert_eq!(balance.level(), 0);
    }

    #[test]
    fn a_signature_leaves_bounded_room() {
        let mut balance = Balance::default();
        for _ in 0..60 {
            balance.charge();
        }
        balance.restore(micro(40), micro(60));
        assert_eq!(balance.patients(), 20);
        balance.restore(micro(10), micro(60));
        assert_eq!(balance.patients(), 20, "a signature never takes room away");
    }
}
