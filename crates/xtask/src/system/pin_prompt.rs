//! Who answers the agent's PIN prompt: the person, or a script.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::json;

use crate::system::card::quoted;
use crate::{install, process, workspace};

/// How the agent asks for the PIN.
#[derive(Clone, Debug)]
pub enum PinPrompt {
    /// The machine's own pinentry: a window, or this terminal when there is no display.
    Person {
        /// The terminal's device, such as `/dev/pts/3`.
        terminal: Option<String>,
    },
    /// A pinentry that answers by itself; the last answer repeats.
    Script(Vec<Answer>),
}

/// One answer of the scripted prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Types this PIN.
    Pin(String),
    /// Types this PIN after that many milliseconds, as a person would.
    SlowPin(String, u32),
    /// Presses "OK" on a question.
    Confirm,
    /// Presses the other button on a question: not this card, the next one.
    Decline,
    /// Presses "Cancel".
    Cancel,
}

impl PinPrompt {
    /// Prepares it and gives the program for the agent's settings.
    pub(super) fn install(&self, folder: &Path) -> Result<PathBuf> {
        match self {
            Self::Person { .. } => person_program(),
            Self::Script(answers) => {
                write_script(folder, answers)?;
                write_program(folder)
            }
        }
    }

    /// Tells pinentry which terminal to use (gpg-agent(1), GPG_TTY).
    pub(super) fn set_environment(&self, command: &mut Command) {
        if let Self::Person {
            terminal: Some(terminal),
        } = self
        {
            command.env("GPG_TTY", terminal);
        }
    }
}

fn person_program() -> Result<PathBuf> {
    let graphical = [
        "pinentry-gnome3",
        "pinentry-qt",
        "pinentry-qt5",
        "pinentry-gtk-2",
        "pinentry-fltk",
    ];
    let textual = ["pinentry-curses", "pinentry-tty", "pinentry"];
    let wanted: &[&str] = if install::has_display() {
        &graphical
    } else {
        &textual
    };
    wanted
        .iter()
        .chain(&["pinentry"])
        .find_map(|name| process::find_program(name))
        .with_context(|| install::hint("a PIN prompt (pinentry)"))
}

/// Writes the answers, one JSON document a line, as `cardea-vcard pinentry --script` reads them.
pub(super) fn write_script(folder: &Path, answers: &[Answer]) -> Result<()> {
    let lines: String = answers
        .iter()
        .map(|answer| match answer {
            Answer::Pin(pin) => json!({ "pin": pin }),
            Answer::SlowPin(pin, after_ms) => json!({ "pin": pin, "after_ms": after_ms }),
            Answer::Confirm => json!({ "confirm": true }),
            Answer::Decline => json!({ "confirm": false }),
            Answer::Cancel => json!({ "cancel": true }),
        })
        .map(|answer| format!("{answer}\n"))
        .collect();
    // Moved into place in one step: a prompt never reads half a script.
    let (file, next) = (script_file(folder), folder.join("pinentry-script.next"));
    // The place in the script follows from the log: a new script begins at its first answer.
    let _ = fs::remove_file(log_file(folder));
    fs::write(&next, lines)
        .and_then(|()| fs::rename(&next, &file))
        .with_context(|| format!("can't write {}", file.display()))
}

/// The agent starts its prompt without arguments, so a small program adds them.
fn write_program(folder: &Path) -> Result<PathBuf> {
    let program = folder.join("pinentry");
    let vcard = workspace::binary("cardea-vcard")?;
    let text = format!(
        "#!/bin/sh\nexec {} pinentry --script {}\n",
        quoted(&vcard),
        quoted(&script_file(folder))
    );
    fs::write(&program, text)
        .and_then(|()| fs::set_permissions(&program, fs::Permissions::from_mode(0o700)))
        .with_context(|| format!("can't write {}", program.display()))?;
    Ok(program)
}

fn script_file(folder: &Path) -> PathBuf {
    folder.join("pinentry-script.jsonl")
}

/// What the scripted prompt was shown.
pub(super) fn log_file(folder: &Path) -> PathBuf {
    folder.join("pinentry-script.jsonl.log")
}
