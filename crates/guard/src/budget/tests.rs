//! The windows agree with a model that keeps every look-up and counts them one by one.

use std::collections::{BTreeMap, BTreeSet};

use super::{DAY_MS, Days, KnownPatients, Recent, Sight, day_of};
use crate::Patient;

/// A small generator of our own: the same numbers in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// Each patient's last look-up without a card, unless the card came after it.
#[derive(Default)]
struct Naive {
    last: BTreeMap<u64, i64>,
}

impl Naive {
    fn within(&self, window: i64, at: i64) -> u32 {
        let inside = self.last.values().filter(|time| **time > at - window);
        u32::try_from(inside.count()).unwrap()
    }

    fn in_days(&self, days: u32, today: u32) -> u32 {
        let inside = |time: &&i64| day_of(**time) + days > today;
        u32::try_from(self.last.values().filter(inside).count()).unwrap()
    }
}

#[test]
fn windows_agree_with_a_model_that_counts_one_by_one() {
    for seed in 1..40_u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (mut recent, mut known) = (Recent::default(), KnownPatients::default());
        let (mut days, mut naive) = (Days::default(), Naive::default());
        let panel = 5 + dice.below(300);
        let mut at = 1_795_996_800_000 + i64::try_from(dice.below(86_400_000)).unwrap();
        let mut ever = BTreeSet::new();
        for _ in 0..1_500 {
            at += pause(&mut dice);
            let today = day_of(at);
            days.advance(today);
            let name = dice.below(panel);
            let patient = Patient::from_pseudonym(&name.to_string());
            let sight = known.look(patient, today, false);
            assert_eq!(
                sight == Sight::New,
                !ever.contains(&name) || old(&naive, name, today)
            );
            if let Sight::Seen { day, .. } = sight {
                days.take(day);
            }
            days.add();
            recent.note(patient, at, sight == Sight::New, 100_000);
            ever.insert(name);
            naive.last.insert(name, at);
            for window in [MINUTE, HOUR, DAY_MS] {
                assert_eq!(
                    recent.within(window, at),
                    naive.within(window, at),
                    "seed {seed}"
                );
            }
            for window in [1, 7, 30] {
                let counted = days.within(window);
                assert_eq!(counted, naive.in_days(window, today), "seed {seed}");
            }
        }
    }
}

fn old(naive: &Naive, name: u64, today: u32) -> bool {
    naive
        .last
        .get(&name)
        .is_some_and(|at| day_of(*at) + 35 < today)
}

/// Mostly seconds, at times a night, seldom weeks.
fn pause(dice: &mut Dice) -> i64 {
    let bound = match dice.below(100) {
        0..60 => 20_000,
        60..95 => 1_200_000,
        95..99 => 50_000_000,
        _ => 2_000_000_000,
    };
    i64::try_from(dice.below(bound)).unwrap()
}

#[test]
fn a_patient_whose_card_is_seen_leaves_the_windows() {
    let mut recent = Recent::default();
    for name in 0..40_u32 {
        let patient = Patient::from_pseudonym(&name.to_string());
        recent.note(patient, i64::from(name) * 1_000, true, 1_000);
    }
    assert_eq!(recent.within(HOUR, 40_000), 40);
    recent.take(Patient::from_pseudonym("7"));
    recent.take(Patient::from_pseudonym("unheard of"));
    assert_eq!(recent.within(HOUR, 40_000), 39);
    assert_eq!(recent.within(10_000, 39_000), 10);
}

#[test]
fn a_flood_of_patients_fills_the_list_no_further_than_its_bound() {
    let mut recent = Recent::default();
    for name in 0..10_000_u32 {
        let patient = Patient::from_pseudonym(&name.to_string());
        recent.note(patient, 1_000, true, 500);
    }
    assert_eq!(recent.len(), 500);
    assert_eq!(recent.within(MINUTE, 1_000), 500);
    assert!(recent.heap_bytes() < 12 * 700);
}
