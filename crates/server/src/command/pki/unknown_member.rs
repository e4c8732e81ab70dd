//! Members of a case that the contract does not name, and whether one of its names was meant.

use std::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A shorter name is only taken for a slip of one character.
const LONG_CHARACTERS: usize = 7;
/// Longer than any name that a slip or two could make of ours.
const NAME_CHARACTERS_MAX: usize = 40;

/// The names of the other members, in order, none of them twice.
pub(super) struct UnknownMembers(Vec<String>);

impl UnknownMembers {
    /// The names but those in `known`.
    pub(super) fn without(self, known: &[&str]) -> Vec<String> {
        let mut names = self.0;
        names.retain(|name| !known.contains(&name.as_str()));
        names
    }
}

impl<'de> Deserialize<'de> for UnknownMembers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Names)
    }
}

struct Names;

impl<'de> Visitor<'de> for Names {
    type Value = UnknownMembers;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<UnknownMembers, A::Error> {
        let mut seen = std::collections::HashSet::new();
        let mut names = Vec::new();
        while let Some((name, IgnoredAny)) = members.next_entry::<String, IgnoredAny>()? {
            if !seen.insert(name.clone()) {
                return Err(A::Error::custom(format!("duplicate field {name:?}")));
            }
            names.push(name);
        }
        Ok(UnknownMembers(names))
    }
}

/// The known name that `name` is a slip of: other case, other dashes, or one character wrong,
/// missing, too many or changed with its neighbour; two of them where the known name is long.
pub(super) fn meant<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    if name.chars().nth(NAME_CHARACTERS_MAX).is_some() {
        return None;
    }
    let plain = letters(name);
    known.iter().copied().find(|it| {
        let slips = if it.len() < LONG_CHARACTERS { 1 } else { 2 };
        distance(&plain, &letters(it)) <= slips
    })
}

fn letters(name: &str) -> Vec<char> {
    let is_dash = |it: &char| matches!(it, '_' | '-' | ' ' | '.');
    let lower = name.chars().flat_map(char::to_lowercase);
    lower.filter(|it| !is_dash(it)).collect()
}

/// Edit distance in which two neighbours that change places count as one (optimal string
/// alignment): the table is built row by row, of which the last three are kept.
fn distance(from: &[char], to: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    let mut left_from = None;
    for (row, a) in from.iter().enumerate() {
        let mut current = vec![row + 1];
        let mut left_to = None;
        for (column, b) in to.iter().enumerate() {
            let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX);
            let changed = at(&last, column).saturating_add(usize::from(a != b));
            let removed = at(&last, column + 1).saturating_add(1);
            let added = at(&current, column).saturating_add(1);
            let mut least = changed.min(removed).min(added);
            if left_from == Some(b) && left_to == Some(a) && column > 0 {
                least = least.min(at(&before, column - 1).saturating_add(1));
            }
            current.push(least);
            left_to = Some(b);
        }
        before = std::mem::replace(&mut last, current);
        left_from = Some(a);
    }
    last.last().copied().unwrap_or(from.len())
}

#[cfg(test)]
mod tests {
    use super::{distance, meant};

    #[test]
    fn a_slip_is_told_from_another_word() {
        let known = ["leaf", "crls", "ocsp", "at", "inhibit_any_policy"];
        for (name, expected) in [
            ("CRLs", Some("crls")),
            ("crl", Some("crls")),
            ("oscp", Some("ocsp")),
            ("a-t", Some("at")),
            ("inhibitAnyPolicy", Some("inhibit_any_policy")),
            ("inhibit_any_polcy", Some("inhibit_any_policy")),
            ("inhibit_an_polic", Some("inhibit_any_policy")),
            ("inhibit_a_polic", None),
            ("note", None),
            ("date", None),
            ("source", None),
            ("", None),
        ] {
            assert_eq!(meant(name, &known), expected, "{name}");
        }
        let long = format!("leaf{}", "_".repeat(1000));
        assert_eq!(meant(&long, &known), None);
    }

    #[test]
    fn neighbours_that_change_places_count_as_one() {
        let count = |a: &str, b: &str| {
            let characters = |text: &str| text.chars().collect::<Vec<_>>();
            distance(&characters(a), &characters(b))
        };
        assert_eq!(count("ab", "ba"), 1);
        assert_eq!(count("abc", "cab"), 2);
        assert_eq!(count("", "abc"), 3);
        assert_eq!(count("abc", ""), 3);
        assert_eq!(count("kitten", "sitting"), 3);
    }
}
