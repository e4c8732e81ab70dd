//! An hour at which the account never works.

use crate::Reason;
use crate::decision::ReasonCode;

/// Days with work from which on an account's hours are known.
const KNOWN_AFTER_DAYS: u16 = 10;

/// Fires at an hour that is not within one of those worked in during the last four weeks.
pub(crate) fn signal(knows_hour: bool, hour: usize, days_known: u16) -> Option<Reason> {
    let fires = !knows_hour && days_known >= KNOWN_AFTER_DAYS;
    let hour = u32::try_from(hour).unwrap_or(0);
    fires.then(|| Reason::new(ReasonCode::UnusualHour, hour, 28))
}

#[cfg(test)]
mod tests {
    use super::signal;

    #[test]
    fn an_hour_is_unusual_for_an_account_with_usual_ones() {
        assert_eq!(signal(false, 3, 10).unwrap().count(), 3);
        assert_eq!(signal(true, 3, 10), None);
        assert_eq!(signal(false, 3, 9), None);
    }
}
