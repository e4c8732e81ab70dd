//! A hospital ward: the same patients each day, rounds, admissions, three shifts.
//!
//! A medical ward has about 28 beds and a mean stay of five to six days (DREES, statistics of
//! hospitals); nobody reads the card of somebody in bed.

use super::Worker;
use crate::simulator::calendar::Day;
use crate::simulator::desk::Desk;
use crate::simulator::event::Event;
use crate::simulator::patients::Patients;
use crate::simulator::random::{Random, milliseconds};
use crate::simulator::scale::Scale;

/// One of the accounts of a ward.
pub struct Ward {
    desk: Desk,
    /// The ward's own chance: each account of the ward sees the same beds.
    beds_random: Random,
    beds: Vec<u64>,
    today: u32,
    scale: Scale,
    shift: u32,
}

const BEDS: u64 = 28;

impl Ward {
    /// The account's ward; accounts with the same place share its patients.
    #[must_use]
    pub fn new(account: u32, place: u64, seed: u64, scale: Scale) -> Self {
        let mut patients = Patients::new(place, 1, 1.0);
        let beds = (0..BEDS).map(|_| patients.newcomer()).collect();
        let mut desk = Desk::new(account, seed, patients);
        desk.again = 0.5;
        Self {
            desk,
            beds_random: Random::new(seed, place << 8),
            beds,
            today: 0,
            scale,
            shift: account % 3,
        }
    }

    /// Somebody leaves, somebody comes: also on the days when this account's owner is at home.
    fn turn_over(&mut self, day: &Day) {
        let leaves = Scale::share(0.18 * day.demand, self.scale.newcomers);
        while self.today < day.number {
            self.today += 1;
            for bed in &mut self.beds {
                if self.beds_random.chance(leaves) {
                    *bed = self.desk.patients.newcomer();
                }
            }
        }
    }
}

impl Worker for Ward {
    fn work(&mut self, day: &Day, out: &mut Vec<Event>) {
        self.turn_over(day);
        // Five days of seven; the days off move from week to week.
        if (day.number * 3 + self.desk.account) % 7 > 4 {
            return;
        }
        // Handing over, then rounds: an early, a late and a night shift.
        let rounds: [f64; 4] = match self.shift {
            0 => [6.75, 8.0, 11.5, 13.3],
            1 => [13.75, 15.5, 18.5, 20.3],
            _ => [20.75, 22.0, 26.0, 30.0],
        };
        for round in rounds {
            let mut at = day.at(round + self.desk.random.between(0.0, 0.3));
            for patient in self.beds.clone() {
                if self.desk.random.chance(0.85) {
                    self.desk.serve(day, at, patient, false, out);
                    at += milliseconds(self.desk.random.log_normal(75.0, 0.6));
                }
            }
        }
    }
}
