//! The protocol of pinentry programs (Assuan): a line asked, lines answered.
//!
//! Written here, since a prompt must not outlive the agent, and what the program complains about on
//! standard error decides whether the person cancelled.

use std::io::{Read as _, Write as _};
use std::process::{ChildStdin, ChildStdout};
use std::time::Duration;

use zeroize::Zeroizing;

use super::running::{Running, RunningPrompts};
use super::start::PromptCommand;

/// Longest line of the protocol, its end included (libassuan's `ASSUAN_LINELENGTH`).
const LINE_BYTES_MAX: usize = 1002;
/// Lines of one answer at most: a program that only ever comments is broken.
const LINES_MAX: usize = 1_000;
/// How long a program may take to leave once it was told to.
const LEAVING_LIMIT: Duration = Duration::from_secs(1);

/// The lowest 16 bits of an error are its code (libgpg-error).
const CODE_MASK: u32 = 0xffff;
const TIMED_OUT: u32 = 62;
const CANCELLED: u32 = 99;
const NOT_CONFIRMED: u32 = 114;

/// Why a request was not granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The person pressed Cancel, or closed the window.
    Cancelled,
    /// The person pressed the button that says no.
    NotConfirmed,
    /// Nobody answered in time.
    TimedOut,
    /// The window could not have the keyboard for itself, so it went away by itself.
    KeyboardTaken,
    /// What was typed is no text.
    NotText,
    /// The agent stops.
    Stopped,
    /// The program could not be started, ended, or broke the protocol.
    Broken,
    /// The program reported another error.
    Reported,
}

/// A running program, and the pipes to it.
pub(super) struct Dialog {
    program: Running,
    requests: ChildStdin,
    answers: ChildStdout,
}

impl Dialog {
    /// Starts the program and waits until it is ready.
    pub(super) fn open(command: PromptCommand, running: &RunningPrompts) -> Result<Self, Refused> {
        let (program, requests, answers) = running.start(command)?;
        let mut dialog = Self {
            program,
            requests,
            answers,
        };
        dialog.answer().map_err(|refused| dialog.explain(refused))?;
        Ok(dialog)
    }

    /// Makes one request; what was typed, if anything was.
    pub(super) fn ask(
        &mut self,
        command: &str,
        parameter: Option<&str>,
    ) -> Result<Zeroizing<String>, Refused> {
        let line = request_line(command, parameter);
        let written = self.requests.write_all(line.as_bytes());
        let answer = match written {
            Ok(()) => self.answer(),
            Err(_) => Err(Refused::Broken),
        };
        answer.map_err(|refused| self.explain(refused))
    }

    /// A "cancelled" is the person's only if the window ever had the keyboard; and a program that
    /// was ended with the agent is not broken.
    fn explain(&mut self, refused: Refused) -> Refused {
        if self.program.was_stopped() {
            return Refused::Stopped;
        }
        match refused {
            Refused::Cancelled => {
                self.leave();
                if self.program.lacked_the_keyboard() {
                    Refused::KeyboardTaken
                } else {
                    Refused::Cancelled
                }
            }
            other => other,
        }
    }

    fn leave(&mut self) {
        let _ = self.requests.write_all(b"BYE\n");
        self.program.end(LEAVING_LIMIT);
    }

    /// The lines up to OK or ERR.
    fn answer(&mut self) -> Result<Zeroizing<String>, Refused> {
        // Never grows beyond this, so that no copy of a PIN stays behind.
        let mut typed = Zeroizing::new(Vec::with_capacity(2 * LINE_BYTES_MAX));
        for _ in 0..LINES_MAX {
            let line = self.line()?;
            if let Some(data) = line.strip_prefix(b"D ") {
                if typed.len() + data.len() > typed.capacity() {
                    return Err(Refused::Broken);
                }
                append_decoded(&mut typed, data)?;
            } else if let Some(code) = line.strip_prefix(b"ERR ") {
                return Err(refusal(code));
            } else if line.as_slice() == b"OK" || line.starts_with(b"OK ") {
                let text = std::str::from_utf8(&typed).map_err(|_| Refused::NotText)?;
                return Ok(Zeroizing::new(text.to_owned()));
            }
            // Comments (#) and status lines (S) say nothing that matters here.
        }
        Err(Refused::Broken)
    }

