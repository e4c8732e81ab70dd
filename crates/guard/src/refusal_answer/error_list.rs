//! The rows of docs/errors.md and of its translation, so that answers and documents never differ.

use crate::Language;

const ENGLISH: &str = include_str!("../../../../docs/errors.md");
const FRENCH: &str = include_str!("../../../../docs/errors.fr.md");

/// What a code means, and what to do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) meaning: &'static str,
    pub(super) advice: &'static str,
}

pub(super) fn find(code: &str, language: Language) -> Option<Row> {
    let document = match language {
        Language::English => ENGLISH,
        Language::French => FRENCH,
    };
    let mut rows = document.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.find_map(|row| {
        let (named, rest) = row.split_once("` |")?;
        let mut cells = rest.split('|').map(str::trim);
        let (meaning, _who, advice) = (cells.next()?, cells.next()?, cells.next()?);
        (named == code).then_some(Row { meaning, advice })
    })
}
