//! Places of care, and who works there.

pub mod emergency;
pub mod laboratory;
pub mod nurse;
pub mod pharmacy;
pub mod physician;
pub mod secretary;
pub mod unattended;
pub mod ward;

use super::calendar::Day;
use super::event::Event;

/// An account's owner (or robot) at work.
pub trait Worker {
    /// Adds the day's look-ups, in any order; none later than the following day.
    fn work(&mut self, day: &Day, out: &mut Vec<Event>);
}

/// An owner who is away for some days: a fortnight's holiday, or all the time before she began.
pub struct Away<W> {
    /// Who works otherwise.
    pub worker: W,
    /// When not.
    pub days: std::ops::Range<u32>,
}

impl<W: Worker> Worker for Away<W> {
    fn work(&mut self, day: &Day, out: &mut Vec<Event>) {
        if !self.days.contains(&day.number) {
            self.worker.work(day, out);
        }
    }
}
