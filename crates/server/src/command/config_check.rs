//! `cardea config check`: every mistake in the configuration and in the files that it names. It
//! writes nothing, makes no key, calls no PKCS#11 module, and reads the database where it is told
//! to.

mod database;
mod named;
mod secret;

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;

use super::terminal_text::{shown, write_json};
use crate::config::{Config, Mistake, find_mistakes};

/// Exit status for a configuration that no server starts with.
const INVALID: u8 = 2;

/// What programs read.
#[derive(Serialize)]
struct Report<'a> {
    valid: bool,
    mistakes: Vec<Told<'a>>,
    /// Keys of what only the server is given.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    not_looked_at: &'a [String],
    /// What a server starts with, and people will miss.
    #[serde(skip_serializing_if = "<[Warning]>::is_empty")]
    warnings: &'a [Warning],
    /// How long what is kept, in words.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    retention: &'a [String],
}

#[derive(Serialize)]
struct Warning {
    key: &'static str,
    reason: &'static str,
}

#[derive(Serialize)]
struct Told<'a> {
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "str::is_empty")]
    key: &'a str,
    reason: &'a str,
    code: &'a str,
}

/// Says every mistake, one a line, or in one JSON document.
pub(super) fn run(config: &Path, with_database: bool, json: bool) -> anyhow::Result<ExitCode> {
    let (mut mistakes, readable) = find_mistakes(config);
    let not_seen = readable.as_ref().map(secret::not_seen).unwrap_or_default();
    let warnings = readable.as_ref().map(warnings_of).unwrap_or_default();
    let retention = readable.as_ref().map(|it| it.retention.in_words());
    let retention = retention.unwrap_or_default();
    if let Some(readable) = &readable {
        mistakes.extend(named::find_mistakes(readable));
        mistakes.extend(secret::find_mistakes(readable));
        if with_database {
            mistakes.extend(database::find_mistakes(readable)?);
        }
    }
    mistakes.sort_by(|one, other| (&one.file, one.line).cmp(&(&other.file, other.line)));
    let mut output = io::stdout().lock();
    if json {
        let report = Report {
            valid: mistakes.is_empty(),
            mistakes: mistakes.iter().map(tell).collect(),
            not_looked_at: &not_seen,
            warnings: &warnings,
            retention: &retention,
        };
        write_json(&mut output, &report)?;
    } else if mistakes.is_empty() {
        writeln!(output, "{}: no mistake found", config.display())?;
        for line in &retention {
            writeln!(output, "{}: retention: {line}", config.display())?;
        }
    } else {
        for mistake in &mistakes {
            writeln!(output, "{}", in_a_line(mistake))?;
        }
    }
    for key in not_seen.iter().filter(|_| !json) {
        writeln!(
            output,
            "{}: {key}: is not looked at: only the server is given it",
            config.display()
        )?;
    }
    for warning in warnings.iter().filter(|_| !json) {
        let Warning { key, reason } = warning;
        writeln!(output, "{}: warning: {key}: {reason}", config.display())?;
    }
    Ok(if mistakes.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(INVALID)
    })
}

/// What no start stumbles over.
fn warnings_of(config: &Config) -> Vec<Warning> {
    let nobody = config.support.is_nobody().then_some(Warning {
        key: "support",
        reason: "pages tell people to call the support of this service and cannot say whom: give \
                 telephone or url",
    });
    nobody.into_iter().collect()
}

fn tell(mistake: &Mistake) -> Told<'_> {
    Told {
        file: mistake.file.display().to_string(),
        line: mistake.line,
        key: &mistake.key,
        reason: &mistake.reason,
        code: mistake.code,
    }
}

/// `FILE:LINE: KEY: REASON (CODE)`.
fn in_a_line(mistake: &Mistake) -> String {
    let mut place = mistake.file.display().to_string();
    if let Some(line) = mistake.line {
        place = format!("{place}:{line}");
    }
    let key = match mistake.key.as_str() {
        "" => String::new(),
        key => format!("{}: ", shown(key)),
    };
    format!(
        "{}: {key}{} ({})",
        shown(&place),
        shown(&mistake.reason),
        mistake.code
    )
}
