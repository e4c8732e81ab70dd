//! A laboratory: blood is drawn before breakfast, and results go out in the afternoon.
//!
//! A site of medical biology receives 100 to 150 patients a day; half its work is done by ten.

use super::Worker;
use crate::simulator::calendar::Day;
use crate::simulator::desk::{Desk, arrivals};
use crate::simulator::event::Event;
use crate::simulator::patients::Patients;
use crate::simulator::scale::Scale;

/// A site's account.
pub struct Laboratory {
    desk: Desk,
    scale: Scale,
}

impl Laboratory {
    /// The account's site.
    #[must_use]
    pub fn new(account: u32, place: u64, seed: u64, scale: Scale) -> Self {
        let mut desk = Desk::new(account, seed, Patients::new(place, 6_000, 0.4));
        desk.workstations = 3;
        Self { desk, scale }
    }
}

impl Worker for Laboratory {
    fn work(&mut self, day: &Day, out: &mut Vec<Event>) {
        if day.rests() {
            return;
        }
        let saturday = if day.weekday == 5 { 0.6 } else { 1.0 };
        let expected = 120.0 * saturday * day.demand * self.scale.volume;
        let newcomers = Scale::share(0.3, self.scale.newcomers);
        let unread = Scale::share(0.25, self.scale.unread);
        let mut samples = Vec::new();
        let hours = [(7.0, 10.5, 2.5), (10.5, 12.5, 0.8), (13.5, 17.0, 0.4)];
        for at in arrivals(day, &mut self.desk.random, expected, &hours) {
            let patient = self.desk.patients.next(&mut self.desk.random, newcomers);
            let present = !self.desk.random.chance(unread);
            self.desk.serve(day, at, patient, present, out);
            samples.push(patient);
        }
        if day.weekday < 5 {
            // Tubes that nurses bring, whose people have never been here.
            let brought = self.desk.random.poisson(20.0 * self.scale.volume);
            let tubes: Vec<u64> = (0..brought)
                .map(|_| self.desk.patients.next(&mut self.desk.random, newcomers))
                .collect();
            self.desk.work_through(day, 11.5, 70.0, &tubes, out);
            samples.extend(tubes);
            self.desk.work_through(day, 14.5, 20.0, &samples, out);
        }
    }
}
