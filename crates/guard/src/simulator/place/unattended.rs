//! A service without a person: rights are checked when a card is read, around the clock.

use super::Worker;
use crate::simulator::calendar::Day;
use crate::simulator::desk::{Desk, arrivals};
use crate::simulator::event::Event;
use crate::simulator::patients::Patients;
use crate::simulator::scale::Scale;

/// A hospital's reception kiosks behind one client.
pub struct Unattended {
    desk: Desk,
    scale: Scale,
}

impl Unattended {
    /// The account's kiosks.
    #[must_use]
    pub fn new(account: u32, place: u64, seed: u64, scale: Scale) -> Self {
        let mut desk = Desk::new(account, seed, Patients::new(place, 40_000, 0.4));
        desk.workstations = 8;
        desk.again = 0.05;
        Self { desk, scale }
    }
}

impl Worker for Unattended {
    fn work(&mut self, day: &Day, out: &mut Vec<Event>) {
        let resting = if day.rests() || day.weekday == 5 {
            0.3
        } else {
            1.0
        };
        let expected = 1_200.0 * resting * day.demand * self.scale.volume;
        let hours = [
            (0.0, 6.5, 0.1),
            (6.5, 9.5, 2.0),
            (9.5, 17.5, 1.2),
            (17.5, 24.0, 0.3),
        ];
        for at in arrivals(day, &mut self.desk.random, expected, &hours) {
            let patient = self.desk.patients.next(&mut self.desk.random, 0.3);
            // Newborns and the unconscious are checked by number.
            let present = !self
                .desk
                .random
                .chance(Scale::share(0.02, self.scale.unread));
            self.desk.serve(day, at, patient, present, out);
        }
    }
}