    /// Byte by byte: a buffer of the standard library would keep a PIN.
    fn line(&mut self) -> Result<Zeroizing<Vec<u8>>, Refused> {
        let mut line = Zeroizing::new(Vec::with_capacity(LINE_BYTES_MAX));
        let mut byte = Zeroizing::new([0_u8]);
        while line.len() < LINE_BYTES_MAX {
            self.answers
                .read_exact(&mut *byte)
                .map_err(|_| Refused::Broken)?;
            match *byte {
                [b'\n'] => return Ok(line),
                [b'\r'] => {}
                [other] => line.push(other),
            }
        }
        Err(Refused::Broken)
    }
}

impl Drop for Dialog {
    fn drop(&mut self) {
        self.leave();
    }
}

fn refusal(text: &[u8]) -> Refused {
    let digits = text.split(|byte| *byte == b' ').next().unwrap_or_default();
    let code = std::str::from_utf8(digits)
        .ok()
        .and_then(|digits| digits.parse::<u32>().ok());
    match code.map(|code| code & CODE_MASK) {
        Some(CANCELLED) => Refused::Cancelled,
        Some(NOT_CONFIRMED) => Refused::NotConfirmed,
        Some(TIMED_OUT) => Refused::TimedOut,
        Some(_) => Refused::Reported,
        None => Refused::Broken,
    }
}

/// A request, with the characters escaped that would end its line. What is too long for a line is
/// cut: the program would refuse it whole.
fn request_line(command: &str, parameter: Option<&str>) -> String {
    let mut line = command.to_owned();
    if let Some(parameter) = parameter {
        line.push(' ');
        for character in parameter.chars() {
            let before = line.len();
            match character {
                '\n' => line.push_str("%0A"),
                '\r' => line.push_str("%0D"),
                '%' => line.push_str("%25"),
                // At the end of a line it would join the next one.
                '\\' => line.push_str("%5C"),
                other => line.push(other),
            }
            if line.len() >= LINE_BYTES_MAX - 2 {
                line.truncate(before);
                break;
            }
        }
    }
    line.push('\n');
    line
}

fn append_decoded(typed: &mut Vec<u8>, data: &[u8]) -> Result<(), Refused> {
    let mut bytes = data.iter();
    while let Some(byte) = bytes.next() {
        if *byte != b'%' {
            typed.push(*byte);
            continue;
        }
        let mut digit = || {
            let digit = bytes.next().and_then(|byte| char::from(*byte).to_digit(16));
            digit.and_then(|digit| u8::try_from(digit).ok())
        };
        let (Some(high), Some(low)) = (digit(), digit()) else {
            return Err(Refused::Broken);
        };
        typed.push(high * 16 + low);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_stays_on_one_line_of_the_protocols_length() {
        let cases = [
            (None, "SETDESC\n"),
            (Some("a\nb 100 %"), "SETDESC a%0Ab 100 %25\n"),
            (Some("\\"), "SETDESC %5C\n"),
        ];
        for (parameter, line) in cases {
            assert_eq!(request_line("SETDESC", parameter), line);
        }
        let long = request_line("SETDESC", Some(&"é".repeat(1_000)));
        assert!(long.len() <= LINE_BYTES_MAX && long.ends_with("é\n"));
    }

    #[test]
    fn what_is_typed_is_unescaped() {
        let mut typed = Vec::new();
        append_decoded(&mut typed, b"1%2534%0a").unwrap();
        assert_eq!(typed, b"1%34\n");
        assert_eq!(
            append_decoded(&mut typed, b"1%2").unwrap_err(),
            Refused::Broken
        );
    }

    #[test]
    fn an_errors_source_does_not_hide_its_code() {
        let cases = [
            (&b"83886179 Operation cancelled"[..], Refused::Cancelled),
            (b"99", Refused::Cancelled),
            (b"83886194 Not confirmed", Refused::NotConfirmed),
            (b"83886142 Timeout", Refused::TimedOut),
            (
                b"83918950 Inappropriate ioctl for device",
                Refused::Reported,
            ),
            (b"nonsense", Refused::Broken),
        ];
        for (text, refused) in cases {
            assert_eq!(refusal(text), refused);
        }
    }
}
