//! What the guard answers, and why.

use std::time::Duration;

use serde::{Deserialize, Serialize};

mod reason;

pub use reason::{Reason, ReasonCode};

/// What the guard says to an act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What to do.
    pub answer: Answer,
    /// Why, the weightiest first; empty when the act is allowed.
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

    /// The reasons and what to do, as sentences.
    #[must_use]
    pub fn explain(&self, language: Language) -> String {
        let reasons = self.reasons.iter().map(|it| it.sentence(language));
        let advice = Some(self.answer.advice(language)).filter(|it| !it.is_empty());
        reasons.chain(advice).collect::<Vec<_>>().join(" ")
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

    /// What the person is to do, as a sentence; empty when there is nothing to do.
    #[must_use]
    pub fn advice(self, language: Language) -> String {
        let (english, french) = match self {
            Self::Allow => ("", ""),
            Self::StepUp => (
                "To go on, confirm with your card that it is you.",
                "Pour continuer, confirmez avec votre carte que c'est bien vous.",
            ),
            Self::Slow { wait } => {
                let seconds = wait.as_secs();
                return match language {
                    Language::English => {
                        format!("Wait {seconds} seconds, then confirm with your card.")
                    }
                    Language::French => {
                        format!("Attendez {seconds} secondes, puis confirmez avec votre carte.")
                    }
                };
            }
            Self::StopSession => (
                "This session is over. If it was you, sign in again with your card; if not, \
                 tell your operator.",
                "Cette session est terminée. Si c'était vous, reconnectez-vous avec votre carte ; \
                 sinon, prévenez votre exploitant.",
            ),
            Self::StopAccount => (
                "Your access to this service is suspended. Call the operator of this service, who \
                 can lift it.",
                "Votre accès à ce service est suspendu. Appelez l'exploitant de ce service, qui \
                 peut le rétablir.",
            ),
        };
        match language {
            Language::English => english.to_owned(),
            Language::French => french.to_owned(),
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Answer, Decision, Language};

    #[test]
    fn answers_are_mild_first() {
        let wait = Duration::from_secs(60);
        let answers = [
            Answer::Allow,
            Answer::StepUp,
            Answer::Slow { wait },
            Answer::StopSession,
            Answer::StopAccount,
        ];
        assert!(answers.is_sorted());
    }

    #[test]
    fn every_answer_but_yes_says_what_to_do_in_both_languages() {
        let wait = Duration::from_secs(60);
        for answer in [
            Answer::StepUp,
            Answer::Slow { wait },
            Answer::StopSession,
            Answer::StopAccount,
        ] {
            let decision = Decision {
                answer,
                reasons: Vec::new(),
            };
            let english = decision.explain(Language::English);
            let french = decision.explain(Language::French);
            assert!(!english.is_empty() && !french.is_empty());
            assert_ne!(english, french);
        }
        assert_eq!(Decision::allow().explain(Language::French), "");
    }
}
