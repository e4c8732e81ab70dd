//! Asking the person: through GnuPG's pinentry programs, never through a page.

use std::path::PathBuf;
use std::time::Duration;

use cardea_card::{Pin, Puk};
use zeroize::Zeroizing;

use crate::Error;
use crate::config::{self, Config};
use crate::language::Language;
use crate::protected_program;

mod assuan;
mod running;
mod start;

use assuan::{Dialog, Refused};
use running::RunningPrompts;
pub(crate) use start::OWN_PROGRAM;
use start::PromptCommand;
pub use start::become_prompt;

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

    /// Takes what is on the screen away, and shows nothing any more: the agent ends.
    fn stop(&self) {}
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
    ends_with_this_program: bool,
    running: RunningPrompts,
}

impl Pinentry {
    /// The program that a configuration names, found before the first person needs it.
    ///
    /// # Errors
    /// [`Error::ConfigInvalid`] when it is not there or cannot be executed; [`Error::FileUnsafe`]
    /// when somebody else can change or replace it (attack D16).
    pub fn find(config: &Config) -> Result<Self, Error> {
        let Some(program) =
            protected_program::find(&config.pinentry).map_err(config.blame("pinentry"))?
        else {
            let reason = format!("`{}` {MISSING_ADVICE}", config.pinentry.display());
            return Err(config::invalid(&config.file, "pinentry", reason));
        };
        Ok(Self::new(program, config.language).with_terminal(config.terminal.clone()))
    }

    /// The program's path.
    #[must_use]
    pub fn new(program: PathBuf, language: Language) -> Self {
        Self {
            program,
            language,
            terminal: None,
            ends_with_this_program: false,
            running: RunningPrompts::default(),
        }
    }

    /// The terminal that a textual prompt uses, such as `/dev/pts/3`.
    #[must_use]
    pub fn with_terminal(mut self, terminal: Option<String>) -> Self {
        self.terminal = terminal;
        self
    }

    /// Has the system end the prompt when this program ends, even if it is killed. For the program
    /// `cardea-agent` alone, which starts itself for it.
    #[must_use]
    pub fn ending_with_this_program(mut self) -> Self {
        self.ends_with_this_program = true;
        self
    }
}

impl PinPrompt for Pinentry {
    fn ask_pin(&self, question: &PinQuestion) -> Result<Pin, Error> {
        let typed = self.ask(question)?;
        Ok(Pin::parse(&typed)?)
    }

    fn ask_puk(&self, question: &PinQuestion) -> Result<Puk, Error> {
        match self.ask(question) {
            Ok(typed) => Ok(Puk::parse(&typed)?),
            // What was typed is no text at all.
            Err(Error::Card(cardea_card::Error::PinMalformed)) => {
                Err(cardea_card::Error::PukMalformed.into())
            }
            Err(error) => Err(error),
        }
    }

    fn confirm(&self, question: &Confirmation) -> Result<Choice, Error> {
        let mut settings = vec![
            ("SETDESC", question.text.as_str()),
            ("SETOK", question.go_on),
            ("SETCANCEL", question.give_up),
        ];
        settings.extend(question.next.map(|next| ("SETNOTOK", next)));
        match self.show(&settings, question.limit, "CONFIRM") {
            Ok(_) => Ok(Choice::GoOn),
            Err(Refused::NotConfirmed) if question.next.is_some() => Ok(Choice::Next),
            Err(Refused::NotConfirmed | Refused::Cancelled) => Ok(Choice::GiveUp),
            Err(refused) => Err(failure(refused)),
        }
    }

    fn tell(&self, text: &str, limit: Duration) -> Result<(), Error> {
        self.message(text, self.language.close(), limit)
    }

    fn wait_for_giving_up(&self, text: &str, limit: Duration) -> Result<(), Error> {
        self.message(text, self.language.cancel(), limit)
    }

    fn stop(&self) {
        self.running.stop();
    }
}

impl Pinentry {
    /// What was typed, which wipes itself.
    fn ask(&self, question: &PinQuestion) -> Result<Zeroizing<String>, Error> {
        let mut settings = vec![
            ("SETDESC", question.description.as_str()),
            ("SETPROMPT", question.label),
            ("SETOK", self.language.go_on()),
            ("SETCANCEL", self.language.cancel()),
        ];
        settings.extend(
            question
                .remark
                .as_deref()
                .map(|remark| ("SETERROR", remark)),
        );
        self.show(&settings, question.limit, "GETPIN")
            .map_err(failure)
    }

    fn message(&self, text: &str, button: &str, limit: Duration) -> Result<(), Error> {
        let settings = [("SETDESC", text), ("SETOK", button)];
        match self.show(&settings, limit, "MESSAGE") {
            // Closing the window is an answer, too.
            Ok(_) | Err(Refused::Cancelled) => Ok(()),
            Err(refused) => Err(failure(refused)),
        }
    }

    /// Starts the program, tells it what to show, and waits for the answer.
    fn show(
        &self,
        settings: &[(&str, &str)],
        limit: Duration,
        question: &str,
    ) -> Result<Zeroizing<String>, Refused> {
        let command = if self.ends_with_this_program {
            PromptCommand::ending_with_this_program(&self.program)
        } else {
            PromptCommand::plain(&self.program)
        };
        let mut dialog = Dialog::open(command, &self.running)?;
        let terminal = self.terminal.as_deref().unwrap_or("/dev/tty");
        let kind = std::env::var("TERM").unwrap_or_else(|_| "xterm-256color".to_owned());
        for option in [format!("ttyname={terminal}"), format!("ttytype={kind}")] {
            dialog.ask("OPTION", Some(&option))?;
        }
        let title = [("SETTITLE", self.language.window_title())];
        for (setting, value) in title.iter().chain(settings) {
            dialog.ask(setting, Some(value))?;
        }
        dialog.ask("SETTIMEOUT", Some(&seconds(limit).to_string()))?;
        dialog.ask(question, None)
    }
}

/// Names of Debian's packages, which most other systems share.
const MISSING_ADVICE: &str = "is not there or not executable; install a PIN prompt (pinentry-gtk2, \
    pinentry-gnome3 or pinentry-qt; without a desktop pinentry-curses or pinentry-tty), and give \
    its path or a name found in PATH";

/// The program's own text is dropped on purpose: nobody promises what is in it.
fn failure(refused: Refused) -> Error {
    let reason = match refused {
        Refused::Cancelled | Refused::NotConfirmed => return Error::PromptCancelled,
        Refused::TimedOut => return Error::PromptTimedOut,
        Refused::NotText => return cardea_card::Error::PinMalformed.into(),
        Refused::Stopped => return Error::Interrupted,
        Refused::KeyboardTaken => "another window has the keyboard or the mouse for itself",
        Refused::Broken => "the pinentry program is missing, ended or broke the protocol",
        Refused::Reported => "the pinentry program reported an error",
    };
    Error::PromptUnavailable { reason }
}

/// At least one second: zero would switch the program's own limit off.
fn seconds(limit: Duration) -> u16 {
    u16::try_from(limit.as_secs()).unwrap_or(u16::MAX).max(1)
}

#[cfg(test)]
mod tests;
