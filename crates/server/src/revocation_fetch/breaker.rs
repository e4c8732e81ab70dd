//! The circuit breaker of one address: who does not answer is left alone for a while, longer each
//! time, and then tried by one request at a time.
//!
//! Without it every login would wait for a dead responder, and a responder that comes back under
//! load would be met by all logins at once (attack B12).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use time::{Duration, OffsetDateTime};

/// The first pause, at most.
const PAUSE_FIRST: Duration = Duration::seconds(1);
/// The longest pause: how late a recovery may be noticed.
const PAUSE_MAX: Duration = Duration::seconds(60);
/// Doublings after which the pause is at its longest.
const DOUBLINGS_MAX: u32 = 6;

/// Whether an address may be asked now.
#[derive(Debug)]
pub(super) struct Breaker {
    /// Failures in a row that open it.
    failures_max: u32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// Pauses in a row without a success between them.
    pauses: u32,
    paused_until: Option<OffsetDateTime>,
    is_probed: bool,
    /// Counts the pauses ever made: what began before a pause says nothing about what comes
    /// after.
    generation: u64,
}

/// Leave to ask once. Dropped without a word, it leaves everything as it was: nothing was learnt of
/// the address, and whoever asks next probes in its stead.
#[derive(Debug)]
pub(super) struct Permit {
    breaker: Arc<Breaker>,
    generation: u64,
    is_probe: bool,
}

impl Breaker {
    pub(super) fn new(failures_max: u32) -> Arc<Self> {
        Arc::new(Self {
            failures_max,
            state: Mutex::default(),
        })
    }

    /// Leave to ask at `now`; none while the address is left alone, or is being tried by another.
    pub(super) fn permit(self: &Arc<Self>, now: OffsetDateTime) -> Option<Permit> {
        let mut state = self.lock();
        let is_probe = match state.paused_until {
            None => false,
            Some(until) if now < until || state.is_probed => return None,
            Some(_) => true,
        };
        state.is_probed |= is_probe;
        Some(Permit {
            breaker: Arc::clone(self),
            generation: state.generation,
            is_probe,
        })
    }

    /// Whether it is left alone at `now`.
    pub(super) fn is_paused(&self, now: OffsetDateTime) -> bool {
        self.lock().paused_until.is_some_and(|until| now < until)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// Whether this is the first to ask after a pause.
    pub(super) fn is_probe(&self) -> bool {
        self.is_probe
    }

    /// The address answered: it may be asked freely again.
    pub(super) fn succeeded(self) {
        let mut state = self.breaker.lock();
        state.failures = 0;
        state.pauses = 0;
        state.paused_until = None;
    }

    /// Nothing was learnt of the address, for better or worse: a probe is over, and all else stays.
    pub(super) fn said_nothing(self) {}

    /// The address did not answer. `jitter` from 0 to 255 spreads the nodes of one installation
    /// over the second half of the pause. True when a pause begins.
    pub(super) fn failed(self, now: OffsetDateTime, jitter: u8) -> bool {
        let mut state = self.breaker.lock();
        if self.generation != state.generation {
            // Asked before a pause that others' failures have begun meanwhile: the same fault,
            // which must not count twice.
            return false;
        }
        state.failures = state.failures.saturating_add(1);
        if !self.is_probe && state.failures < self.breaker.failures_max {
            return false;
        }
        let whole = PAUSE_MAX.min(PAUSE_FIRST * 2_i32.pow(state.pauses.min(DOUBLINGS_MAX)));
        let pause = whole / 2 + whole / 2 * i32::from(jitter) / 255;
        state.paused_until = Some(now + pause);
        state.pauses = state.pauses.saturating_add(1);
        state.generation = state.generation.wrapping_add(1);
        true
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.is_probe {
            self.breaker.lock().is_probed = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use time::ext::NumericalDuration;
    use time::{Duration, OffsetDateTime};

    use super::Breaker;

    const START: OffsetDateTime = time::macros::datetime!(2026-03-02 12:00 UTC);
    const LONGEST: u8 = 255;

    #[test]
    fn it_opens_after_failures_in_a_row_alone() {
        let breaker = Breaker::new(3);
        let fail = || breaker.permit(START).unwrap().failed(START, LONGEST);
        assert!(!fail() && !fail());
        breaker.permit(START).unwrap().succeeded();
        assert!(!fail() && !fail());
        assert!(breaker.permit(START).is_some());
        assert!(fail());
        assert!(breaker.permit(START).is_none());
    }

    #[test]
    fn what_says_nothing_neither_forgives_nor_blames_and_ends_a_probe() {
        let breaker = Breaker::new(2);
        let permit = |at| breaker.permit(at).unwrap();
        permit(START).failed(START, LONGEST);
        for _ in 0..5 {
            permit(START).said_nothing();
        }
        assert!(permit(START).failed(START, LONGEST), "the second failure");
        let later = START + 2.seconds();
        permit(later).said_nothing();
        let probe = permit(later);
        assert!(probe.is_probe(), "another has to find out");
        assert!(breaker.permit(later).is_none());
    }

    #[test]
    fn each_pause_is_twice_the_last_up_to_a_minute() {
        let breaker = Breaker::new(1);
        let mut now = START;
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert!(breaker.permit(now).unwrap().failed(now, LONGEST));
            let end = now + Duration::seconds(seconds);
            assert!(breaker.permit(end - 1.milliseconds()).is_none());
            now = end;
        }
        breaker.permit(now).unwrap().succeeded();
        assert!(breaker.permit(now).unwrap().failed(now, LONGEST));
        assert!(breaker.permit(now + 1.seconds()).is_some());
    }

    #[test]
    fn jitter_takes_up_to_half_of_the_pause() {
        for (jitter, milliseconds) in [(0, 500), (255, 1000)] {
            let breaker = Breaker::new(1);
            breaker.permit(START).unwrap().failed(START, jitter);
            let end = START + Duration::milliseconds(milliseconds);
            assert!(breaker.permit(end - 1.milliseconds()).is_none());
            assert!(breaker.permit(end).is_some());
        }
    }

    #[test]
    fn after_a_pause_one_at_a_time_tries() {
        let breaker = Breaker::new(1);
        breaker.permit(START).unwrap().failed(START, LONGEST);
        let later = START + 2.seconds();
        let probe = breaker.permit(later).unwrap();
        assert!(breaker.permit(later).is_none(), "another probes");
        drop(probe);
        let probe = breaker.permit(later).expect("the probe was given up");
        probe.succeeded();
        let (first, second) = (breaker.permit(later), breaker.permit(later));
        assert!(first.is_some() && second.is_some());
    }

    #[test]
    fn failures_of_one_outage_count_once() {
        let breaker = Breaker::new(1);
        let asked: Vec<_> = (0..10).map(|_| breaker.permit(START).unwrap()).collect();
        let opened = asked
            .into_iter()
            .map(|permit| permit.failed(START, LONGEST))
            .filter(|opened| *opened)
            .count();
        assert_eq!(opened, 1);
        assert!(breaker.permit(START + 1.seconds()).is_some());
    }
}
