//! Other accounts that do the same at the same time.

use crate::Reason;
use crate::decision::ReasonCode;

/// Accounts at once that may be chance.
pub(crate) const BY_CHANCE: u32 = 4;

/// Fires for an account that walks through new patients without a card while more others do than
/// chance explains.
pub(crate) fn signal(others: u32, is_walking: bool) -> Option<Reason> {
    let fires = is_walking && others > BY_CHANCE;
    fires.then(|| Reason::new(ReasonCode::OthersToo, others, BY_CHANCE))
}

#[cfg(test)]
mod tests {
    use super::signal;

    #[test]
    fn a_campaign_counts_against_those_who_take_part() {
        assert_eq!(signal(5, true).unwrap().code(), "others_too");
        assert_eq!(signal(4, true), None);
        assert_eq!(signal(19, false), None);
    }
}
