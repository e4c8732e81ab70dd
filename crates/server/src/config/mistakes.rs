//! Every mistake of a configuration, not only the first.
//!
//! A configuration is read as at a start. What stops it is noted and taken out of the text, as if
//! it had been put right, and the rest is read again. So one set of rules says what a mistake is,
//! and a rule that is added there is followed here. What a mistake may have brought about is not
//! told as another one.

mod document;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use self::document::Document;
use super::Config;
use super::load::{Texts, load_with, read_text};
use crate::error::Error;

/// More mistakes than anybody reads at once.
const MISTAKES_MAX: usize = 200;

/// Stands where a value is missing, so that the rest can be read.
pub(crate) const STAND_IN: &str = "/stand-in";

/// The same for the issuer.
pub(crate) const STAND_IN_ISSUER: &str = "https://stand-in.invalid";

/// Keys that must be there, with what lets the rest be read. In tables of a list the same.
const REQUIRED: [(&str, &str, &str); 15] = [
    ("", "issuer", "\"https://stand-in.invalid\""),
    ("", "listen", "\"127.0.0.1:1\""),
    ("keys", "challenge_key", "\"/stand-in\""),
    ("keys", "challenge_list", "\"/stand-in\""),
    ("tls", "certificate", "\"/stand-in\""),
    ("tls", "key", "\"/stand-in\""),
    ("limits", "client_address", "\"peer\""),
    ("ledger", "witness_policy", "\"waived\""),
    ("trust_anchor", "name", "\"stand-in-#\""),
    ("trust_anchor", "anchors", "\"/stand-in\""),
    ("trust_anchor", "profile", "\"cps\""),
    ("trust_anchor", "test_cards", "\"require\""),
    ("client", "client_id", "\"stand-in-#\""),
    ("client", "name", "\"stand-in\""),
    (
        "client",
        "redirect_uris",
        "[\"https://stand-in.invalid/callback\"]",
    ),
];

/// A mistake, and where it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) file: PathBuf,
    pub(crate) line: Option<usize>,
    /// Empty for the whole file.
    pub(crate) key: String,
    pub(crate) reason: String,
    /// The stable code of the error that stops the server.
    pub(crate) code: &'static str,
}

/// The mistakes of a configuration's TOML files, in the order in which a start would meet them, and
/// the configuration without them if so much of it can be read.
pub(crate) fn find_mistakes(file: &Path) -> (Vec<Mistake>, Option<Config>) {
    let mut search = Search::default();
    for _ in 0..MISTAKES_MAX {
        match load_with(file, &search.texts()) {
            Ok(config) => return (search.mistakes, Some(config)),
            Err(error) => {
                if search.note_and_mend(file, &error).is_none() {
                    break;
                }
            }
        }
    }
    (search.mistakes, None)
}

/// The line of a key in a file, as it stands.
pub(crate) fn line_of(file: &Path, key: &str) -> Option<usize> {
    let document = Document::new(read_text(file).ok()?);
    document
        .line_of(key)
        .or_else(|| document.line_of_table(key))
}

#[derive(Default)]
struct Search {
    mistakes: Vec<Mistake>,
    documents: Vec<(PathBuf, Document)>,
    /// What was taken out: file and key.
    mended: HashSet<(PathBuf, String)>,
}

impl Search {
    fn texts(&self) -> Texts {
        let documents = self.documents.iter();
        documents
            .map(|(file, document)| (file.clone(), document.text().to_owned()))
            .collect()
    }

    /// Notes an error, and takes its cause out; none where the rest cannot be read.
    fn note_and_mend(&mut self, file: &Path, error: &Error) -> Option<()> {
        let (mut mistake, line) = mistake_of(file, error);
        if mistake.key.is_empty()
            && mistake.file != file
            && !mistake.file.exists()
            && let Some(key) = self.key_naming(file, &mistake.file)
        {
            // What is wrong is the key that names it.
            mistake.reason = format!("{}: {}", mistake.file.display(), mistake.reason);
            file.clone_into(&mut mistake.file);
            mistake.key = key;
        }
        let place = mistake.file.clone();
        let Ok(document) = self.document(&place) else {
            // A file that is not there has nothing in it.
            self.mistakes.push(mistake);
            let empty = Document::new(String::new());
            self.documents.push((place.clone(), empty));
            return (place != file).then_some(());
        };
        if mistake.key.is_empty() {
            let faults = document.faults(&mistake);
            if !faults.is_empty() {
                self.mistakes.extend(faults);
                return None;
            }
        }
        let key = key_meant(&mistake.key, &mistake.reason);
        let found = document.line_of(&key);
        mistake.line = found
            .or_else(|| line.and_then(|line| document.line_in_file(line)))
            .or_else(|| document.line_of_table(&key));
        let is_mended = document.take_out(&key, stand_in_of(&key));
        let follows =
            self.has_lost_a_part(&place, &key) || found.is_none() && self.may_follow(&place, &key);
        let is_new = self.mended.insert((place.clone(), key.clone()));
        if is_new && !follows {
            mistake.key.clone_from(&key);
            self.mistakes.push(mistake);
        }
        if is_mended && is_new {
            return Some(());
        }
        // It was not enough: the whole table goes.
        let (table, _) = key.rsplit_once('.')?;
        let is_new = self.mended.insert((place.clone(), table.to_owned()));
        let document = self.document(&place).ok()?;
        (document.take_out(table, None) && is_new).then_some(())
    }

