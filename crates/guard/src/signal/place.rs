//! A place that the account never worked at, and two places at once.

use crate::Reason;
use crate::decision::ReasonCode;

/// Days from which on an account's places are known.
const KNOWN_AFTER_DAYS: u32 = 5;
/// Changes between a new place and a known one that a day may have.
const CHANGES: u32 = 2;

/// Fires at a place that is new today, for an account that has had others for some days.
pub(crate) fn new_place(known_elsewhere: Option<u32>, age_days: u32) -> Option<Reason> {
    let known = known_elsewhere.filter(|_| age_days >= KNOWN_AFTER_DAYS)?;
    Some(Reason::new(ReasonCode::NewPlace, known, age_days))
}

/// Fires when the account went back and forth between a new place and a known one within minutes.
pub(crate) fn two_places(changes: u32, age_days: u32) -> Option<Reason> {
    let fires = changes > CHANGES && age_days >= KNOWN_AFTER_DAYS;
    fires.then(|| Reason::new(ReasonCode::TwoPlaces, changes, CHANGES))
}

#[cfg(test)]
mod tests {
    use super::{new_place, two_places};

    #[test]
    fn a_place_is_new_to_an_account_that_has_others() {
        assert_eq!(new_place(Some(1), 5).unwrap().code(), "new_place");
        assert_eq!(new_place(None, 5), None);
        assert_eq!(new_place(Some(1), 4), None);
    }

    #[test]
    fn nobody_is_at_two_places() {
        assert_eq!(two_places(3, 5).unwrap().code(), "two_places");
        assert_eq!(two_places(2, 5), None, "there and back");
        assert_eq!(two_places(3, 4), None);
    }
}
