//! `cardea openapi`: prints the OpenAPI document.

use std::io::Write as _;

use crate::openapi::document;

/// Prints the document.
///
/// # Errors
/// When standard output takes nothing.
pub(super) fn print() -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(&document(None)?)?;
    Ok(writeln!(std::io::stdout(), "{text}")?)
}
