//! Asking the person: through GnuPG's pinentry programs, never through a page.

use std::path::PathBuf;
use std::time::Duration;

use cardea_card::{Pin, Puk};
use pinentry::{ConfirmationDialog, MessageDialog, PassphraseInput};
use secrecy::{ExposeSecret as _, SecretString};

use crate::Error;
use crate::config::{self, Config};
use crate::language::Language;
use crate::protected_program;

/// Assuan's "not confirmed" (libgpg-error 114): the answer to CONFIRM when Cancel was pressed.
const NOT_CONFIRMED: u16 = 114;

/// Asks a person. Methods block until they are answered; the caller gives them a thread.
///
/// Every text passed in is fit to be shown, and short enough for a line of the protocol.
pub trait PinPrompt: Send + Sync + 'static {
    /// Asks for the PIN.
    ///
    /// # Errors
    /// [`Error::PromptCancelled`], [`Error::PromptTimedOut`], [`Error::PromptUnavailable`], and the
    /// card crate's `PinMalformed` when what was typed cannot be a PIN.
    fn ask_pin(&self, question: &PinQuestion) -> Result<Pin, Error>;

    /// Asks for the unblocking code: only ever for `cardea-agent card unblock`.
    ///
    /// # Errors
    /// As for [`PinPrompt::ask_pin`], with `PukMalformed`.
    fn ask_puk(&self, question: &PinQuestion) -> Result<Puk, Error> {
        let _ = question;
        Err(Error::PromptUnavailable {
            reason: "it asks for no unblocking code",
        })
    }

    /// Asks to go on, to pass on to the next choice where there is one, or to give up.
    ///
    /// # Errors
    /// [`Error::PromptTimedOut`], [`Error::PromptUnavailable`].
    fn confirm(&self, question: &Confirmation) -> Result<Choice, Error>;

    /// Shows a text with one button.
    ///
    /// # Errors
    /// As for [`PinPrompt::confirm`].
    fn tell(&self, text: &str, limit: Duration) -> Result<(), Error>;

    /// Shows a text with one button to give up, while something goes on elsewhere; returns when it
    /// was pressed.
    ///
    /// # Errors
    /// As for [`PinPrompt::confirm`].
    fn wait_for_giving_up(&self, text: &str, limit: Duration) -> Result<(), Error>;
}

/// The PIN prompt's content.
#[derive(Clone, Debug)]
pub struct PinQuestion {
    /// What the PIN is for.
    pub description: String,
    /// What stands beside the field.
    pub label: &'static str,
    /// Why it is asked again, shown as an error.
    pub remark: Option<String>,
    /// How long to wait.
    pub limit: Duration,
}

/// A question's content.
#[derive(Clone, Debug)]
pub struct Confirmation {
    /// The question.
    pub text: String,
    /// The button that goes on.
    pub go_on: &'static str,
    /// The button that gives up.
    pub give_up: &'static str,
    /// The button for the next choice, if there is one.
    pub next: Option<&'static str>,
    /// How long to wait.
    pub limit: Duration,
}

/// The answer to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Go on.
    GoOn,
    /// Ask about the next one.
    Next,
    /// Give up.
    GiveUp,
}

/// A program that speaks the pinentry protocol.
#[derive(Clone, Debug)]
pub struct Pinentry {
    program: PathBuf,
    language: Language,
    terminal: Option<String>,
}

impl Pinentry {
    /// The program that a configuration names, found before the first person needs it.
    ///
    /// # Errors
    /// [`Error::ConfigInvalid`] when it is not there or cannot be executed; [`Error::FileUnsafe`]
    /// when somebody else can change or replace it (attack D16).
    pub fn find(config: &Config) -> Result<Self, Error> {
        let Some(program) = protected_program::find(&config.pinentry)? else {
            let reason = format!("`{}` {MISSING_ADVICE}", config.pinentry.display());
            return Err(config::invalid(&config.file, "pinentry", reason));
        };
        Ok(Self::new(program, config.language).with_terminal(config.terminal.clone()))
    }

    /// A path, or a name to look up in `PATH`.
    #[must_use]
    pub fn new(program: PathBuf, language: Language) -> Self {
        Self {
            program,
            language,
            terminal: None,
        }
    }

    /// The terminal that a textual prompt uses, such as `/dev/pts/3`.
    #[must_use]
    pub fn with_terminal(mut self, terminal: Option<String>) -> Self {
        self.terminal = terminal;
        self
    }

