//! What the guard answers, and why.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What the guard says to an act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What to do.
    pub answer: Answer,
    /// Why; empty when the act is allowed.
    pub reasons: Vec<Reason>,
}

impl Decision {
    /// Nothing to object.
    #[must_use]
    pub fn allow() -> Self {
        Self {
            answer: Answer::Allow,
            reasons: Vec::new(),
        }
    }
}

/// What to do, mild first. Only `Allow` lets the act be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The act goes on.
    Allow,
    /// A fresh signature of the card is asked first.
    StepUp,
    /// Not now: after the wait, and with a fresh signature.
    Slow {
        /// How long to wait.
        wait: Duration,
    },
    /// This session ends; its person may open another.
    StopSession,
    /// The account does nothing at this service until an operator lifts it.
    StopAccount,
}

impl Answer {
    /// The word of the replay contract.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::StepUp => "step_up",
            Self::Slow { .. } => "slow",
            Self::StopSession => "stop_session",
            Self::StopAccount => "stop_account",
        }
    }
}

/// The language of a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// French.
    French,
}

/// One reason: a stable code, the numbers in it, and what it says in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    code: String,
    count: u32,
    limit: u32,
}

impl Reason {
    /// The stable code, `guard.reason.…` without its prefix.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// What was counted.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// What it was held against.
    #[must_use]
    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// The reason as a sentence.
    #[must_use]
    pub fn sentence(&self, language: Language) -> String {
        match language {
            Language::English => format!("{}: {} of {}", self.code, self.count, self.limit),
            Language::French => format!("{} : {} sur {}", self.code, self.count, self.limit),
        }
    }
}
