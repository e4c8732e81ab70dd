//! Time as the agent may use it: only as it passes, never as the workstation's clock tells it.
//!
//! Workstation clocks are wrong, so nothing that is decided is ever compared with the wall clock:
//! the issuer's own `iat` plus the time that went by here since the challenge came in is "now" for
//! the issuer. But how much time has passed since a log was seen that the issuer may hold back, no
//! time of the issuer's can say (docs/ledger.md).

use std::time::{Duration, Instant};

/// Longest lifetime of a challenge that the agent goes along with.
pub(crate) const CHALLENGE_LIFETIME_MAX: Duration = Duration::from_secs(600);

/// This workstation's own time, in unix seconds. It may be wrong by years: only for what is shown
/// to its user, and for how much has passed since it was asked last; never for a decision alone.
#[expect(
    clippy::disallowed_methods,
    reason = "the only use of the workstation's clock"
)]
pub(crate) fn workstation_seconds() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

/// The lifetime of one challenge, measured from its arrival by the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChallengeLifetime {
    arrived: Instant,
    issued_at: i64,
    lifetime: Duration,
}

impl ChallengeLifetime {
    /// A challenge issued and expiring at these times (unix seconds) of the issuer's clock.
    ///
    /// `None` when it lives for no time at all or for longer than [`CHALLENGE_LIFETIME_MAX`].
    pub(crate) fn new(arrived: Instant, issued_at: i64, expires_at: i64) -> Option<Self> {
        let seconds = u64::try_from(expires_at.checked_sub(issued_at)?).ok()?;
        let lifetime = Duration::from_secs(seconds);
        (lifetime > Duration::ZERO && lifetime <= CHALLENGE_LIFETIME_MAX).then_some(Self {
            arrived,
            issued_at,
            lifetime,
        })
    }

    /// What is left of it. It may have aged before it came here; the server decides that.
    pub(crate) fn remaining(&self) -> Duration {
        self.lifetime.saturating_sub(self.arrived.elapsed())
    }

    /// The moment when it ends.
    pub(crate) fn deadline(&self) -> Instant {
        self.arrived + self.lifetime
    }

    /// Now, in unix seconds of the issuer's clock, as far as the agent can know it.
    pub(crate) fn issuer_now(&self) -> i64 {
        let elapsed = i64::try_from(self.arrived.elapsed().as_secs()).unwrap_or(i64::MAX);
        self.issued_at.saturating_add(elapsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_are_positive_and_bounded() {
        let cases = [
            (0, 120, true),
            (0, 600, true),
            (0, 601, false),
            (5, 5, false),
            (5, 4, false),
        ];
        for (issued_at, expires_at, accepted) in cases {
            let lifetime = ChallengeLifetime::new(Instant::now(), issued_at, expires_at);
            assert_eq!(lifetime.is_some(), accepted, "{issued_at}..{expires_at}");
        }
        assert!(ChallengeLifetime::new(Instant::now(), i64::MIN, i64::MAX).is_none());
    }

    #[test]
    fn the_issuers_time_goes_on_by_the_monotonic_clock() {
        let arrived = Instant::now().checked_sub(Duration::from_secs(7)).unwrap();
        let lifetime = ChallengeLifetime::new(arrived, 1_000, 1_120).unwrap();
        assert_eq!(lifetime.issuer_now(), 1_007);
        assert!(lifetime.remaining() <= Duration::from_secs(113));
    }
}
