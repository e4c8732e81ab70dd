//! The conversation with the person in front of the card: which card, whether to use a last try,
//! the PIN. It never uses a try by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cardea_card::{Insertion, Pin};
use tokio::sync::oneshot;

use crate::Error;
use crate::agent::Agent;
use crate::clock::ChallengeLifetime;
use crate::language::Language;
use crate::pin_prompt::{Choice, Confirmation, PinPrompt, PinQuestion};
use crate::progress::Progress;
use crate::prompt_text::{Remark, Subject};
use crate::prompt_window;
use crate::reader_watch::{self, ReaderWatch};

/// How long a window outlives the prompt program's own time limit before it is taken away.
const GRACE: Duration = Duration::from_secs(2);
/// How long something important waits for its turn, and stays on the screen.
const TELLING_LIMIT: Duration = Duration::from_secs(120);
/// How often it is looked whether it is its turn.
const TELLING_LOOK: Duration = Duration::from_millis(500);
/// How long advice stays on the screen.
const ADVICE_LIMIT: Duration = Duration::from_secs(30);

/// Asks the questions of one sign-in about one card.
pub(crate) struct Consent<'a> {
    pub(crate) prompt: &'a Arc<dyn PinPrompt>,
    pub(crate) language: Language,
    pub(crate) timeout: Duration,
    pub(crate) lifetime: ChallengeLifetime,
    pub(crate) progress: &'a Progress,
    pub(crate) readers: &'a ReaderWatch,
    /// The card in question. A question about a card that has left is for nobody.
    pub(crate) insertion: &'a Insertion,
}

impl Consent<'_> {
    /// The PIN for what `subject` names.
    ///
    /// # Errors
    /// As [`PinPrompt::ask_pin`]; [`Error::PageGone`], [`Error::ChallengeExpired`], and the card
    /// crate's `CardRemoved` as soon as the card has left.
    pub(crate) async fn ask_pin(
        &self,
        subject: &Subject,
        tries_left: Option<u8>,
        remark: Option<Remark>,
    ) -> Result<Pin, Error> {
        let question = PinQuestion {
            description: self.language.pin_description(subject, tries_left),
            label: self.language.pin_label(),
            remark: remark.map(|remark| self.language.remark(remark)),
            limit: self.limit()?,
        };
        let (prompt, limit) = (Arc::clone(self.prompt), question.limit);
        self.show(limit, move || prompt.ask_pin(&question)).await
    }

    /// Whether the person wants to use the last try, knowing what it may cost.
    ///
    /// # Errors
    /// [`Error::LastTryDeclined`], and as for [`Consent::ask_pin`].
    pub(crate) async fn accept_last_try(&self, subject: &Subject) -> Result<(), Error> {
        let text = self.language.last_try_question(subject);
        match self.confirm(text, self.language.go_on(), None).await? {
            Choice::GoOn => Ok(()),
            Choice::Next | Choice::GiveUp => Err(Error::LastTryDeclined),
        }
    }

    /// Whether to sign in with the PIN that was typed before.
    ///
    /// # Errors
    /// [`Error::PromptCancelled`], and as for [`Consent::ask_pin`].
    pub(crate) async fn use_kept_pin(&self, subject: &Subject) -> Result<(), Error> {
        self.agree(self.language.kept_pin_question(subject)).await
    }

    /// Whether to sign in without a PIN, as the card's interface takes none.
    ///
    /// # Errors
    /// As for [`Consent::use_kept_pin`].
    pub(crate) async fn use_contactless(&self, subject: &Subject) -> Result<(), Error> {
        self.agree(self.language.contactless_question(subject))
            .await
    }

    async fn agree(&self, text: String) -> Result<(), Error> {
        match self.confirm(text, self.language.sign_in(), None).await? {
            Choice::GoOn => Ok(()),
            Choice::Next | Choice::GiveUp => Err(Error::PromptCancelled),
        }
    }

    /// Shows what the PIN is for while it is typed on the reader's own keys, until `done` resolves.
    ///
    /// # Errors
    /// [`Error::PromptCancelled`] when the person gave up in the window; as for
    /// [`Consent::ask_pin`].
    pub(crate) async fn while_on_reader(
        &self,
        subject: &Subject,
        tries_left: Option<u8>,
        remark: Option<Remark>,
        done: oneshot::Receiver<()>,
    ) -> Result<(), Error> {
        let limit = self.limit()?;
        let remark = remark.map(|remark| self.language.remark(remark));
        let text = self
            .language
            .on_reader_notice(subject, tries_left, remark.as_deref());
        let (prompt, reader_is_done) = (Arc::clone(self.prompt), AtomicBool::new(false));
        let called_off = async {
            tokio::select! {
                biased;
                _ = done => {
                    reader_is_done.store(true, Ordering::SeqCst);
                    Error::PromptCancelled
                }
                reason = self.called_off() => reason,
            }
        };
        self.check_card()?;
        let wait = move || prompt.wait_for_giving_up(&text, limit);
        match prompt_window::show(wait, called_off, limit + GRACE).await {
            Ok(()) => Err(Error::PromptCancelled),
            Err(_) if reader_is_done.load(Ordering::SeqCst) => Ok(()),
            Err(reason) => Err(reason),
        }
    }

    /// Whether to use this one of several cards.
    ///
    /// # Errors
    /// As for [`Consent::ask_pin`].
    pub(crate) async fn use_this_card(&self, subject: &Subject) -> Result<Choice, Error> {
        let reader = self.insertion.reader();
        let question = self.language.which_card_question(subject, reader);
        let next = Some(self.language.other_card());
        self.confirm(question, self.language.go_on(), next).await
    }

    async fn confirm(
        &self,
        text: String,
        go_on: &'static str,
        next: Option<&'static str>,
    ) -> Result<Choice, Error> {
        let question = Confirmation {
            text,
            go_on,
            give_up: self.language.cancel(),
            next,
            limit: self.limit()?,
        };
        let (prompt, limit) = (Arc::clone(self.prompt), question.limit);
        self.show(limit, move || prompt.confirm(&question)).await
    }

    async fn show<T: Send + 'static>(
        &self,
        limit: Duration,
        prompt: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        // Before the window opens: it would come up only to be taken away.
        self.check_card()?;
        let answer = prompt_window::show(prompt, self.called_off(), limit + GRACE).await?;
        // An answer that came in the moment the page or the card went is for nobody.
        self.progress.check_page()?;
        self.check_card()?;
        Ok(answer)
    }

    /// Resolves, with the reason, when there is nothing to ask about any more.
    async fn called_off(&self) -> Error {
        tokio::select! {
            biased;
            () = self.progress.page_gone() => Error::PageGone,
            () = reader_watch::ended(self.readers.subscribe(), self.insertion) => {
                cardea_card::Error::CardRemoved.into()
            }
        }
    }

    fn check_card(&self) -> Result<(), Error> {
        if self.readers.now().holds(self.insertion) {
            Ok(())
        } else {
            Err(cardea_card::Error::CardRemoved.into())
        }
    }

    fn limit(&self) -> Result<Duration, Error> {
        let limit = self.timeout.min(self.lifetime.remaining());
        if limit.is_zero() {
            Err(Error::ChallengeExpired)
        } else {
            Ok(limit)
        }
    }
}

