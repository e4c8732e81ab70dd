//! Physicians: in their surgery, on home visits, on the screen, and with the evening's results.
//!
//! A general practitioner in France sees about 22 patients a day (DREES, panel of general
//! practitioners) out of about 1 000 who have named her theirs (Assurance Maladie). Most cards are
//! read for billing.

use super::Worker;
use crate::simulator::calendar::Day;
use crate::simulator::desk::{Desk, arrivals};
use crate::simulator::event::Event;
use crate::simulator::patients::Patients;
use crate::simulator::scale::Scale;

/// A general practitioner with her own patients.
pub struct GeneralPractitioner {
    desk: Desk,
    scale: Scale,
    /// The weekday on which she does not see anybody.
    free: u8,
}

impl GeneralPractitioner {
    /// The account's surgery.
    #[must_use]
    pub fn new(account: u32, place: u64, seed: u64, scale: Scale) -> Self {
        let mut desk = Desk::new(account, seed, Patients::new(place, 1_100, 0.4));
        // The record is opened again for the letter and the prescription.
        desk.again = 0.6;
        let free = u8::try_from(desk.random.below(5)).unwrap_or(3);
        Self { desk, scale, free }
    }

    fn see(&mut self, day: &Day, moments: Vec<i64>, unread: f64, out: &mut Vec<Event>) {
        let newcomers = Scale::share(0.08, self.scale.newcomers);
        for at in moments {
            let patient = self.desk.patients.next(&mut self.desk.random, newcomers);
            let present = !self
                .desk
                .random
                .chance(Scale::share(unread, self.scale.unread));
            self.desk.serve(day, at, patient, present, out);
        }
    }
}

impl Worker for GeneralPractitioner {
    fn work(&mut self, day: &Day, out: &mut Vec<Event>) {
        if day.rests() || day.weekday == self.free {
            return;
        }
        // Her day has no room for three times as many.
        let busy = day.demand.min(1.8) * self.scale.volume;
        if day.weekday == 5 {
            let moments = arrivals(day, &mut self.desk.random, 10.0 * busy, &[(8.5, 12.0, 1.0)]);
            return self.see(day, moments, 0.2, out);
        }
        let hours = [(8.5, 12.25, 1.0), (14.0, 19.0, 1.0)];
        let moments = arrivals(day, &mut self.desk.random, 19.0 * busy, &hours);
        self.see(day, moments, 0.2, out);
        // Home visits: her portable reader stays in the bag more often than not.
        let moments = arrivals(
            day,
            &mut self.desk.random,
            2.5 * busy,
            &[(12.25, 14.0, 1.0)],
        );
        self.see(day, moments, 0.7, out);
        let moments = arrivals(day, &mut self.desk.random, 3.0 * busy, &[(8.0, 19.5, 1.0)]);
        self.see(day, moments, 1.0, out);
        let results = self.desk.random.poisson(16.0 * busy);
        let list: Vec<u64> = (0..results)
            .map(|_| self.desk.patients.regular(&mut self.desk.random))
            .collect();
        let hour = self.desk.random.between(18.75, 20.0);
        self.desk.work_through(day, hour, 45.0, &list, out);
    }
}

/// A physician on the screen only: strangers, one after another, and never a card.
pub struct Teleconsultant {
    desk: Desk,
    scale: Scale,
}

impl Teleconsultant {
    /// The account's platform. Some six an hour, which the platforms advertise.
    #[must_use]
    pub fn new(account: u32, place: u64, seed: u64, scale: Scale) -> Self {
        let mut desk = Desk::new(account, seed, Patients::new(place, 400, 0.4));
        desk.again = 0.6;
        Self { desk, scale }
    }
}

impl Worker for Teleconsultant {
    fn work(&mut self, day: &Day, out: &mut Vec<Event>) {
        // Four days a week, weekends as well.
        if (day.number + self.desk.account) % 7 > 3 {
            return;
        }
        let expected = 36.0 * day.demand.min(1.5) * self.scale.volume;
        let hours = [(9.0, 12.5, 1.0), (13.5, 16.5, 1.0)];
        for at in arrivals(day, &mut self.desk.random, expected, &hours) {
            let patient = self.desk.patients.next(&mut self.desk.random, 0.9);
            self.desk.serve(day, at, patient, false, out);
        }
    }
}
