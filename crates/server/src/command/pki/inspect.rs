//! `cardea pki inspect`: what a certificate says, in a practitioner's words.
//!
//! It judges nothing but the clock: no signature, no issuer, no revocation. What it shows is what
//! the certificate claims, and it says so.

mod alternative_name;
mod card_fields;
mod foreign_card;
mod key_words;
mod page;
mod reading;
mod sign_in;
mod usage;
mod warning;
mod words;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use cardea_pki::Certificate;
use cardea_provider::Clock as _;
use clap::{Args, ValueEnum};
use serde::Serialize;

use self::reading::Reading;
use super::input_error::InputError;
use super::material_file::{self, Item, Kind};
use super::{EXIT_BAD, EXIT_GOOD, EXIT_UNUSABLE};
use crate::clock::SystemClock;
use crate::command::terminal_text::{shown, write_json};
use crate::language::Language;

/// Most bytes of standard input: a chain of certificates is far smaller.
const STANDARD_INPUT_BYTES_MAX: u64 = 1024 * 1024;

const AFTER_HELP: &str = "\
Nothing is verified: the text says what the certificate claims. `cardea pki validate` verifies.

Exit status: 0 shown, 1 the certificate breaks a rule that keeps it from being read, 2 there is no \
certificate in the file.";

/// Arguments of `inspect`.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER_HELP)]
pub(in crate::command) struct InspectArguments {
    /// The certificate, as DER or PEM; `-` is standard input. Of several, the first is shown.
    file: PathBuf,
    /// Language of the text [default: that of LC_ALL, LC_MESSAGES or LANG, else French].
    #[arg(long, value_enum)]
    lang: Option<LanguageOption>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// `--lang`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LanguageOption {
    /// French.
    Fr,
    /// English.
    En,
}

/// What cannot be shown, as a JSON document.
#[derive(Serialize)]
struct Failure {
    code: &'static str,
    reason: String,
}

/// Runs the command and gives its exit status.
///
/// # Errors
/// When standard output is closed.
pub(super) fn run(arguments: &InspectArguments) -> anyhow::Result<u8> {
    let mut output = io::stdout().lock();
    let (written, exit) = match load(&arguments.file) {
        Ok((certificate, others)) => {
            let reading = Reading::of(&certificate, SystemClock.now());
            let written = if arguments.json {
                write_json(&mut output, &reading)
            } else {
                page::write(&mut output, &reading, others, language(arguments))
            };
            (written, EXIT_GOOD)
        }
        Err((failure, exit)) => {
            let written = if arguments.json {
                write_json(&mut output, &failure)
            } else {
                let text = shown(&failure.reason);
                writeln!(io::stderr(), "cardea: {text} [{}]", failure.code)
            };
            (written, exit)
        }
    };
    written
        .and_then(|()| output.flush())
        .context("standard output is closed")?;
    Ok(exit)
}

/// The first certificate of the file, and how many follow it.
fn load(file: &Path) -> Result<(Certificate, usize), (Failure, u8)> {
    let unusable = |error: InputError| {
        let failure = Failure {
            code: error.code(),
            reason: error.to_string(),
        };
        (failure, EXIT_UNUSABLE)
    };
    let bytes = read(file).map_err(unusable)?;
    let items = material_file::items(file, &bytes).map_err(unusable)?;
    let mut certificates = items.iter().filter(|it| it.kind() == Kind::Certificate);
    match certificates.next() {
        Some(Item::Certificate(certificate)) => Ok((certificate.clone(), certificates.count())),
        Some(Item::Refused(_, error)) => {
            let failure = Failure {
                code: error.code(),
                reason: format!("{}: {error}", file.display()),
            };
            Err((failure, EXIT_BAD))
        }
        _ => Err(unusable(InputError::NothingUsable {
            file: file.to_owned(),
            wanted: Kind::Certificate.name(),
        })),
    }
}

fn read(file: &Path) -> Result<Vec<u8>, InputError> {
    if file != Path::new("-") {
        return material_file::read(file);
    }
    let bytes = material_file::read_within(io::stdin().lock(), STANDARD_INPUT_BYTES_MAX);
    bytes
        .map_err(|source| InputError::Unreadable {
            file: file.to_owned(),
            source,
        })?
        .ok_or_else(|| InputError::TooLarge {
            file: file.to_owned(),
            bound: STANDARD_INPUT_BYTES_MAX,
            unit: "bytes",
        })
}

fn language(arguments: &InspectArguments) -> Language {
    match arguments.lang {
        Some(LanguageOption::Fr) => Language::French,
        Some(LanguageOption::En) => Language::English,
        None => of_locale(|name| std::env::var(name).ok()),
    }
}

/// The first of the three that is set and not empty decides (POSIX, "Environment Variables"); a
/// locale that is neither, such as `C`, leaves French.
fn of_locale(variable: impl Fn(&str) -> Option<String>) -> Language {
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"]
        .into_iter()
        .filter_map(variable)
        .find(|value| !value.is_empty());
    match locale {
        Some(locale) if locale.starts_with("en") => Language::English,
        _ => Language::French,
    }
}

#[cfg(test)]
mod tests {
    use super::of_locale;
    use crate::language::Language;

    #[test]
    fn the_locale_chooses_the_language() {
        let choose = |all: &str, messages: &str, lang: &str| {
            of_locale(|name| {
                let value = match name {
                    "LC_ALL" => all,
                    "LC_MESSAGES" => messages,
                    _ => lang,
                };
                Some(value.to_owned())
            })
        };
        assert_eq!(choose("", "", "en_GB.UTF-8"), Language::English);
        assert_eq!(choose("", "fr_FR", "en_GB"), Language::French);
        assert_eq!(choose("en_US", "fr_FR", "fr_FR"), Language::English);
        assert_eq!(choose("", "", "C.UTF-8"), Language::French);
        assert_eq!(choose("", "", ""), Language::French);
    }
}
