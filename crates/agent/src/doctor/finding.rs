//! One finding: a cause, and what was seen of it.

use super::cause::Cause;
use super::words;
use crate::language::Language;

/// A cause that was found, with what the words about it name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    cause: Cause,
    facts: Vec<(&'static str, Said)>,
}

/// Something that was seen, in each language.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Said {
    french: String,
    english: String,
}

impl Finding {
    pub(super) fn new(cause: Cause) -> Self {
        Self {
            cause,
            facts: Vec::new(),
        }
    }

    /// With something that reads the same in both languages. What comes from outside was made fit
    /// to be shown before.
    pub(super) fn with(self, name: &'static str, value: impl Into<String>) -> Self {
        let value = value.into();
        self.with_words(name, (value.clone(), value))
    }

    /// With something that has words of its own, French before English.
    pub(super) fn with_words<S: Into<String>>(
        mut self,
        name: &'static str,
        (french, english): (S, S),
    ) -> Self {
        let said = Said {
            french: french.into(),
            english: english.into(),
        };
        self.facts.push((name, said));
        self
    }

    /// With what a program says of a failure, which has no French.
    pub(super) fn with_technical(self, name: &'static str, reason: &str) -> Self {
        let french = format!("Message technique, en anglais : {reason}");
        self.with_words(name, (french, reason.to_owned()))
    }

    /// What was found.
    #[must_use]
    pub fn cause(&self) -> Cause {
        self.cause
    }

    /// What is wrong, in one sentence.
    #[must_use]
    pub fn title(&self, language: Language) -> String {
        language.keep_marks(words::of(self.cause, language).title)
    }

    /// What was seen.
    #[must_use]
    pub fn detail(&self, language: Language) -> String {
        self.fill(words::of(self.cause, language).detail, language)
    }

    /// What to do.
    #[must_use]
    pub fn fix(&self, language: Language) -> String {
        self.fill(words::of(self.cause, language).fix, language)
    }

    /// The command that does it, where there is one.
    #[must_use]
    pub fn command(&self) -> Option<String> {
        let command = words::command(self.cause)?;
        Some(self.fill(command, Language::English))
    }

    /// Puts what was seen into the words. What was seen is put in once and never looked into.
    fn fill(&self, text: &str, language: Language) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let Some((name, after)) = after.split_once('}') else {
                break;
            };
            let fact = self.facts.iter().find(|(known, _)| *known == name);
            if let Some((_, said)) = fact {
                filled.push_str(match language {
                    Language::French => &said.french,
                    Language::English => &said.english,
                });
            }
            rest = after;
        }
        filled.push_str(rest);
        language.keep_marks(&filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_is_put_in_and_not_looked_into() {
        let finding = Finding::new(Cause::ReaderMissing)
            .with("a", "{b}")
            .with("b", "x");
        assert_eq!(finding.fill("<{a}|{b}|{c}>", Language::French), "<{b}|x|>");
    }
}