    fn platform_options(&self) -> pinentry::unix::Options<'_> {
        let options = pinentry::unix::Options::builder();
        match &self.terminal {
            Some(terminal) => options.tty_name(terminal).build(),
            None => options.build(),
        }
    }
}

impl PinPrompt for Pinentry {
    fn ask_pin(&self, question: &PinQuestion) -> Result<Pin, Error> {
        let typed = self.ask(question)?;
        Ok(Pin::parse(typed.expose_secret())?)
    }

    fn ask_puk(&self, question: &PinQuestion) -> Result<Puk, Error> {
        match self.ask(question) {
            Ok(typed) => Ok(Puk::parse(typed.expose_secret())?),
            // What was typed is no text at all.
            Err(Error::Card(cardea_card::Error::PinMalformed)) => {
                Err(cardea_card::Error::PukMalformed.into())
            }
            Err(error) => Err(error),
        }
    }

    fn confirm(&self, question: &Confirmation) -> Result<Choice, Error> {
        let mut dialog = ConfirmationDialog::with_binary(&self.program).ok_or(MISSING)?;
        dialog
            .with_ok(question.go_on)
            .with_cancel(question.give_up)
            .with_timeout(seconds(question.limit))
            .with_unix_options(self.platform_options());
        if let Some(next) = question.next {
            dialog.with_not_ok(next);
        }
        match dialog.confirm(&question.text) {
            Ok(true) => Ok(Choice::GoOn),
            Ok(false) if question.next.is_some() => Ok(Choice::Next),
            Ok(false) | Err(pinentry::Error::Cancelled) => Ok(Choice::GiveUp),
            Err(pinentry::Error::Gpg(error)) if error.code() == NOT_CONFIRMED => Ok(Choice::GiveUp),
            Err(error) => Err(failure(&error)),
        }
    }

    fn tell(&self, text: &str, limit: Duration) -> Result<(), Error> {
        self.message(text, self.language.close(), limit)
    }

    fn wait_for_giving_up(&self, text: &str, limit: Duration) -> Result<(), Error> {
        self.message(text, self.language.cancel(), limit)
    }
}

impl Pinentry {
    /// What was typed, which wipes itself.
    fn ask(&self, question: &PinQuestion) -> Result<SecretString, Error> {
        let mut dialog = PassphraseInput::with_binary(&self.program).ok_or(MISSING)?;
        dialog
            .with_title(self.language.window_title())
            .with_description(&question.description)
            .with_prompt(question.label)
            .with_ok(self.language.go_on())
            .with_cancel(self.language.cancel())
            .with_timeout(seconds(question.limit))
            .with_unix_options(self.platform_options());
        if let Some(remark) = &question.remark {
            dialog.with_error(remark);
        }
        dialog.interact().map_err(|error| failure(&error))
    }

    fn message(&self, text: &str, button: &str, limit: Duration) -> Result<(), Error> {
        let mut dialog = MessageDialog::with_binary(&self.program).ok_or(MISSING)?;
        dialog
            .with_ok(button)
            .with_timeout(seconds(limit))
            .with_unix_options(self.platform_options());
        match dialog.show_message(text) {
            // Closing the window is an answer, too.
            Ok(()) | Err(pinentry::Error::Cancelled) => Ok(()),
            Err(error) => Err(failure(&error)),
        }
    }
}

const MISSING: Error = Error::PromptUnavailable {
    reason: "the pinentry program is not there or not executable",
};

/// Names of Debian's packages, which most other systems share.
const MISSING_ADVICE: &str = "is not there or not executable; install a PIN prompt (pinentry-gtk2, \
    pinentry-gnome3 or pinentry-qt; without a desktop pinentry-curses or pinentry-tty), and give \
    its path or a name found in PATH";

/// The crate's own text is dropped on purpose: on a broken protocol it can contain what was typed.
fn failure(error: &pinentry::Error) -> Error {
    let reason = match error {
        pinentry::Error::Cancelled => return Error::PromptCancelled,
        pinentry::Error::Timeout => return Error::PromptTimedOut,
        pinentry::Error::Encoding(_) => return cardea_card::Error::PinMalformed.into(),
        pinentry::Error::Io(_) => "the pinentry program ended or broke the protocol",
        pinentry::Error::Gpg(_) => "the pinentry program reported an error",
    };
    Error::PromptUnavailable { reason }
}

/// At least one second: zero would switch the program's own limit off.
fn seconds(limit: Duration) -> u16 {
    u16::try_from(limit.as_secs()).unwrap_or(u16::MAX).max(1)
}

#[cfg(test)]
mod tests;
