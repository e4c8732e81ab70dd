//! The text for operators.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use time::OffsetDateTime;
use time::macros::format_description;

use super::survey::{Survey, TrustAnchor};
use crate::command::table::Table;
use crate::command::terminal_text::shown;

/// Octets of a fingerprint that tell certificates apart at a glance.
const FINGERPRINT_CHARACTERS: usize = 16;
const HOUR_SECONDS: i64 = 3600;
const DAY_SECONDS: i64 = 24 * HOUR_SECONDS;

/// Writes the status.
///
/// # Errors
/// When `output` cannot be written to.
pub(super) fn write(output: &mut impl Write, survey: &Survey) -> io::Result<()> {
    for anchor in &survey.trust_anchors {
        write_anchor(output, anchor)?;
    }
    writeln!(output, "Revocation lists in {}", shown(&survey.store))?;
    lists(survey).write(output)?;
    writeln!(output)?;
    if survey.attention.is_empty() {
        return writeln!(output, "Nothing needs attention.");
    }
    writeln!(output, "Needs attention:")?;
    for text in &survey.attention {
        writeln!(output, "  - {}", shown(text))?;
    }
    Ok(())
}

fn write_anchor(output: &mut impl Write, anchor: &TrustAnchor) -> io::Result<()> {
    let (name, profile) = (shown(&anchor.name), shown(&anchor.profile));
    writeln!(output, "Trust anchor {name} (profile {profile})")?;
    let mut certificates = Table::new([
        "role", "subject", "expires", "left", "sha256", "state", "source",
    ]);
    for it in &anchor.certificates {
        certificates.push([
            word(&it.role),
            short_subject(&it.subject),
            date(it.not_after),
            days(it.days_left),
            it.sha256.chars().take(FINGERPRINT_CHARACTERS).collect(),
            word(&it.state),
            short_source(&it.source),
        ]);
    }
    certificates.write(output)?;
    writeln!(output)?;
    let mut addresses = Table::new(["asked", "address", "named by", "answer"]);
    for it in &anchor.addresses {
        let answer = it.answer.as_ref();
        let answer = answer.map_or_else(
            || "not asked".to_owned(),
            |answer| {
                let good = if answer.usable { "good" } else { "BAD" };
                format!("{good}, {} ms: {}", answer.elapsed_ms, answer.text)
            },
        );
        addresses.push([
            word(&it.kind),
            it.address.clone(),
            it.named_by.to_owned(),
            answer,
        ]);
    }
    if !anchor.addresses.is_empty() {
        addresses.write(output)?;
        writeln!(output)?;
    }
    Ok(())
}

fn lists(survey: &Survey) -> Table<8> {
    let mut table = Table::new([
        "issuer",
        "kind",
        "number",
        "this update",
        "next update",
        "age",
        "entries",
        "state",
    ]);
    for it in &survey.lists {
        let nothing = || "-".to_owned();
        let stored = it.stored.as_ref();
        table.push([
            short_subject(&it.issuer),
            stored.map_or_else(nothing, |list| list.kind.to_owned()),
            stored
                .and_then(|list| list.number.clone())
                .unwrap_or_else(nothing),
            stored.map_or_else(nothing, |list| moment(list.this_update)),
            stored
                .and_then(|list| list.next_update)
                .map_or_else(nothing, moment),
            stored.map_or_else(nothing, |list| length(list.age_seconds)),
            stored.map_or_else(nothing, |list| list.entries.to_string()),
            word(&it.state),
        ]);
    }
    table
}

/// The common name tells authorities of one organisation apart; the rest is the same.
fn short_subject(subject: &str) -> String {
    let name = subject
        .split(", ")
        .find_map(|part| part.strip_prefix("CN="));
    name.unwrap_or(subject).to_owned()
}

/// A file's name without its folders; JSON has them.
fn short_source(source: &str) -> String {
    let name = Path::new(source).file_name();
    name.map_or_else(|| source.to_owned(), |it| it.to_string_lossy().into_owned())
}

/// The word that JSON uses, with spaces.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text.replace('_', " "),
        _ => String::new(),
    }
}

/// Days, or whole years where thousands of days say little.
fn days(days: i64) -> String {
    match days / 365 {
        years @ 2.. => format!("{years} years"),
        _ => format!("{days} days"),
    }
}

fn length(seconds: i64) -> String {
    match seconds {
        ..HOUR_SECONDS => format!("{} min", seconds / 60),
        HOUR_SECONDS..DAY_SECONDS => format!("{} h", seconds / HOUR_SECONDS),
        _ => format!("{} days", seconds / DAY_SECONDS),
    }
}

fn date(moment: OffsetDateTime) -> String {
    moment
        .format(format_description!("[year]-[month]-[day]"))
        .unwrap_or_default()
}

fn moment(moment: OffsetDateTime) -> String {
    moment
        .format(format_description!("[year]-[month]-[day] [hour]:[minute]"))
        .unwrap_or_default()
}
