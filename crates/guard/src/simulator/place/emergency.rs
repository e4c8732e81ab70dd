//! An emergency department's admission desk: strangers all day, half of them without a card.
//!
//! Some 20 million passages a year in about 700 departments (DREES): 80 a day each, and more than
//! 200 in the largest. One desk takes a shift's share.

use super::Worker;
use crate::simulator::calendar::Day;
use crate::simulator::desk::{Desk, arrivals};
use crate::simulator::event::Event;
use crate::simulator::patients::Patients;
use crate::simulator::scale::Scale;

/// One account of a department.
pub struct Emergency {
    desk: Desk,
    scale: Scale,
}

impl Emergency {
    /// The account's department.
    #[must_use]
    pub fn new(account: u32, place: u64, seed: u64, scale: Scale) -> Self {
        let mut desk = Desk::new(account, seed, Patients::new(place, 3_000, 0.5));
        desk.again = 0.9;
        desk.workstations = 2;
        Self { desk, scale }
    }
}

impl Worker for Emergency {
    fn work(&mut self, day: &Day, out: &mut Vec<Event>) {
        // Two days of twelve hours in four; every other account works at night.
        if (day.number / 2 + self.desk.account).is_multiple_of(2) {
            return;
        }
        let night = self.desk.account % 4 > 1;
        let (expected, hours): (f64, &[(f64, f64, f64)]) = if night {
            (38.0, &[(19.5, 24.0, 1.5), (24.0, 31.0, 0.6)])
        } else {
            (62.0, &[(7.5, 10.0, 0.7), (10.0, 19.5, 1.1)])
        };
        let expected = expected * day.demand * self.scale.volume;
        let newcomers = Scale::share(0.8, self.scale.newcomers);
        let unread = Scale::share(0.45, self.scale.unread);
        for at in arrivals(day, &mut self.desk.random, expected, hours) {
            let patient = self.desk.patients.next(&mut self.desk.random, newcomers);
            let present = !self.desk.random.chance(unread);
            self.desk.serve(day, at, patient, present, out);
        }
    }
}
