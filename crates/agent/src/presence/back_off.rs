//! How long to wait before connecting again: longer each time, and spread out, because a server
//! that restarts loses all its agents in the same second.

use std::time::Duration;

/// Longest first wait; each failure doubles it.
const FIRST_MAX: Duration = Duration::from_secs(1);
/// Longest wait of all: well under the server's grace period, so that one failure costs no session.
const WAIT_MAX: Duration = Duration::from_secs(15);

/// The waits between tries to connect.
#[derive(Debug, Default)]
pub(super) struct BackOff {
    failures: u32,
    spread: Duration,
}

impl BackOff {
    /// The next wait: anything between nothing and the present maximum ("full jitter").
    pub(super) fn next_wait(&mut self) -> Duration {
        let mut random = [0; 2];
        // Without randomness the longest wait is as good as any.
        let share = match openssl::rand::rand_bytes(&mut random) {
            Ok(()) => f64::from(u16::from_be_bytes(random)) / f64::from(u16::MAX),
            Err(_) => 1.0,
        };
        let wait_max = FIRST_MAX
            .saturating_mul(1 << self.failures.min(8))
            .max(std::mem::take(&mut self.spread))
            .min(WAIT_MAX);
        self.failures = self.failures.saturating_add(1);
        wait_max.mul_f64(share)
    }

    /// The server asks its agents to spread their next tries over so long, up to the longest wait.
    pub(super) fn spread(&mut self, over: Duration) {
        self.spread = over;
    }

    /// The connection worked: begin anew.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_limit_and_differ() {
        let mut back_off = BackOff::default();
        assert!(back_off.next_wait() <= FIRST_MAX);
        let waits: Vec<_> = (0..200).map(|_| back_off.next_wait()).collect();
        assert!(waits.iter().all(|wait| *wait <= WAIT_MAX));
        assert!(waits.iter().any(|wait| *wait > WAIT_MAX / 2));
        assert!(waits.iter().any(|wait| *wait < WAIT_MAX / 2));
        back_off.reset();
        assert!(back_off.next_wait() <= FIRST_MAX);
    }

    /// How many of so many agents come back in each tenth of the longest wait.
    fn tenths(agents: usize, longest: Duration, wait: impl Fn() -> Duration) -> [usize; 10] {
        let mut tenths = [0; 10];
        for _ in 0..agents {
            let share = wait().as_secs_f64() / longest.as_secs_f64();
            let tenth = (0..9).find(|tenth| share < f64::from(tenth + 1) / 10.0);
            tenths[usize::try_from(tenth.unwrap_or(9)).unwrap()] += 1;
        }
        tenths
    }

    /// A restart loses all agents in one moment: they come back evenly, not in waves. A tenth of
    /// 10 000 is 1 000 with a standard deviation of 30; beyond seven of them is no chance.
    #[test]
    fn ten_thousand_agents_come_back_evenly_over_the_time_that_the_server_asks_for() {
        const AGENTS: usize = 10_000;
        let even = |tenths: [usize; 10]| {
            assert!(
                tenths.iter().all(|tenth| (790..=1_210).contains(tenth)),
                "{tenths:?}"
            );
        };
        // The server said so as it stopped.
        even(tenths(AGENTS, WAIT_MAX, || {
            let mut back_off = BackOff::default();
            back_off.spread(Duration::from_secs(15));
            back_off.next_wait()
        }));
        // It was killed and said nothing, and the first tries failed.
        for failures in 0..8 {
            let longest = FIRST_MAX.saturating_mul(1 << failures).min(WAIT_MAX);
            even(tenths(AGENTS, longest, || {
                let mut back_off = BackOff {
                    failures,
                    ..BackOff::default()
                };
                back_off.next_wait()
            }));
        }
    }

    #[test]
    fn a_server_that_asks_for_it_has_its_agents_spread_once_and_within_the_limit() {
        let first_wait = |seconds| {
            let mut back_off = BackOff::default();
            back_off.spread(Duration::from_secs(seconds));
            let waits = (back_off.next_wait(), back_off.next_wait());
            assert!(waits.1 <= FIRST_MAX * 2, "once: {waits:?}");
            waits.0
        };
        let waits: Vec<_> = (0..200).map(|_| first_wait(10)).collect();
        assert!(waits.iter().all(|wait| *wait <= Duration::from_secs(10)));
        assert!(waits.iter().any(|wait| *wait > Duration::from_secs(5)));
        assert!(first_wait(200) <= WAIT_MAX);
    }
}
