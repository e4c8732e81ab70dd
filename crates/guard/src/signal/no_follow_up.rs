//! Look-ups that nothing is done with, where the portal says what is.

use crate::Reason;
use crate::decision::ReasonCode;

/// Look-ups in a row without any act that followed.
const IN_A_ROW: u32 = 20;

/// Fires at twenty look-ups in a row of which the portal says that nothing followed.
pub(crate) fn signal(in_a_row: u32) -> Option<Reason> {
    (in_a_row >= IN_A_ROW).then(|| Reason::new(ReasonCode::NoFollowUp, in_a_row, IN_A_ROW))
}

#[cfg(test)]
mod tests {
    use super::signal;

    #[test]
    fn now_and_then_something_follows() {
        assert_eq!(signal(19), None);
        assert_eq!(signal(20).unwrap().code(), "no_follow_up");
    }
}
