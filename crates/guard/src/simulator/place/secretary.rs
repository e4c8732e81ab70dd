//! A health centre's secretary: the telephone all morning, and hardly ever a card.
//!
//! The centre has six physicians with 20 appointments a day each; she answers for them all.

use super::Worker;
use crate::simulator::calendar::Day;
use crate::simulator::desk::{Desk, arrivals};
use crate::simulator::event::Event;
use crate::simulator::patients::Patients;
use crate::simulator::scale::Scale;

/// One secretary.
pub struct Secretary {
    desk: Desk,
    scale: Scale,
}

impl Secretary {
    /// The account's centre.
    #[must_use]
    pub fn new(account: u32, place: u64, seed: u64, scale: Scale) -> Self {
        Self {
            desk: Desk::new(account, seed, Patients::new(place, 5_500, 0.5)),
            scale,
        }
    }
}

impl Worker for Secretary {
    fn work(&mut self, day: &Day, out: &mut Vec<Event>) {
        if day.rests() || day.weekday == 5 {
            return;
        }
        let busy = day.demand * self.scale.volume;
        let newcomers = Scale::share(0.07, self.scale.newcomers);
        let monday = if day.weekday == 0 { 1.3 } else { 1.0 };
        let telephone = [(8.0, 10.5, 2.2), (10.5, 12.5, 1.0), (13.5, 17.5, 0.6)];
        for at in arrivals(day, &mut self.desk.random, 70.0 * busy * monday, &telephone) {
            let patient = self.desk.patients.next(&mut self.desk.random, newcomers);
            self.desk.serve(day, at, patient, false, out);
        }
        let desk = [(8.5, 12.5, 1.0), (13.5, 18.0, 1.0)];
        for at in arrivals(day, &mut self.desk.random, 45.0 * busy, &desk) {
            let patient = self.desk.patients.next(&mut self.desk.random, newcomers);
            let present = !self
                .desk
                .random
                .chance(Scale::share(0.4, self.scale.unread));
            self.desk.serve(day, at, patient, present, out);
        }
    }
}
