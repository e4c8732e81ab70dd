//! The rows of docs/errors.md and of its translation, embedded so that `/errors/{code}` and the
//! documents never differ.

use crate::language::Language;

const ENGLISH: &str = include_str!("../../../docs/errors.md");
const FRENCH: &str = include_str!("../../../docs/errors.fr.md");

/// One row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) code: &'static str,
    pub(crate) meaning: &'static str,
    pub(crate) who: &'static str,
    pub(crate) advice: &'static str,
}

/// Finds a code's row, in English.
pub(crate) fn find(code: &str) -> Option<Entry> {
    find_in(ENGLISH, code)
}

/// Finds a code's row in a language, and says which language it has: a code that nobody has
/// translated yet is explained in English rather than not at all.
pub(crate) fn find_translated(code: &str, language: Language) -> Option<(Entry, Language)> {
    let french = match language {
        Language::French => find_in(FRENCH, code),
        Language::English => None,
    };
    match french {
        Some(entry) => Some((entry, Language::French)),
        None => find(code).map(|entry| (entry, Language::English)),
    }
}

fn find_in(document: &'static str, code: &str) -> Option<Entry> {
    document
        .lines()
        .filter_map(parse_row)
        .find(|entry| entry.code == code)
}

/// Reads ``| `code` | meaning | who | what to do |``.
fn parse_row(line: &'static str) -> Option<Entry> {
    let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
    let code = cells.next()?.strip_prefix('`')?.strip_suffix('`')?;
    let (meaning, who, advice) = (cells.next()?, cells.next()?, cells.next()?);
    Some(Entry {
        code,
        meaning,
        who,
        advice,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{ENGLISH, Entry, FRENCH, find, find_translated, parse_row};
    use crate::language::Language;

    fn rows(document: &'static str) -> Vec<Entry> {
        document.lines().filter_map(parse_row).collect()
    }

    #[test]
    fn rows_are_read() {
        let entry = parse_row("| `a.b` | Meaning. | developer | Do this. |").unwrap();
        assert_eq!(entry.code, "a.b");
        assert_eq!(entry.advice, "Do this.");
        assert!(parse_row("| code | meaning | who can fix it | what to do |").is_none());
    }

    #[test]
    fn the_document_is_found() {
        assert!(find("server.config_invalid").is_some());
        assert!(find("no.such_code").is_none());
    }

    /// Who adds a row to docs/errors.md adds its translation to docs/errors.fr.md.
    #[test]
    fn every_code_is_explained_in_french_too() {
        let codes = |document| -> BTreeSet<&str> {
            rows(document).into_iter().map(|row| row.code).collect()
        };
        let (english, french) = (codes(ENGLISH), codes(FRENCH));
        let missing: Vec<_> = english.difference(&french).collect();
        assert!(missing.is_empty(), "docs/errors.fr.md lacks {missing:?}");
        let stale: Vec<_> = french.difference(&english).collect();
        assert!(stale.is_empty(), "docs/errors.md lacks {stale:?}");
        assert_eq!(rows(FRENCH).len(), french.len(), "a row stands twice");
        assert_eq!(rows(ENGLISH).len(), english.len(), "a row stands twice");
    }

    /// A row without four cells, or with one left in English, explains nothing.
    #[test]
    fn every_row_says_what_it_means_who_can_fix_it_and_what_to_do() {
        for row in rows(ENGLISH).into_iter().chain(rows(FRENCH)) {
            for cell in [row.meaning, row.who, row.advice] {
                assert!(!cell.is_empty(), "{}", row.code);
                assert_eq!(cell.matches('`').count() % 2, 0, "{}: {cell}", row.code);
            }
        }
        for row in rows(FRENCH) {
            let english = find(row.code).unwrap();
            assert_ne!(row.meaning, english.meaning, "{}", row.code);
            assert_ne!(row.advice, english.advice, "{}", row.code);
        }
    }

    /// A translation says what the original says: the same words between backticks and the same
    /// numbers. Addresses with a scheme hold words of the language.
    #[test]
    fn a_translation_has_the_words_and_numbers_of_its_original() {
        let facts = |row: &Entry| {
            let mut facts = BTreeSet::new();
            for (index, part) in format!("{} {}", row.meaning, row.advice)
                .split('`')
                .enumerate()
            {
                if index % 2 == 0 {
                    let numbers = part.split(|it: char| !it.is_ascii_digit());
                    facts.extend(numbers.filter(|it| !it.is_empty()).map(str::to_owned));
                } else if !part.contains("://") {
                    facts.insert(format!("`{part}`"));
                }
            }
            facts
        };
        for row in rows(FRENCH) {
            let english = find(row.code).unwrap();
            assert_eq!(facts(&row), facts(&english), "{}", row.code);
        }
    }

    #[test]
    fn a_translation_says_which_language_it_has() {
        let (french, language) = find_translated("card.no_card", Language::French).unwrap();
        assert_eq!(
            (french.advice, language),
            ("insérer la carte", Language::French)
        );
        let (english, language) = find_translated("card.no_card", Language::English).unwrap();
        assert_eq!(
            (english.advice, language),
            ("insert the card", Language::English)
        );
        assert!(find_translated("no.such_code", Language::French).is_none());
    }
}
