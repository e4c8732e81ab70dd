//! Nonces that were used.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::AdapterError;
use super::statement::{CLOCK_SKEW_MS, PRESENCE_LIFE_MS};

/// Nonces that are remembered: five minutes of 650 look-ups a second.
const NONCES_MAX: usize = 200_000;
/// How long one is remembered: as long as anything that carries it can be good.
const REMEMBERED_MS: i64 = PRESENCE_LIFE_MS + CLOCK_SKEW_MS * 2;

#[derive(Debug, Default)]
pub(super) struct SingleUse(Mutex<Nonces>);

#[derive(Debug, Default)]
struct Nonces {
    until: HashMap<String, i64>,
    swept_at: i64,
}

impl SingleUse {
    /// Uses a nonce up.
    pub(super) fn take(&self, nonce: &str, now: i64) -> Result<(), AdapterError> {
        let mut nonces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = nonces.until.len() >= NONCES_MAX;
        // Seldom: a sweep looks at all of them.
        if now.saturating_sub(nonces.swept_at) > REMEMBERED_MS / if is_full { 30 } else { 2 } {
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
        nonces.until.insert(nonce.to_owned(), now + REMEMBERED_MS);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{NONCES_MAX, REMEMBERED_MS, SingleUse};

    #[test]
    fn a_nonce_is_good_once_and_a_full_memory_lets_none_in() {
        let memory = SingleUse::default();
        assert!(memory.take("n", 0).is_ok());
        let again = memory.take("n", REMEMBERED_MS - 1).unwrap_err();
        assert_eq!(again.code(), "guard.statement_replayed");
        assert!(memory.take("n", REMEMBERED_MS * 2).is_ok());
        let now = REMEMBERED_MS * 2;
        for number in 1..NONCES_MAX {
            memory.take(&number.to_string(), now).unwrap();
        }
        let refused = memory.take("more", now).unwrap_err();
        assert_eq!(refused.code(), "guard.statements_too_many");
        assert!(memory.take("more", now + REMEMBERED_MS + 1).is_ok());
    }
}
