//! Where patients are looked up, with what people do besides: look twice, click twice, mistype.

use super::calendar::Day;
use super::event::{Author, Event};
use super::patients::Patients;
use super::random::{Random, milliseconds};

/// One account at its place.
#[derive(Clone, Debug)]
pub struct Desk {
    /// Which of the traffic's accounts.
    pub account: u32,
    /// How many workstations stand there; a session serves them all.
    pub workstations: u32,
    /// How often a patient is looked up a second time, minutes later.
    pub again: f64,
    /// Her chance.
    pub random: Random,
    /// Her place's patients.
    pub patients: Patients,
}

/// A hundred and more numbers are typed a day where a card can't be read: one in a hundred wrong.
const MISTYPED: f64 = 0.01;
/// Impatient second clicks, within a second.
const DOUBLE_CLICK: f64 = 0.03;

impl Desk {
    /// An account's desk with one workstation.
    #[must_use]
    pub fn new(account: u32, seed: u64, patients: Patients) -> Self {
        Self {
            account,
            workstations: 1,
            again: 0.3,
            random: Random::new(seed, u64::from(account)),
            patients,
        }
    }

    /// Looks one patient up, with all that goes with it.
    pub fn serve(&mut self, day: &Day, at: i64, patient: u64, present: bool, out: &mut Vec<Event>) {
        let source = self.workstation();
        let mut at = at;
        if !present && self.random.chance(MISTYPED) {
            let wrong = self.random.bits() | (1 << 63);
            self.look_up(day, at, wrong, false, source, out);
            at += milliseconds(self.random.log_normal(12.0, 0.4));
        }
        self.look_up(day, at, patient, present, source, out);
        if self.random.chance(DOUBLE_CLICK) {
            let soon = at + milliseconds(self.random.between(0.2, 0.9));
            self.look_up(day, soon, patient, present, source, out);
        }
        if self.random.chance(self.again) {
            let later = at + milliseconds(self.random.log_normal(240.0, 0.7));
            // The card has been handed back by then, more often than not.
            let still = present && self.random.chance(0.4);
            self.look_up(day, later, patient, still, source, out);
        }
    }

    /// Works through a list without any patient there, one after another: her own rhythm of
    /// `median` seconds, and now and then the telephone.
    pub fn work_through(
        &mut self,
        day: &Day,
        hour: f64,
        median: f64,
        list: &[u64],
        out: &mut Vec<Event>,
    ) {
        let source = self.workstation();
        let mut at = day.at(hour);
        for patient in list {
            self.look_up(day, at, *patient, false, source, out);
            at += milliseconds(self.random.log_normal(median, 0.45));
            if self.random.chance(0.04) {
                at += milliseconds(self.random.exponential(180.0));
            }
        }
    }

    fn workstation(&mut self) -> u32 {
        let which = self.random.below(u64::from(self.workstations));
        self.account * 32 + u32::try_from(which).unwrap_or(0)
    }

    fn look_up(
        &self,
        day: &Day,
        at: i64,
        patient: u64,
        present: bool,
        source: u32,
        out: &mut Vec<Event>,
    ) {
        out.push(Event {
            at,
            account: self.account,
            patient,
            present,
            session: session(self.account, day, at),
            source,
            author: Author::Person,
            sequence: false,
        });
    }
}

/// Sessions last four hours at most (Cardea's own limit): six parts of a day.
#[must_use]
pub fn session(account: u32, day: &Day, at: i64) -> u64 {
    let part = u64::try_from((at - day.midnight).max(0) / (4 * 3_600_000)).unwrap_or(0);
    (u64::from(account) << 32) | (u64::from(day.number) << 8) | part
}

/// Draws moments of arrival between `hours`, each weighing as much as its third member says.
#[must_use]
pub fn arrivals(
    day: &Day,
    random: &mut Random,
    expected: f64,
    hours: &[(f64, f64, f64)],
) -> Vec<i64> {
    let total: f64 = hours
        .iter()
        .map(|(from, to, weight)| (to - from) * weight)
        .sum();
    let mut moments = Vec::new();
    for (from, to, weight) in hours {
        let count = random.poisson(expected * (to - from) * weight / total.max(f64::EPSILON));
        moments.extend((0..count).map(|_| day.at(random.between(*from, *to))));
    }
    moments.sort_unstable();
    moments
}
