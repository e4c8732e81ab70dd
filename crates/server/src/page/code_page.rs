//! The page that explains one code: what it means, who can fix it, what to do.

use askama::Template;

use crate::error_list::Entry;
use crate::language::{Language, Text};
use crate::problem::Problem;

/// Everything that the page of a code shows.
#[derive(Template)]
#[template(path = "code.html")]
pub(crate) struct CodePage {
    language: Language,
    /// The language of the explanation, which may still lack a translation.
    explained_in: Language,
    code: &'static str,
    /// The words for the person at the card, where people meet this code.
    problem: Option<Problem>,
    parts: [Part; 3],
}

/// One question and its answer.
struct Part {
    question: &'static str,
    answer: Vec<Piece>,
}

/// A stretch of an answer.
struct Piece {
    text: String,
    is_code: bool,
}

impl CodePage {
    pub(crate) fn new(
        language: Language,
        (entry, explained_in): (Entry, Language),
        problem: Option<Problem>,
    ) -> Self {
        let part = |question: Text, answer: &str| Part {
            question: question.in_language(language),
            answer: pieces(&typeset(answer, explained_in)),
        };
        Self {
            language,
            explained_in,
            code: entry.code,
            problem,
            parts: [
                part(MEANING, entry.meaning),
                part(WHO, entry.who),
                part(ADVICE, entry.advice),
            ],
        }
    }

    fn heading(&self) -> &'static str {
        match self.problem {
            Some(problem) => problem.title().in_language(self.language),
            None => HEADING.in_language(self.language),
        }
    }

    fn lead(&self) -> Option<&'static str> {
        let advice = self.problem?.advice();
        Some(advice.in_language(self.language))
    }

    fn code_label(&self) -> &'static str {
        CODE.in_language(self.language)
    }

    fn details_label(&self) -> &'static str {
        DETAILS.in_language(self.language)
    }

    fn switch(&self) -> &'static str {
        super::SWITCH.in_language(self.language)
    }
}

/// No line may end before the high punctuation of French.
fn typeset(text: &str, language: Language) -> String {
    let mut text = text.to_owned();
    if language == Language::French {
        for mark in [':', ';', '?', '!', '»'] {
            text = text.replace(&format!(" {mark}"), &format!("\u{a0}{mark}"));
        }
        text = text.replace("« ", "«\u{a0}");
    }
    text
}

/// Parts the documents' `code` from their words, and begins with a capital letter.
fn pieces(cell: &str) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = cell
        .split('`')
        .enumerate()
        .filter(|(_, text)| !text.is_empty())
        .map(|(index, text)| Piece {
            text: text.to_owned(),
            is_code: index % 2 == 1,
        })
        .collect();
    if let Some(first) = pieces.first_mut().filter(|piece| !piece.is_code) {
        let mut characters = first.text.chars();
        if let Some(initial) = characters.next() {
            first.text = initial.to_uppercase().chain(characters).collect();
        }
    }
    pieces
}

const HEADING: Text = Text::new("What this code means", "Ce que ce code veut dire");
const CODE: Text = Text::new("Code:", "Code :");
const DETAILS: Text = Text::new("For technical staff", "Pour les équipes techniques");
const MEANING: Text = Text::new("What it means", "Signification");
const WHO: Text = Text::new("Who can fix it", "Qui peut y remédier");
const ADVICE: Text = Text::new("What to do", "Que faire");

#[cfg(test)]
mod tests {
    use super::{pieces, typeset};
    use crate::language::Language;

    #[test]
    fn words_and_code_are_told_apart() {
        let parts = pieces("send `response_type=code` <now>");
        let texts: Vec<_> = parts
            .iter()
            .map(|piece| (piece.text.as_str(), piece.is_code))
            .collect();
        assert_eq!(
            texts,
            [
                ("Send ", false),
                ("response_type=code", true),
                (" <now>", false)
            ]
        );
        let text = typeset("voir « RFC » : non", Language::French);
        assert_eq!(text, "voir «\u{a0}RFC\u{a0}»\u{a0}: non");
        assert_eq!(typeset("a : b", Language::English), "a : b");
        assert!(pieces("`alg` is wrong").first().unwrap().is_code);
        assert_eq!(pieces("`alg` is wrong").first().unwrap().text, "alg");
    }
}
