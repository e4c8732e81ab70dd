//! The stream of states that a page follows while a person is asked: one JSON document a line.

use std::borrow::Cow;

use serde::Serialize;
use tokio::sync::mpsc;

use crate::Error;
use crate::language::Language;

/// Lines that may wait for a page that does not read.
const LINES_WAITING_MAX: usize = 8;

/// One line of the stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Line {
    /// The first line: the challenge is this agent's to answer. It names the enrolment and the
    /// challenge, so that a page sees when another program answers at the agent's place.
    Accepted {
        /// The enrolled issuer.
        issuer: String,
        /// SHA-256 of the challenge, base64url.
        challenge: String,
    },
    /// Where the sign-in stands.
    State {
        /// The state's name.
        state: State,
        /// Tries that the card has left, where it tells.
        #[serde(skip_serializing_if = "Option::is_none")]
        tries_left: Option<u8>,
    },
    /// The end: signed.
    Assertion {
        /// The card's statement.
        assertion: String,
        /// The agent's countersignature.
        attestation: String,
    },
    /// The end: not signed.
    Error {
        /// The stable code.
        code: &'static str,
        /// One sentence for the person.
        title: &'static str,
        /// What the person can do.
        #[serde(skip_serializing_if = "Option::is_none")]
        advice: Option<Cow<'static, str>>,
        /// Tries that the card has left, where it tells.
        #[serde(skip_serializing_if = "Option::is_none")]
        tries_left: Option<u8>,
        /// When a next try makes sense, where the agent told somebody to wait.
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_after_seconds: Option<u64>,
    },
}

/// Where a sign-in stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// No card is in a reader: the person is to insert one.
    InsertCard,
    /// No reader is connected: the person is to plug one in.
    ReaderMissing,
    /// The readers cannot be seen: the service that talks to them does not answer.
    ReaderServiceDown,
    /// Another program holds the reader; the agent waits for it a moment longer.
    ReaderBusy,
    /// Several cards are in: the person is to choose one.
    ChooseCard,
    /// A card was found and read.
    CardFound,
    /// The PIN is being asked.
    PinAsked,
    /// The PIN is being asked by the reader, which has keys of its own.
    PinOnReader,
    /// No PIN is asked: the person confirms by a click.
    ConfirmAsked,
    /// The PIN was wrong; it is asked again.
    PinIncorrect,
    /// One try is left; the person is asked whether to use it.
    PinLastTry,
    /// The card signs.
    Signing,
}

impl State {
    /// The word on the wire.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::InsertCard => "insert_card",
            Self::ReaderMissing => "reader_missing",
            Self::ReaderServiceDown => "reader_service_down",
            Self::ReaderBusy => "reader_busy",
            Self::ChooseCard => "choose_card",
            Self::CardFound => "card_found",
            Self::PinAsked => "pin_asked",
            Self::PinOnReader => "pin_on_reader",
            Self::ConfirmAsked => "confirm_asked",
            Self::PinIncorrect => "pin_incorrect",
            Self::PinLastTry => "pin_last_try",
            Self::Signing => "signing",
        }
    }
}

impl Line {
    pub(crate) fn error(error: &Error, language: Language) -> Self {
        Self::Error {
            code: error.code(),
            title: error.title(language),
            advice: error.advice(language),
            tries_left: error.tries_left(),
            retry_after_seconds: error.retry_after_seconds(),
        }
    }
}

/// The sending end. The page has gone when the receiving end has.
#[derive(Debug)]
pub(crate) struct Progress(mpsc::Sender<Line>);

impl Progress {
    /// Both ends of a stream.
    pub(crate) fn channel() -> (Self, mpsc::Receiver<Line>) {
        let (sender, receiver) = mpsc::channel(LINES_WAITING_MAX);
        (Self(sender), receiver)
    }

    /// Sends a line.
    ///
    /// # Errors
    /// [`Error::PageGone`], also when the page has stopped reading.
    pub(crate) fn send(&self, line: Line) -> Result<(), Error> {
        self.0.try_send(line).map_err(|_| Error::PageGone)
    }

    /// Sends a state.
    ///
    /// # Errors
    /// As [`Progress::send`].
    pub(crate) fn state(&self, state: State, tries_left: Option<u8>) -> Result<(), Error> {
        self.send(Line::State { state, tries_left })
    }

    /// Resolves when the page has gone.
    pub(crate) async fn page_gone(&self) {
        self.0.closed().await;
    }

    /// A watch over this stream.
    pub(crate) fn watch(&self) -> ProgressWatch {
        ProgressWatch(self.0.downgrade())
    }

    /// Refuses to go on for a page that has gone.
    ///
    /// # Errors
    /// [`Error::PageGone`].
    pub(crate) fn check_page(&self) -> Result<(), Error> {
        if self.0.is_closed() {
            Err(Error::PageGone)
        } else {
            Ok(())
        }
    }
}

/// Watches a stream without keeping it open.
#[derive(Debug)]
pub(crate) struct ProgressWatch(mpsc::WeakSender<Line>);

impl ProgressWatch {
    /// Whether the page has gone, or has got its last line.
    pub(crate) fn is_over(&self) -> bool {
        self.0.upgrade().is_none_or(|sender| sender.is_closed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_as_the_page_expects_them() {
        let json = |line: &Line| serde_json::to_string(line).unwrap();
        let accepted = Line::Accepted {
            issuer: "https://login.example".to_owned(),
            challenge: "h".to_owned(),
        };
        assert_eq!(
            json(&accepted),
            r#"{"type":"accepted","issuer":"https://login.example","challenge":"h"}"#
        );
        let asked = Line::State {
            state: State::PinAsked,
            tries_left: Some(3),
        };
        assert_eq!(
            json(&asked),
            r#"{"type":"state","state":"pin_asked","tries_left":3}"#
        );
        let insert = Line::State {
            state: State::InsertCard,
            tries_left: None,
        };
        assert_eq!(json(&insert), r#"{"type":"state","state":"insert_card"}"#);
        let done = Line::Assertion {
            assertion: "a".to_owned(),
            attestation: "b".to_owned(),
        };
        assert_eq!(
            json(&done),
            r#"{"type":"assertion","assertion":"a","attestation":"b"}"#
        );
        let error = Line::error(&Error::PromptCancelled, Language::English);
        assert_eq!(
            json(&error),
            r#"{"type":"error","code":"agent.prompt_cancelled","title":"You cancelled the sign-in."}"#
        );
    }
}