    /// Whether a part of a value was taken out.
    fn has_lost_a_part(&self, file: &Path, key: &str) -> bool {
        let is_part = |other: &str| {
            let rest = other.strip_prefix(key);
            rest.is_some_and(|rest| rest.starts_with(['[', '.']))
        };
        let mut mended = self.mended.iter();
        mended.any(|(place, other)| place == file && is_part(other))
    }

    /// Whether something that is missing may be so because of what was taken out beside it.
    fn may_follow(&self, file: &Path, key: &str) -> bool {
        let table = key.rsplit_once('.').map_or("", |(table, _)| table);
        let is_of_table =
            |other: &str| other == key || (!table.is_empty() && other.starts_with(table));
        let mut mended = self.mended.iter();
        mended.any(|(place, other)| place == file && is_of_table(other))
    }

    /// The key of a configuration that names a file.
    fn key_naming(&mut self, config: &Path, file: &Path) -> Option<String> {
        let folder = config.parent().unwrap_or_else(|| Path::new(""));
        let document = self.document(config).ok()?;
        document.key_of_text(|text| folder.join(text) == file)
    }

    fn document(&mut self, file: &Path) -> Result<&mut Document, Error> {
        let known = self.documents.iter().position(|(place, _)| place == file);
        let place = match known {
            Some(place) => place,
            None => {
                let document = Document::new(read_text(file)?);
                self.documents.push((file.to_owned(), document));
                self.documents.len().saturating_sub(1)
            }
        };
        let document = self.documents.get_mut(place).map(|(_, document)| document);
        document.ok_or_else(|| Error::ConfigUnreadable {
            file: file.to_owned(),
            source: std::io::Error::other("is not held"),
        })
    }
}

/// An error as a mistake, and the line that it names.
fn mistake_of(file: &Path, error: &Error) -> (Mistake, Option<usize>) {
    let (file, line, key, reason) = match error {
        Error::ConfigInvalid {
            file,
            line,
            key,
            reason,
        } => (file.as_path(), *line, key.as_str(), reason.clone()),
        Error::ConfigUnreadable { file, source } => (file.as_path(), None, "", source.to_string()),
        other => (file, None, "", other.to_string()),
    };
    let mistake = Mistake {
        file: file.to_owned(),
        line: None,
        key: key.to_owned(),
        reason,
        code: error.code(),
    };
    (mistake, line)
}

/// The key that an error is about: a field that is unknown or missing is named in the reason.
fn key_meant(key: &str, reason: &str) -> String {
    let named = ["unknown field `", "missing field `"]
        .iter()
        .find_map(|start| {
            let (field, _) = reason.strip_prefix(start)?.split_once('`')?;
            Some(field)
        });
    match named {
        Some(field) if key.is_empty() => field.to_owned(),
        Some(field) if key != field && !key.ends_with(&format!(".{field}")) => {
            format!("{key}.{field}")
        }
        _ => key.to_owned(),
    }
}

/// What can stand where a required key is missing or wrong.
fn stand_in_of(key: &str) -> Option<String> {
    let (table, field) = key.rsplit_once('.').unwrap_or(("", key));
    let (plain, index) = match table.split_once('[') {
        Some((plain, index)) => (plain, index.trim_end_matches(']')),
        None => (table, ""),
    };
    let mut required = REQUIRED.iter();
    let (_, _, value) = required.find(|(of, name, _)| *of == plain && *name == field)?;
    Some(format!("{field} = {}", value.replace('#', index)))
}
