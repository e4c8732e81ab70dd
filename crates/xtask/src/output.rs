//! The two voices of the program: results on stdout, everything for the person on stderr.

use std::io::Write;

/// Writes one line of the result to stdout. A closed stdout (`| head`) is not an error.
pub fn result(line: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

/// Writes one line for the person who watches to stderr.
pub fn note(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Announces a step, so that a long wait always has a name.
pub fn step(name: &str) {
    note(&format!("== {name}"));
}
