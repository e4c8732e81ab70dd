//! Nobody known before among many patients, where that is not usual.

use crate::Reason;
use crate::decision::ReasonCode;

/// Of a hundred patients, how many are usually known where a day without them says something.
const USUALLY_KNOWN_PERCENT: u8 = 20;
/// New patients from which on their day says something.
const NEW: u32 = 20;

/// Fires when usually every fifth patient is known, and today not even every twentieth.
pub(crate) fn signal(usually: Option<u8>, new_today: u32, known_today: u32) -> Option<Reason> {
    let is_usual = usually.is_some_and(|percent| percent >= USUALLY_KNOWN_PERCENT);
    let fires = is_usual && new_today >= NEW && known_today * 20 < new_today;
    fires.then(|| Reason::new(ReasonCode::NobodyKnown, known_today, new_today))
}

#[cfg(test)]
mod tests {
    use super::signal;

    #[test]
    fn regulars_come_every_day() {
        assert_eq!(signal(Some(30), 40, 0).unwrap().code(), "nobody_known");
        assert_eq!(signal(Some(30), 40, 2), None);
        assert_eq!(signal(Some(30), 19, 0), None, "too few to tell");
    }

    #[test]
    fn where_everybody_is_new_it_says_nothing() {
        assert_eq!(signal(Some(19), 40, 0), None);
        assert_eq!(signal(None, 40, 0), None);
    }
}
