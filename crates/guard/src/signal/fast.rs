//! Patients faster than a person reads.

use crate::Reason;
use crate::decision::ReasonCode;

/// Distinct patients in a minute that nobody reads one after another.
const IN_A_MINUTE: u32 = 12;

/// Fires at twelve distinct patients without a card within a minute.
pub(crate) fn signal(in_last_minute: u32) -> Option<Reason> {
    let is_fast = in_last_minute >= IN_A_MINUTE;
    is_fast.then(|| Reason::new(ReasonCode::Fast, in_last_minute, IN_A_MINUTE))
}

#[cfg(test)]
mod tests {
    use super::signal;

    #[test]
    fn a_person_reads_what_was_looked_up() {
        assert_eq!(signal(11), None);
        assert_eq!(signal(12).unwrap().code(), "fast");
    }
}
