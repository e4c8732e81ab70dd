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
