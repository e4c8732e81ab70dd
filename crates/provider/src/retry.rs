//! How deliveries to clients are tried again: logout tokens and pushed security events.

use time::Duration;

use crate::Error;

/// How long a node may take over one delivery; then another may try it. Longer than the time that a
/// client is given to answer, with what waits before it.
pub(crate) const LEASE: Duration = Duration::seconds(60);
/// The wait after a first failure; each further one doubles it.
const WAIT_FIRST: Duration = Duration::seconds(2);
/// The longest wait: a portal that is back is told within so long. How often one that is down is
/// tried at all, the server bounds by client.
const WAIT_MAX: Duration = Duration::minutes(1);

/// Doubles with each failure up to a limit; the second half of it is random, so that what failed
/// together is not tried together.
pub(crate) fn wait_after(attempts: i64) -> Result<Duration, Error> {
    let doublings = u32::try_from(attempts.saturating_sub(1))
        .unwrap_or(0)
        .min(16);
    let longest = (WAIT_FIRST * 2_i32.saturating_pow(doublings)).min(WAIT_MAX);
    let half = longest / 2;
    Ok(half + half * crate::secret::random_share()?)
}

#[cfg(test)]
mod tests {
    use super::{WAIT_FIRST, WAIT_MAX, wait_after};

    #[test]
    fn waits_double_to_a_limit_and_differ() {
        for (attempts, longest) in [
            (1, WAIT_FIRST),
            (2, WAIT_FIRST * 2),
            (5, WAIT_FIRST * 16),
            (9, WAIT_MAX),
            (100_000, WAIT_MAX),
        ] {
            let waits: Vec<_> = (0..50).map(|_| wait_after(attempts).unwrap()).collect();
            let within = |wait: &time::Duration| longest / 2 <= *wait && *wait <= longest;
            assert!(waits.iter().all(within), "{attempts}");
            assert!(waits.iter().any(|wait| *wait != waits[0]), "{attempts}");
        }
    }
}
