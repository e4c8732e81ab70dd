//! `cardea-guard replay`: runs recorded acts through the rules, one decision a line.

use std::io::{BufRead, Write};

use crate::{Config, Error};

/// Reads acts, one a line, and writes a decision for each.
///
/// # Errors
/// [`Error::ReplayLineInvalid`] never: a bad line gets a line that says so. Only what can't be read
/// or written ends the replay.
pub fn run(_config: &Config, _input: impl BufRead, _output: impl Write) -> Result<(), Error> {
    Ok(())
}
