//! Answers of agents that are not in the database yet: one statement notes many.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The sessions that answered since the last look, with the keys of their connections.
#[derive(Debug, Default)]
pub(crate) struct Leases(Mutex<HashMap<String, String>>);

impl Leases {
    /// Notes that a session's agent answered.
    pub(super) fn note(&self, session_id: &str, jkt: &str) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(session_id.to_owned(), jkt.to_owned());
    }

    /// Takes all notes out.
    pub(crate) fn take(&self) -> HashMap<String, String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::Leases;

    #[test]
    fn a_session_that_answers_twice_is_noted_once_and_taken_once() {
        let leases = Leases::default();
        leases.note("session", "key");
        leases.note("session", "key");
        leases.note("another", "another key");
        assert_eq!(leases.take().len(), 2);
        assert!(leases.take().is_empty());
    }
}
