//! What is usual in a profession: the days of all its accounts, without their names.

use std::collections::BTreeSet;

use crate::account::habit::{DayRecord, Share, Usual};
use crate::act::number_of;

/// Days and accounts from which on a profession is known.
const KNOWN_DAYS: u32 = 60;
const KNOWN_ACCOUNTS: usize = 5;
/// One account's day counts for no more patients than this.
const DAY_MOST: u16 = 200;
/// After so many days the older ones count half.
const DAYS_MOST: u32 = 20_000;
/// Of so many days, one may be above what is called usual.
const ONE_IN: u32 = 500;

/// Days of a profession's accounts.
#[derive(Debug)]
pub(super) struct Peers {
    /// How many days had how much that cards caught up with.
    caught_up: [u32; 256],
    days: u32,
    without: u64,
    with: u64,
    /// The first accounts, until there are enough.
    accounts: BTreeSet<u64>,
}

impl Default for Peers {
    fn default() -> Self {
        Self {
            caught_up: [0; 256],
            days: 0,
            without: 0,
            with: 0,
            accounts: BTreeSet::new(),
        }
    }
}

impl Peers {
    /// Notes a day.
    pub(super) fn note(&mut self, subject: &str, day: &DayRecord) {
        if self.accounts.len() < KNOWN_ACCOUNTS {
            self.accounts.insert(number_of(subject.as_bytes()));
        }
        if self.days >= DAYS_MOST {
            self.halve();
        }
        self.days += 1;
        self.without += u64::from(day.fresh.min(DAY_MOST));
        self.with += u64::from(day.shown.min(DAY_MOST));
        let place = self.caught_up.get_mut(usize::from(day.caught_up.min(255)));
        if let Some(count) = place {
            *count += 1;
        }
    }

    /// What is usual, in one word that can be published: how far ahead, and of a thousand patients
    /// how many come with a card.
    pub(super) fn pack(&self) -> u64 {
        let all = self.without + self.with;
        if self.days < KNOWN_DAYS || self.accounts.len() < KNOWN_ACCOUNTS || all == 0 {
            return 0;
        }
        let with = self.with * 1_000 / all;
        1 << 63 | u64::from(self.usually_ahead()) << 16 | with
    }

    /// What all but one day in five hundred stay below.
    fn usually_ahead(&self) -> u16 {
        let mut above = self.days / ONE_IN;
        for (ahead, count) in self.caught_up.iter().enumerate().rev() {
            if *count > above {
                return u16::try_from(ahead).unwrap_or(u16::MAX);
            }
            above -= count;
        }
        0
    }

    fn halve(&mut self) {
        for count in &mut self.caught_up {
            *count /= 2;
        }
        self.days = self.caught_up.iter().sum();
        self.without /= 2;
        self.with /= 2;
    }
}

/// What was published.
pub(super) fn unpack(word: u64) -> Usual {
    if word == 0 {
        return Usual::default();
    }
    let with = u32::try_from(word & 0xffff).unwrap_or(0);
    let ahead = u16::try_from((word >> 16) & 0xffff).unwrap_or(0);
    let share = Share {
        without: 1_000_u32.saturating_sub(with),
        with,
    };
    Usual {
        share: (with > 0).then_some(share),
        ahead: (with > 0 || ahead > 0).then_some(ahead),
        ..Usual::default()
    }
}

#[cfg(test)]
mod tests {
    use super::{Peers, unpack};
    use crate::account::habit::{DayRecord, Usual};

    fn day(fresh: u16, shown: u16, caught_up: u16) -> DayRecord {
        DayRecord {
            day: 1,
            fresh,
            shown,
            caught_up,
            ..DayRecord::default()
        }
    }

    #[test]
    fn a_profession_is_known_by_enough_accounts() {
        let mut peers = Peers::default();
        for number in 0..100 {
            peers.note(&format!("sub-{}", number % 4), &day(10, 30, 6));
        }
        assert_eq!(unpack(peers.pack()), Usual::default());
        peers.note("sub-4", &day(10, 30, 6));
        let usual = unpack(peers.pack());
        assert_eq!(usual.ahead, Some(6));
        assert!(usual.is_mostly_with_card());
    }

    #[test]
    fn one_day_in_five_hundred_does_not_make_it_usual() {
        let mut peers = Peers::default();
        for number in 0..999 {
            peers.note(&format!("sub-{}", number % 40), &day(10, 30, 6));
        }
        peers.note("sub-1", &day(10, 30, 200));
        assert_eq!(unpack(peers.pack()).ahead, Some(6));
    }

    #[test]
    fn old_days_fade() {
        let mut peers = Peers::default();
        for number in 0..100_000 {
            peers.note(&format!("sub-{}", number % 40), &day(10, 30, 6));
        }
        assert!(peers.days <= 20_000);
    }
}
