//! Where a mistake is: file, line and key, as an administrator looks for it.

use std::path::Path;

use crate::Error;

/// A mistake that TOML or the form of the configuration finds.
pub(super) fn of_toml(path: &Path, text: &str, error: &toml::de::Error) -> Error {
    // What the whole file lacks stands in no line of it.
    let is_absent = |start| start == 0 && error.message().starts_with("missing field");
    let at = error.span().filter(|span| !is_absent(span.start));
    let place = at.map(|span| {
        let before = text.get(..span.start).unwrap_or(text);
        let number = before.matches('\n').count();
        let line = text.lines().nth(number).unwrap_or_default();
        format!(":{}: {}", number + 1, key_of(line))
    });
    told(path, &place.unwrap_or_default(), error.message())
}

/// A mistake in a key's value.
pub(super) fn of_key(path: &Path, text: &str, key: &str, reason: &str) -> Error {
    let is_its_line = |line: &str| key_of(line).trim_matches(['"', '\'']) == key;
    let place = match text.lines().position(is_its_line) {
        Some(number) => format!(":{}: {key}", number + 1),
        None => format!(": {key}"),
    };
    told(path, &place, reason)
}

/// The key or the table that a line begins with.
fn key_of(line: &str) -> &str {
    line.split('=').next().unwrap_or_default().trim()
}

fn told(path: &Path, place: &str, reason: &str) -> Error {
    Error::ConfigInvalid {
        reason: format!("{}{place}: {reason}", path.display()),
    }
}
