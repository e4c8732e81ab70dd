//! The module that runs this program: it shows lines, asks for Enter, and writes the log.

use std::io::Write as _;
use std::process::ExitCode;

use crate::Error;
use crate::words::Language;

/// Longest line, in characters.
const LINE_CHARACTERS_MAX: usize = 500;

/// The other end of standard output.
pub(crate) struct Module(());

impl Module {
    pub(crate) fn new() -> Self {
        Self(())
    }

    /// Shows a line to the person.
    pub(crate) fn show(&self, text: &str) {
        self.write('I', text);
    }

    /// Writes a line of the system's log.
    pub(crate) fn log(&self, text: &str) {
        self.write('L', text);
    }

    /// Shows a line, behind which Enter is waited for.
    pub(crate) fn ask_for_enter(&self, text: &str) {
        self.write('P', text);
    }

    /// Tells the person and the log, and ends.
    pub(crate) fn refuse(&self, error: &Error, language: Language) -> ExitCode {
        self.log(&format!("{}: {error}", error.code()));
        self.show(&language.refusal(error));
        ExitCode::from(error.exit_code())
    }

    /// One line, whatever stands in the text: no control character reaches a terminal or a log.
    fn write(&self, kind: char, text: &str) {
        let text: String = text
            .chars()
            .map(|it| if it.is_control() { ' ' } else { it })
            .take(LINE_CHARACTERS_MAX)
            .collect();
        let mut out = std::io::stdout().lock();
        // A module that does not listen has gone: its other end tells.
        let written = writeln!(out, "{kind} {text}").and_then(|()| out.flush());
        drop(written);
    }
}
