//! Bounds on guessing the codes that suspend cards (attack L1).
//!
//! A code has 50 secret bits: at these bounds no number of strangers finds one. Wrong codes are
//! counted by the part that finds a card's row, whether or not there is such a row, so that the
//! bound tells nobody which codes exist; and all together, which bounds what their slow digests
//! cost. Addresses have their own count (`rate_limit.rs`). Counts live in memory and are bounded.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Wrong tries of one code, and the time that they count for.
const FAILURES_OF_CODE_MAX: u32 = 30;
const CODE_WINDOW: Duration = Duration::from_secs(60 * 60);
/// Wrong tries of all codes in a minute: some three seconds of one processor.
const FAILURES_MAX: u32 = 600;
const WINDOW: Duration = Duration::from_secs(60);
/// Codes with a count of their own; as many again may be.
const CODES_MAX: usize = 20_000;

/// Counts wrong codes.
#[derive(Debug, Default)]
pub(crate) struct SuspendThrottle(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    all: Option<Count>,
    newer: HashMap<String, Count>,
    /// Forgotten as a whole once the newer ones are too many.
    older: HashMap<String, Count>,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    since: Instant,
    tries: u32,
}

/// A try that was let in, and counts as wrong until it is given back.
#[derive(Debug)]
#[must_use = "a right code is given back"]
pub(crate) struct Try<'a> {
    throttle: &'a SuspendThrottle,
    lookup: String,
}

impl SuspendThrottle {
    /// Counts a try before anything is looked up; none when there were too many wrong ones.
    pub(crate) fn admit(&self, lookup: &str) -> Option<Try<'_>> {
        self.admit_at(lookup, Instant::now())
    }

    fn admit_at(&self, lookup: &str, now: Instant) -> Option<Try<'_>> {
        let mut counts = self.lock();
        let all = counts.all(now);
        if all.tries >= FAILURES_MAX {
            return None;
        }
        let of_code = counts.of_code(lookup, now);
        if of_code.tries >= FAILURES_OF_CODE_MAX {
            return None;
        }
        of_code.tries += 1;
        counts.all(now).tries += 1;
        drop(counts);
        Some(Try {
            throttle: self,
            lookup: lookup.to_owned(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Try<'_> {
    /// The code was right.
    pub(crate) fn give_back(self) {
        let mut counts = self.throttle.lock();
        if let Some(all) = counts.all.as_mut() {
            all.tries = all.tries.saturating_sub(1);
        }
        if let Some(of_code) = counts.newer.get_mut(&self.lookup) {
            of_code.tries = of_code.tries.saturating_sub(1);
        }
    }
}

impl Count {
    fn fresh(since: Instant) -> Self {
        Self { since, tries: 0 }
    }

    fn begin_again_after(&mut self, window: Duration, now: Instant) {
        if now.saturating_duration_since(self.since) >= window {
            *self = Self::fresh(now);
        }
    }
}

impl Counts {
    fn all(&mut self, now: Instant) -> &mut Count {
        let all = self.all.get_or_insert_with(|| Count::fresh(now));
        all.begin_again_after(WINDOW, now);
        all
    }

    fn of_code(&mut self, lookup: &str, now: Instant) -> &mut Count {
        if self.newer.len() >= CODES_MAX && !self.newer.contains_key(lookup) {
            self.older = std::mem::take(&mut self.newer);
        }
        let known = self.older.remove(lookup);
        let count = self
            .newer
            .entry(lookup.to_owned())
            .or_insert_with(|| known.unwrap_or_else(|| Count::fresh(now)));
        count.begin_again_after(CODE_WINDOW, now);
        count
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::{CODE_WINDOW, CODES_MAX, SuspendThrottle, WINDOW};

    fn admitted(throttle: &SuspendThrottle, lookup: &str, now: Instant) -> bool {
        throttle.admit_at(lookup, now).is_some()
    }

    #[test]
    fn l1_a_code_is_tried_wrongly_thirty_times_an_hour() {
        let throttle = SuspendThrottle::default();
        let now = Instant::now();
        let tries = (0..100).filter(|_| admitted(&throttle, "ABCDE", now));
        assert_eq!(tries.count(), 30);
        assert!(admitted(&throttle, "ABCDF", now), "another code is not");
        assert!(!admitted(&throttle, "ABCDE", now + WINDOW));
        assert!(admitted(&throttle, "ABCDE", now + CODE_WINDOW));
    }

    #[test]
    fn a_right_code_does_not_count() {
        let throttle = SuspendThrottle::default();
        let now = Instant::now();
        for _ in 0..1000 {
            throttle.admit_at("ABCDE", now).unwrap().give_back();
        }
        assert!(admitted(&throttle, "ABCDE", now));
    }

    #[test]
    fn l1_all_codes_together_are_bounded_and_so_is_memory() {
        let throttle = SuspendThrottle::default();
        let mut now = Instant::now();
        let tries = (0..2000).filter(|it| admitted(&throttle, &format!("{it}"), now));
        assert_eq!(tries.count(), 600);
        for number in 0..(3 * CODES_MAX) {
            if number % 500 == 0 {
                now += WINDOW;
            }
            assert!(admitted(&throttle, &format!("n{number}"), now));
        }
        let counts = throttle.lock();
        assert!(counts.newer.len() <= CODES_MAX && counts.older.len() <= CODES_MAX);
    }
}
