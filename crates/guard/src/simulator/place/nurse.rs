//! A home-care nurse: the same 35 people each day, and all of them again for the evening's bills.
//!
//! Self-employed nurses visit 30 to 40 patients a day, most for weeks (Cour des comptes, reports on
//! nursing care at home).

use super::Worker;
use crate::simulator::calendar::Day;
use crate::simulator::desk::Desk;
use crate::simulator::event::Event;
use crate::simulator::patients::Patients;
use crate::simulator::random::{milliseconds, rounded};
use crate::simulator::scale::Scale;

/// One nurse.
pub struct Nurse {
    desk: Desk,
    scale: Scale,
    round: Vec<u64>,
}

impl Nurse {
    /// The account's round.
    #[must_use]
    pub fn new(account: u32, place: u64, seed: u64, scale: Scale) -> Self {
        let mut patients = Patients::new(place, 1, 1.0);
        let round = (0..rounded(35.0 * scale.volume))
            .map(|_| patients.newcomer())
            .collect();
        let mut desk = Desk::new(account, seed, patients);
        desk.again = 0.1;
        Self { desk, scale, round }
    }
}

impl Worker for Nurse {
    fn work(&mut self, day: &Day, out: &mut Vec<Event>) {
        // Two nurses share a round, seven days each.
        if (day.number / 7 + self.desk.account).is_multiple_of(2) && day.rests() {
            return;
        }
        let ends = Scale::share(0.03, self.scale.newcomers);
        for patient in &mut self.round {
            if self.desk.random.chance(ends) {
                *patient = self.desk.patients.newcomer();
            }
        }
        let unread = Scale::share(0.6, self.scale.unread);
        let mut at = day.at(6.5);
        for (number, patient) in self.round.clone().into_iter().enumerate() {
            if number == self.round.len() * 2 / 3 {
                at = day.at(16.5);
            }
            let present = !self.desk.random.chance(unread);
            self.desk.serve(day, at, patient, present, out);
            at += milliseconds(self.desk.random.log_normal(720.0, 0.4));
        }
        let list = self.round.clone();
        let hour = self.desk.random.between(20.0, 21.5);
        self.desk.work_through(day, hour, 25.0, &list, out);
    }
}
