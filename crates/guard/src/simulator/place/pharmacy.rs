//! A pharmacy's one account, behind all its counters.
//!
//! Some 20 000 pharmacies in France receive about four million visits a day (Ordre national des
//! pharmaciens): 200 a pharmacy, most with a prescription, so 190 patients looked up at the median.
//! The busiest, in stations and hypermarkets, serve several thousand a day at a dozen counters and
//! more. A third of the card readings fail or are forgone where the card is forgotten, a relative
//! comes, or the prescription came by telephone; we take a seventh to a quarter.

use super::Worker;
use crate::simulator::calendar::Day;
use crate::simulator::desk::{Desk, arrivals};
use crate::simulator::event::Event;
use crate::simulator::patients::Patients;
use crate::simulator::random::milliseconds;
use crate::simulator::scale::Scale;

/// What tells one pharmacy from another.
#[derive(Clone, Debug)]
pub struct Size {
    patients_a_day: f64,
    /// From, to and weight of each part of the day.
    hours: &'static [(f64, f64, f64)],
    saturday: f64,
    sunday: f64,
    counters: u32,
    regulars: u32,
    newcomers: f64,
    unread: f64,
    /// Residents of nursing homes whose weekly boxes are prepared here; one weekday a home.
    homes: &'static [(u8, u64)],
    /// The counters hold no more than so many times the usual.
    demand_most: f64,
    /// Queues that are served at dozens of patients a minute, each day.
    rushes: f64,
}

impl Size {
    /// A village: lunch from twelve to two, closed on Saturday afternoon.
    pub const SMALL: Self = Self {
        patients_a_day: 70.0,
        hours: &[
            (9.0, 10.0, 0.8),
            (10.0, 12.2, 1.4),
            (14.0, 17.0, 0.8),
            (17.0, 19.0, 1.3),
        ],
        saturday: 0.5,
        sunday: 0.0,
        counters: 1,
        regulars: 1_400,
        newcomers: 0.06,
        unread: 0.18,
        homes: &[],
        demand_most: 3.0,
        rushes: 0.0,
    };
    /// A town.
    pub const MEDIAN: Self = Self {
        patients_a_day: 190.0,
        hours: &[
            (8.75, 10.0, 0.8),
            (10.0, 12.5, 1.3),
            (14.0, 16.5, 0.8),
            (16.5, 19.25, 1.4),
        ],
        saturday: 0.8,
        sunday: 0.0,
        counters: 3,
        regulars: 4_000,
        newcomers: 0.1,
        unread: 0.15,
        homes: &[(1, 64)],
        demand_most: 3.0,
        rushes: 0.2,
    };
    /// The busiest in the country: a station, open at lunch and on Sunday.
    pub const BUSIEST: Self = Self {
        patients_a_day: 1_800.0,
        hours: &[
            (8.0, 9.5, 1.4),
            (9.5, 12.0, 0.8),
            (12.0, 14.0, 1.4),
            (14.0, 17.0, 0.8),
            (17.0, 20.0, 1.4),
        ],
        saturday: 1.1,
        sunday: 0.5,
        counters: 14,
        regulars: 20_000,
        newcomers: 0.35,
        unread: 0.14,
        homes: &[(1, 85), (3, 90)],
        // Fourteen people at twenty patients an hour: the queue is what grows.
        demand_most: 1.5,
        rushes: 4.0,
    };
}

/// A pharmacy.
pub struct Pharmacy {
    size: Size,
    scale: Scale,
    desk: Desk,
    /// Nights and Sundays on call come round every so many days.
    turn: u32,
}

/// One night on call in about 25, one Sunday in eight: the usual turns of a sector (ARS).
const NIGHT_EVERY: u32 = 25;
const SUNDAY_EVERY: u32 = 56;

impl Pharmacy {
    /// The account's pharmacy; `place` numbers its patients, so that a locum can share them.
    #[must_use]
    pub fn new(account: u32, place: u64, seed: u64, size: Size, scale: Scale) -> Self {
        let patients = Patients::new(place, size.regulars, 0.55);
        let mut desk = Desk::new(account, seed, patients);
        desk.workstations = size.counters;
        Self {
            size,
            scale,
            turn: account.wrapping_mul(7),
            desk,
        }
    }

    fn counter(&mut self, day: &Day, expected: f64, out: &mut Vec<Event>) {
        let moments = arrivals(day, &mut self.desk.random, expected, self.size.hours);
        for at in moments {
            self.patient(day, at, self.size.newcomers, self.size.unread, out);
        }
    }