/// Tells what to do about a blocked card, while it is there. Failing to show it changes nothing:
/// the page has the same text.
pub(crate) async fn advise_about_blocked_card(agent: &Agent) {
    let (prompt, text) = (Arc::clone(&agent.prompt), agent.language.blocked_advice());
    let tell = move || prompt.tell(text, ADVICE_LIMIT);
    let readers = agent.cards.watch();
    let cards = agent.cards.sessions(&readers.now());
    let leaving = cards
        .iter()
        .map(|card| Box::pin(reader_watch::ended(readers.subscribe(), card.insertion())));
    // Without a card there is nothing to advise about.
    let leaving: Vec<_> = leaving.collect();
    if leaving.is_empty() {
        return;
    }
    let called_off = async {
        tokio::select! {
            _ = futures_util::future::select_all(leaving) => cardea_card::Error::CardRemoved.into(),
            () = agent.prompt_slot.wanted() => Error::Busy,
        }
    };
    let _ = prompt_window::show(tell, called_off, ADVICE_LIMIT + GRACE).await;
}

/// Tells something that is about no sign-in of this moment, as soon as nobody else is being asked.
/// It stands in the agent's own log too.
pub(crate) async fn tell_in_turn(agent: &Agent, text: String) {
    // Nobody follows it: a sign-in that wants the place takes it, and tells again.
    let (progress, lines) = Progress::channel();
    drop(lines);
    let begun = tokio::time::Instant::now();
    let place = loop {
        match agent.prompt_slot.take(&progress).await {
            Ok(place) => break place,
            Err(Error::Busy) if begun.elapsed() < TELLING_LIMIT => {
                tokio::time::sleep(TELLING_LOOK).await;
            }
            Err(_) => return,
        }
    };
    let prompt = Arc::clone(&agent.prompt);
    let tell = move || prompt.tell(&text, TELLING_LIMIT);
    let called_off = async {
        agent.prompt_slot.wanted().await;
        Error::Busy
    };
    let _ = prompt_window::show(tell, called_off, TELLING_LIMIT + GRACE).await;
    drop(place);
}

/// Whether the person wants to be left alone by this site for a while. No answer is a no, and so is
/// another site's request, which takes the question's place.
pub(crate) async fn offer_to_block(agent: &Agent, name: &str, origin: &str) -> bool {
    let language = agent.language;
    let question = Confirmation {
        text: language.block_question(name, origin),
        go_on: language.block(),
        give_up: language.do_not_block(),
        next: None,
        limit: ADVICE_LIMIT,
    };
    let prompt = Arc::clone(&agent.prompt);
    let ask = move || prompt.confirm(&question);
    let called_off = async {
        agent.prompt_slot.wanted().await;
        Error::Busy
    };
    let answer = prompt_window::show(ask, called_off, ADVICE_LIMIT + GRACE).await;
    matches!(answer, Ok(Choice::GoOn))
}
