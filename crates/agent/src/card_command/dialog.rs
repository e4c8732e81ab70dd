//! One window after the other, for one card: it goes when the card goes or the command is stopped.

use std::sync::Arc;
use std::time::Duration;

use cardea_card::{Error as CardError, Pin, Puk};
use tokio::sync::watch;

use crate::Error;
use crate::card_session::CardSession;
use crate::language::Language;
use crate::pin_prompt::{Choice, Confirmation, PinPrompt, PinQuestion};
use crate::prompt_text::{Care, CareRemark, Entry, Remark, ShownCard};
use crate::prompt_window;
use crate::reader_watch::{self, ReaderWatch};

/// How long a window outlives the prompt program's own time limit before it is taken away.
const GRACE: Duration = Duration::from_secs(2);

/// Asks what one change needs.
pub(super) struct Dialog<'a> {
    pub(super) prompt: Arc<dyn PinPrompt>,
    pub(super) language: Language,
    pub(super) limit: Duration,
    pub(super) readers: &'a ReaderWatch,
    pub(super) session: &'a CardSession,
    pub(super) care: Care,
    pub(super) card: ShownCard,
    /// Turns true when the command is to end.
    pub(super) stop: watch::Receiver<bool>,
}

/// What came of one entry.
pub(super) enum Typed<T> {
    /// Something that can be what was asked for.
    Fit(T),
    /// Something that cannot: it is asked again, and costs no try.
    Unfit(CareRemark),
}

impl Dialog<'_> {
    /// The PIN so far, or a new one.
    ///
    /// # Errors
    /// As [`PinPrompt::ask_pin`], but for a malformed one; the card crate's `CardRemoved`;
    /// [`Error::Interrupted`].
    pub(super) async fn ask_pin(
        &self,
        entry: Entry,
        tries_left: Option<u8>,
        remark: Option<CareRemark>,
    ) -> Result<Typed<Pin>, Error> {
        let (prompt, question) = self.question(entry, tries_left, remark);
        match self.show(move || prompt.ask_pin(&question)).await {
            Ok(pin) => Ok(Typed::Fit(pin)),
            Err(Error::Card(CardError::PinMalformed)) => {
                Ok(Typed::Unfit(CareRemark::Pin(Remark::Malformed)))
            }
            Err(error) => Err(error),
        }
    }

    /// The unblocking code.
    ///
    /// # Errors
    /// As for [`Dialog::ask_pin`].
    pub(super) async fn ask_puk(
        &self,
        tries_left: Option<u8>,
        remark: Option<CareRemark>,
    ) -> Result<Typed<Puk>, Error> {
        let (prompt, question) = self.question(Entry::Puk, tries_left, remark);
        match self.show(move || prompt.ask_puk(&question)).await {
            Ok(puk) => Ok(Typed::Fit(puk)),
            Err(Error::Card(CardError::PukMalformed)) => Ok(Typed::Unfit(CareRemark::PukMalformed)),
            Err(error) => Err(error),
        }
    }

    /// Whether to use a last try.
    ///
    /// # Errors
    /// [`Error::LastTryDeclined`], and as for [`Dialog::ask_pin`].
    pub(super) async fn accept_last_try(&self, text: String) -> Result<(), Error> {
        let question = Confirmation {
            text,
            go_on: self.language.go_on(),
            give_up: self.language.cancel(),
            next: None,
            limit: self.limit,
        };
        let prompt = Arc::clone(&self.prompt);
        match self.show(move || prompt.confirm(&question)).await? {
            Choice::GoOn => Ok(()),
            Choice::Next | Choice::GiveUp => Err(Error::LastTryDeclined),
        }
    }

    fn question(
        &self,
        entry: Entry,
        tries_left: Option<u8>,
        remark: Option<CareRemark>,
    ) -> (Arc<dyn PinPrompt>, PinQuestion) {
        let language = self.language;
        let question = PinQuestion {
            description: language.care_description(self.care, &self.card, entry, tries_left),
            label: language.entry_label(entry),
            remark: remark.map(|remark| language.care_remark(remark)),
            limit: self.limit,
        };
        (Arc::clone(&self.prompt), question)
    }

    async fn show<T: Send + 'static>(
        &self,
        prompt: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.check()?;
        let answer = prompt_window::show(prompt, self.called_off(), self.limit + GRACE).await?;
        // An answer that came in the moment the card went is for nobody.
        self.check()?;
        Ok(answer)
    }

    async fn called_off(&self) -> Error {
        let mut stop = self.stop.clone();
        let gone = reader_watch::ended(self.readers.subscribe(), self.session.insertion());
        tokio::select! {
            biased;
            () = gone => CardError::CardRemoved.into(),
            // A closed channel means that nobody stops it any more.
            Ok(_) = stop.wait_for(|stop| *stop) => Error::Interrupted,
        }
    }

    fn check(&self) -> Result<(), Error> {
        if *self.stop.borrow() {
            return Err(Error::Interrupted);
        }
        if self.readers.now().holds(self.session.insertion()) {
            Ok(())
        } else {
            Err(CardError::CardRemoved.into())
        }
    }
}