    /// A queue after the surgery next door closed, or a train came in: dozens a minute at the
    /// counters for some minutes.
    fn rush(&mut self, day: &Day, out: &mut Vec<Event>) {
        for _ in 0..self.desk.random.poisson(self.size.rushes) {
            let hour = if self.desk.random.chance(0.5) {
                self.desk.random.between(10.0, 12.0)
            } else {
                self.desk.random.between(17.0, 18.9)
            };
            let minutes = self.desk.random.between(2.0, 6.0);
            let a_minute = f64::from(self.size.counters) * self.desk.random.between(1.2, 2.4);
            let from = day.at(hour);
            for _ in 0..self.desk.random.poisson(minutes * a_minute) {
                let at = from + milliseconds(self.desk.random.between(0.0, minutes * 60.0));
                self.patient(day, at, self.size.newcomers, self.size.unread, out);
            }
        }
    }

    fn patient(&mut self, day: &Day, at: i64, newcomers: f64, unread: f64, out: &mut Vec<Event>) {
        let newcomers = Scale::share(newcomers, self.scale.newcomers);
        let unread = Scale::share(unread, self.scale.unread);
        let patient = self.desk.patients.next(&mut self.desk.random, newcomers);
        let present = !self.desk.random.chance(unread);
        self.desk.serve(day, at, patient, present, out);
        // A parent fetches a child's medicine too: the same card bears the child.
        if self.desk.random.chance(0.07) {
            let other = self.desk.patients.next(&mut self.desk.random, newcomers);
            let soon = at + milliseconds(self.desk.random.log_normal(40.0, 0.4));
            self.desk.serve(day, soon, other, present, out);
        }
    }

    /// Quiet hours: weekly boxes of nursing homes, and prescriptions that came by mail.
    fn stock(&mut self, day: &Day, out: &mut Vec<Event>) {
        for (home, (weekday, residents)) in self.size.homes.iter().enumerate() {
            if *weekday != day.weekday {
                continue;
            }
            let first = 0x4000_0000 + 1_000 * home as u64;
            // Rooms change hands: one in forty a week.
            let moved = u64::from(day.number / 7) * (residents / 40);
            let list: Vec<u64> = (moved..residents + moved)
                .map(|room| self.desk.patients.number(first + room))
                .collect();
            let hour = self.desk.random.between(14.0, 15.0);
            self.desk.work_through(day, hour, 32.0, &list, out);
        }
        let expected = self.size.patients_a_day.min(400.0) * 0.05 * self.scale.volume;
        let count = self.desk.random.poisson(expected);
        let list: Vec<u64> = (0..count)
            .map(|_| self.desk.patients.regular(&mut self.desk.random))
            .collect();
        let hour = self.desk.random.between(14.2, 16.0);
        self.desk.work_through(day, hour, 50.0, &list, out);
    }

    /// Strangers through the night, cards often at home.
    fn on_call(&mut self, day: &Day, hours: &[(f64, f64, f64)], out: &mut Vec<Event>) {
        let expected = 22.0 * day.demand * self.scale.volume;
        for at in arrivals(day, &mut self.desk.random, expected, hours) {
            self.patient(day, at, 0.6, 0.3, out);
        }
    }
}

impl Worker for Pharmacy {
    fn work(&mut self, day: &Day, out: &mut Vec<Event>) {
        let opening = match day.weekday {
            _ if day.rests() => self.size.sunday,
            5 => self.size.saturday,
            _ => 1.0,
        };
        // Vaccination: an eighth more, by appointment, spread over the day.
        let campaign = if day.vaccinating { 1.12 } else { 1.0 };
        let demand = day.demand.min(self.size.demand_most);
        let expected = self.size.patients_a_day * opening * demand * campaign * self.scale.volume;
        self.counter(day, expected, out);
        if opening > 0.0 {
            self.rush(day, out);
        }
        if opening >= 1.0 {
            self.stock(day, out);
        }
        let turn = day.number + self.turn;
        if day.rests() && turn % SUNDAY_EVERY < 7 && self.size.sunday == 0.0 {
            self.on_call(day, &[(9.0, 12.5, 1.5), (14.5, 19.0, 1.0)], out);
        } else if turn.is_multiple_of(NIGHT_EVERY) {
            self.on_call(
                day,
                &[(19.5, 23.5, 2.0), (23.5, 30.0, 0.4), (30.0, 32.0, 1.0)],
                out,
            );
        }
    }
}
