//! The words that name a level to clients.

use cardea_oauth2_types::Acr;

use crate::Provider;

/// Pro Santé Connect has one level, and its portals compare the word letter by letter: whatever
/// they asked for, any other word is an error there.
const EIDAS1: &str = "eidas1";

/// Which words `acr` is asked for and told in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcrWords {
    /// Our own, a word a level.
    Levels,
    /// One word, `eidas1`, for a card whose PIN was typed; nothing weaker is let in.
    Eidas1,
}

impl AcrWords {
    /// The level that a word asks for.
    pub(crate) fn find(self, word: &str) -> Option<Acr> {
        match self {
            Self::Levels => Acr::find(word),
            Self::Eidas1 => (word == EIDAS1).then_some(Acr::CardPinCached),
        }
    }

    /// The weakest level that every request asks for, with or without a word.
    pub(crate) fn floor(self) -> Option<Acr> {
        match self {
            Self::Levels => None,
            Self::Eidas1 => Some(Acr::CardPinCached),
        }
    }

    /// The word for a level that was reached. A level below the floor keeps a word of its own, so
    /// that no token ever says more than what was proven.
    #[must_use]
    pub fn word(self, reached: Acr) -> &'static str {
        match self {
            Self::Eidas1 if reached.satisfies(Acr::CardPinCached) => EIDAS1,
            Self::Eidas1 | Self::Levels => reached.as_str(),
        }
    }

    /// The words for the levels that a login may end in, each once.
    #[must_use]
    pub fn reachable(self, weakest: Acr) -> Vec<&'static str> {
        let is_enough = |acr: &Acr| {
            acr.satisfies(weakest) && self.floor().is_none_or(|floor| acr.satisfies(floor))
        };
        let levels = Acr::ALL.into_iter().filter(is_enough);
        let mut words: Vec<_> = levels.map(|acr| self.word(acr)).collect();
        words.dedup();
        words
    }
}

impl Provider {
    /// The word by which clients know a level.
    pub(crate) fn acr_word(&self, reached: Acr) -> &'static str {
        self.rules().acr_words.word(reached)
    }

    /// The word for a level as the database has it.
    pub(crate) fn acr_word_of(&self, stored: &str) -> String {
        match Acr::find(stored) {
            Some(acr) => self.acr_word(acr).to_owned(),
            None => stored.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Acr, AcrWords};

    #[test]
    fn eidas1_is_said_of_a_card_with_its_pin_alone() {
        let told: Vec<_> = Acr::ALL.map(|acr| AcrWords::Eidas1.word(acr)).to_vec();
        assert_eq!(
            told,
            [
                "eidas1",
                "eidas1",
                "urn:cardea:acr:card",
                "urn:cardea:acr:card-unwatched"
            ]
        );
        assert_eq!(AcrWords::Eidas1.reachable(Acr::Card), ["eidas1"]);
        assert_eq!(AcrWords::Levels.reachable(Acr::CardPinCached).len(), 2);
        for foreign in ["eidas2", "eidas3", "0", "EIDAS1", "urn:cardea:acr:card-pin"] {
            assert_eq!(AcrWords::Eidas1.find(foreign), None, "{foreign}");
        }
    }
}
