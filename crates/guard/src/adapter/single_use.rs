//! Nonces that were used.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::AdapterError;

/// Nonces that are remembered: forty seconds of 5 000 look-ups a second, or 650 patients a second
/// whose cards were read.
const NONCES_MAX: usize = 200_000;
/// Between two looks at all of them; where there is no room any more, and where there is.
const SWEPT_EVERY_MS: [i64; 2] = [5_000, 60_000];

#[derive(Debug, Default)]
pub(super) struct SingleUse(Mutex<Nonces>);

#[derive(Debug, Default)]
struct Nonces {
    until: HashMap<String, i64>,
    swept_at: i64,
}

impl SingleUse {
    /// Uses a nonce up, which could be good until then.
    pub(super) fn take(&self, nonce: &str, until: i64, now: i64) -> Result<(), AdapterError> {
        let mut nonces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let [full, usual] = SWEPT_EVERY_MS;
        let is_full = nonces.until.len() >= NONCES_MAX;
        // Seldom: a sweep looks at all of them.
        if now.saturating_sub(nonces.swept_at) > if is_full { full } else { usual } {
            nonces.swept_at = now;
            nonces.until.retain(|_, until| *until > now);
        }
        if nonces.until.get(nonce).is_some_and(|until| *until > now) {
            return Err(AdapterError::StatementReplayed);
        }
        // Forgetting one would let it in again.
        if nonces.until.len() >= NONCES_MAX {
            return Err(AdapterError::StatementsTooMany);
        }
        nonces.until.insert(nonce.to_owned(), until);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{NONCES_MAX, SingleUse};

    #[test]
    fn a_nonce_is_good_once_and_a_full_memory_lets_none_in() {
        let memory = SingleUse::default();
        assert!(memory.take("n", 100, 0).is_ok());
        let again = memory.take("n", 199, 99).unwrap_err();
        assert_eq!(again.code(), "guard.statement_replayed");
        assert!(memory.take("n", 200, 100).is_ok());
        for number in 1..NONCES_MAX {
            let until = if number == 1 { 6_000 } else { 60_000 };
            memory.take(&number.to_string(), until, 100).unwrap();
        }
        // None goes before its time, and one that goes makes room for one.
        for (now, is_good) in [
            (150, false),
            (5_900, true),
            (5_950, false),
            (11_100, true),
            (11_200, false),
        ] {
            let name = format!("at {now}");
            let taken = memory.take(&name, 90_000, now);
            let code = taken.as_ref().err().map(|it| it.code());
            assert_eq!(taken.is_ok(), is_good, "{now}");
            assert!(is_good || code == Some("guard.statements_too_many"));
        }
    }
}
