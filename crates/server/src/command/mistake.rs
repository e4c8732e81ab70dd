//! A command line that is not understood, for programs.

use std::ffi::OsString;
use std::io;

use serde::Serialize;

use super::pki::InputError;
use super::terminal_text;

/// The mistake as a JSON document.
#[derive(Serialize)]
struct CommandLineRefused {
    /// The answer of the certificate commands.
    #[serde(skip_serializing_if = "Option::is_none")]
    valid: Option<bool>,
    code: &'static str,
    reason: String,
}

/// Tells programs what is wrong with the command line, where its words ask for JSON and the command
/// has it: who reads one document reads one in every case.
pub(super) fn report_command_line(words: impl Iterator<Item = OsString>, text: &str) {
    let words: Vec<OsString> = words.take_while(|word| word != "--").collect();
    let valid = match words.first().and_then(|word| word.to_str()) {
        Some("pki") => Some(false),
        Some("clients") => None,
        _ => return,
    };
    if !words.iter().any(|word| word == "--json") {
        return;
    }
    // The usage after the empty line is for people.
    let reason = text.split("\n\n").next().unwrap_or_default();
    let reason = reason.strip_prefix("error: ").unwrap_or(reason);
    let error = InputError::case(reason.trim());
    let refused = CommandLineRefused {
        valid,
        code: error.code(),
        reason: error.to_string(),
    };
    // People have been told; a closed standard output has no reader.
    let _ = terminal_text::write_json(&mut io::stdout().lock(), &refused);
}
