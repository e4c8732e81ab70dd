//! What is kept of an account, and who decides over it.

use serde::{Deserialize, Serialize};

use crate::{Act, Decision, Rules};

/// All that is kept of one subject at one service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AccountState {}

/// Decides over acts, with all accounts in this process.
#[derive(Debug)]
pub struct Decider {
    rules: Rules,
}

impl Decider {
    /// A decider that has seen nothing yet.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self { rules }
    }

    /// The rules that it decides by.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Decides over one act, and remembers it.
    #[must_use]
    pub fn decide(&self, _act: &Act) -> Decision {
        Decision::allow()
    }

    /// The subject's card has signed anew: a bounded budget is restored. Without a session it
    /// counts for all of the subject's.
    pub fn fresh_signature(&self, _subject: &str, _session: Option<&str>, _at: i64) {}

    /// An operator lets the account act at this service again.
    pub fn lift(&self, _subject: &str, _service: &str, _at: i64) {}
}
