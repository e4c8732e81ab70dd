//! Hours without a pause.

use crate::Reason;
use crate::decision::ReasonCode;

/// A gap of this length is a pause.
pub(crate) const PAUSE_MS: i64 = 15 * 60_000;
/// Minutes within which people pause.
const MINUTES_MOST: u32 = 360;

/// Fires after six hours without a quarter of an hour's pause.
pub(crate) fn signal(busy_since: i64, now: i64) -> Option<Reason> {
    let minutes = u32::try_from((now - busy_since) / 60_000).unwrap_or(0);
    (minutes >= MINUTES_MOST).then(|| Reason::new(ReasonCode::NoPause, minutes, MINUTES_MOST))
}

#[cfg(test)]
mod tests {
    use super::signal;

    #[test]
    fn people_pause_within_six_hours() {
        assert_eq!(signal(1_000, 1_000 + 359 * 60_000), None);
        assert_eq!(signal(1_000, 1_000 + 360 * 60_000).unwrap().count(), 360);
    }
}
