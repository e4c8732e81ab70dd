//! Distinct patients without a card in the last minute, hour and day, to the millisecond.

use serde::{Deserialize, Serialize};

use super::DAY_MS;
use crate::Patient;

/// The patients of the last day, each once, in the order of the last look-up.
///
/// A window's count is then where its beginning falls in the list of times: exact, and no counter
/// that could drift. Times are offsets, so that an entry has twelve bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recent {
    base: i64,
    times: Vec<u32>,
    patients: Vec<u64>,
    /// How many at the front are over a day old and wait for being taken out together.
    dead: u32,
}

impl Recent {
    /// Notes a patient at `at`, which is never before what was noted. `is_new` spares the search
    /// where the patient can't be in the list.
    pub(crate) fn note(&mut self, patient: Patient, at: i64, is_new: bool, entries_max: usize) {
        self.forget(at);
        if !is_new {
            self.take(patient);
        }
        if self.times.is_empty() {
            self.base = at;
        }
        if self.times.len() >= entries_max.max(1) {
            self.drop_front(1);
        }
        let offset = u32::try_from(at - self.base).unwrap_or(u32::MAX);
        // What grows by doubling is half empty; there are many accounts.
        if self.times.len() == self.times.capacity() {
            let more = (self.times.len() / 4).max(4);
            self.times.reserve_exact(more);
            self.patients.reserve_exact(more);
        }
        self.times.push(offset);
        self.patients.push(patient.number());
    }

    /// Takes a patient out whose card has been seen.
    pub(crate) fn take(&mut self, patient: Patient) {
        let number = patient.number();
        if let Some(index) = self.patients.iter().rposition(|it| *it == number) {
            self.patients.remove(index);
            self.times.remove(index);
            if index < self.front() {
                self.dead -= 1;
            }
        }
    }

    /// Distinct patients in the last `window_ms` before `at`.
    pub(crate) fn within(&self, window_ms: i64, at: i64) -> u32 {
        let first = at - self.base - window_ms;
        // A look-up exactly a window ago is out of it.
        let before = self.times.partition_point(|time| i64::from(*time) <= first);
        u32::try_from(self.times.len() - before).unwrap_or(u32::MAX)
    }

    /// The times between the last `count` entries, newest first, in milliseconds.
    pub(crate) fn intervals(&self, count: usize) -> impl Iterator<Item = u32> + '_ {
        let newest = self.times.iter().rev();
        let older = newest.clone().skip(1);
        newest
            .zip(older)
            .map(|(late, early)| late.saturating_sub(*early))
            .take(count)
    }

    /// Entries that are held now.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.times.len()
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.times.capacity() * 4 + self.patients.capacity() * 8
    }

    fn front(&self) -> usize {
        usize::try_from(self.dead).unwrap_or(0)
    }

    /// Forgets what is over a day old, many at a time: moving the rest costs.
    fn forget(&mut self, at: i64) {
        let first = at - self.base - DAY_MS;
        // Time goes on: what was old stays so, and few become it at once.
        let mut old = self.front();
        while self
            .times
            .get(old)
            .is_some_and(|time| i64::from(*time) <= first)
        {
            old += 1;
        }
        self.dead = u32::try_from(old).unwrap_or(0);
        let is_worth_it = old == self.times.len() || old > 16 + self.times.len() / 4;
        if old > 0 && is_worth_it {
            self.drop_front(old);
        }
        // Offsets must not run over: they are taken anew from the oldest that is left.
        if at - self.base > 16 * DAY_MS {
            self.drop_front(self.front());
            let shift = self.times.first().copied().unwrap_or(0);
            self.base += i64::from(shift);
            for time in &mut self.times {
                *time -= shift;
            }
        }
    }

    fn drop_front(&mut self, count: usize) {
        let count = count.min(self.times.len());
        self.times.drain(..count);
        self.patients.drain(..count);
        self.dead = self.dead.saturating_sub(u32::try_from(count).unwrap_or(0));
    }
}
