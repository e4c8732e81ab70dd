//! Numbers in sequence or by steps of the check digit, as the portal's adapter saw them before it
//! made pseudonyms of them.

use crate::Reason;
use crate::decision::ReasonCode;

/// Look-ups in sequence that are no chance.
const IN_SEQUENCE: u32 = 5;

/// Fires at five look-ups in sequence, others taken off twice.
pub(crate) fn signal(in_sequence: u32) -> Option<Reason> {
    let is_walk = in_sequence >= IN_SEQUENCE;
    is_walk.then(|| Reason::new(ReasonCode::Sequence, in_sequence, IN_SEQUENCE))
}

#[cfg(test)]
mod tests {
    use super::signal;

    #[test]
    fn neighbours_come_by_chance_but_not_five() {
        assert_eq!(signal(4), None);
        assert_eq!(signal(5).unwrap().code(), "sequence");
    }
}
