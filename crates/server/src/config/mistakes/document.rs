//! A TOML text whose values can be taken out without moving any line.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Mistake;

/// A text, and the lines that were put into it.
pub(super) struct Document {
    text: String,
    /// Numbers of the lines that are not in the file, in order.
    added: Vec<usize>,
}

/// Where a key and its value are.
struct Place {
    key: Range<usize>,
    value: Range<usize>,
}

impl Document {
    pub(super) fn new(text: String) -> Self {
        let added = Vec::new();
        Self { text, added }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Everything that keeps the text from being TOML, as mistakes of the same file.
    pub(super) fn faults(&self, of: &Mistake) -> Vec<Mistake> {
        let (_, errors) = DeTable::parse_recoverable(&self.text);
        let fault = |error: &toml::de::Error| {
            let line = error.span().map(|span| line_at(&self.text, span.start));
            Mistake {
                file: of.file.clone(),
                line: line.and_then(|line| self.line_in_file(line)),
                key: String::new(),
                reason: error.message().replace('\n', " "),
                code: of.code,
            }
        };
        errors.iter().map(fault).collect()
    }

    /// The line of a key in the file.
    pub(super) fn line_of(&self, key: &str) -> Option<usize> {
        let table = DeTable::parse(&self.text).ok()?;
        let place = find(table.get_ref(), key)?;
        self.line_in_file(line_at(&self.text, place.key.start))
    }

    /// The line of the innermost table around a key that is not there.
    pub(super) fn line_of_table(&self, key: &str) -> Option<usize> {
        let mut outer = key;
        while let Some((table, _)) = outer.rsplit_once(['.', '[']) {
            if let Some(line) = self.line_of(table) {
                return Some(line);
            }
            outer = table;
        }
        None
    }

    /// The key of the first text that is meant, among `clients_file` and the trust anchors'
    /// profiles.
    pub(super) fn key_of_text(&self, is_meant: impl Fn(&str) -> bool) -> Option<String> {
        let table = DeTable::parse(&self.text).ok()?;
        let list = |name: &str| {
            let found = table.get_ref().get(name)?;
            found.get_ref().as_array()
        };
        let files = list("clients_file").into_iter().flatten().enumerate();
        let files = files.map(|(index, value)| (format!("clients_file[{index}]"), Some(value)));
        let anchors = list("trust_anchor").into_iter().flatten().enumerate();
        let profiles = anchors.map(|(index, value)| {
            let anchor = value.get_ref().as_table();
            let profile = anchor.and_then(|anchor| anchor.get("profile"));
            (format!("trust_anchor[{index}].profile"), profile)
        });
        let mut all = files.chain(profiles);
        let found = all.find(|(_, value)| {
            let text = value.and_then(|value| value.get_ref().as_str());
            text.is_some_and(&is_meant)
        });
        found.map(|(key, _)| key)
    }

    /// The line in the file of a line here; none for one that was put in.
    pub(super) fn line_in_file(&self, line: usize) -> Option<usize> {
        if self.added.contains(&line) {
            return None;
        }
        let before = self.added.iter().filter(|added| **added < line).count();
        Some(line.saturating_sub(before))
    }

    /// Takes a key with its value out, and puts a line in where it must not be missing. False where
    /// nothing changed.
    pub(super) fn take_out(&mut self, key: &str, stand_in: Option<String>) -> bool {
        let before = self.text.clone();
        let removed = self.blank(key);
        if let Some(line) = stand_in {
            let table = key.rsplit_once('.').map_or("", |(table, _)| table);
            self.put_into(table, &line);
        }
        if DeTable::parse(&self.text).is_err() {
            self.text = before;
            return match key.rsplit_once(['.', '[']) {
                // An entry of a list or of a table on one line: all of it goes.
                Some((outer, _)) if removed => self.take_out(outer, None),
                _ => false,
            };
        }
        self.text != before
    }

    fn blank(&mut self, key: &str) -> bool {
        let Ok(table) = DeTable::parse(&self.text) else {
            return false;
        };
        let Some(place) = find(table.get_ref(), key) else {
            return false;
        };
        let range = match self.header_at(place.key.start) {
            Some(start) => start..self.end_of_table(start),
            None => place.key.start.min(place.value.start)..place.value.end,
        };
        drop(table);
        let Some(cut) = self.text.get(range.clone()) else {
            return false;
        };
        let blank: String = cut
            .chars()
            .map(|character| if character == '\n' { '\n' } else { ' ' })
            .collect();
        self.text.replace_range(range, &blank);
        true
    }

    /// The start of the header that a place is in: `[table]` or `[[table]]`.
    fn header_at(&self, at: usize) -> Option<usize> {
        let before = self.text.get(..at)?;
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = self.text.get(start..)?.trim_start();
        line.starts_with('[').then_some(start)
    }

    /// Where a table ends: at the next header that is none of its own tables.
    fn end_of_table(&self, start: usize) -> usize {
        let rest = self.text.get(start..).unwrap_or_default();
        let name = |line: &str| {
            let name = line.trim().trim_start_matches('[');
            let (name, _) = name.split_once(']').unwrap_or((name, ""));
            name.trim().to_owned()
        };
        let own = name(rest.lines().next().unwrap_or_default());
        let mut end = start;
        for (index, line) in rest.split_inclusive('\n').enumerate() {
            let is_header = line.trim_start().starts_with('[');
            if index > 0 && is_header && !name(line).starts_with(&format!("{own}.")) {
                return end;
            }
            end += line.len();
        }
        end
    }

    /// Puts a line behind a table's header; for the root at the top.
    fn put_into(&mut self, table: &str, line: &str) {
        let at = if table.is_empty() {
            Some(0)
        } else {
            let parsed = DeTable::parse(&self.text).ok();
            let place = parsed.and_then(|parsed| find(parsed.get_ref(), table));
            place
                .and_then(|place| self.header_at(place.key.start))
                .map(|start| {
                    let rest = self.text.get(start..).unwrap_or_default();
                    let length = rest.find('\n').map_or(rest.len(), |newline| newline + 1);
                    start + length
                })
        };
        match at {
            Some(at) => {
                let number = line_at(&self.text, at);
                self.text.insert_str(at, &format!("{line}\n"));
                self.note_added(number);
            }
            // The table is not there at all.
            None if !table.contains('[') => {
                if !self.text.ends_with('\n') {
                    self.text.push('\n');
                }
                let number = line_at(&self.text, self.text.len());
                self.text.push_str(&format!("[{table}]\n{line}\n"));
                self.note_added(number);
                self.note_added(number + 1);
            }
            None => {}
        }
    }

    fn note_added(&mut self, number: usize) {
        for added in &mut self.added {
            if *added >= number {
                *added += 1;
            }
        }
        self.added.push(number);
    }
}

fn line_at(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or_default();
    before.matches('\n').count() + 1
}

/// Finds a key such as `client[1].redirect_uris[0]`.
fn find(root: &DeTable<'_>, key: &str) -> Option<Place> {
    let steps = key.split(['.', '[']).map(|step| step.trim_end_matches(']'));
    let mut table = Some(root);
    let mut value: Option<&Spanned<DeValue<'_>>> = None;
    let mut place = None;
    for step in steps {
        let (at, found) = match (table, value.map(Spanned::get_ref)) {
            (Some(table), _) => {
                let (name, found) = table.iter().find(|(name, _)| name.get_ref() == step)?;
                (name.span(), found)
            }
            (None, Some(DeValue::Array(list))) => {
                let found = list.get(step.parse::<usize>().ok()?)?;
                (found.span(), found)
            }
            _ => return None,
        };
        place = Some(Place {
            key: at,
            value: found.span(),
        });
        table = match found.get_ref() {
            DeValue::Table(table) => Some(table),
            _ => None,
        };
        value = Some(found);
    }
    place
}
