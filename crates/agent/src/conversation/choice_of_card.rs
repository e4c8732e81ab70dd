//! Which of several cards to use: the person says so, for this login alone.

use std::sync::Arc;

use super::Conversation;
use crate::Error;
use crate::card_session::CardSession;
use crate::chooser_page;
use crate::pin_prompt::Choice;
use crate::progress::State;
use crate::prompt_text::Subject;

/// Most cards that are asked about one after the other. With more, a page shows them all.
const CARDS_ASKED_MAX: usize = 3;

type Usable<'a> = (&'a Arc<CardSession>, Subject);

impl Conversation<'_> {
    /// Never picks one of several cards silently (attack D13). Cards that cannot log in are left
    /// out.
    pub(super) async fn choose(
        &self,
        sessions: &[Arc<CardSession>],
    ) -> Result<Arc<CardSession>, Error> {
        let mut usable = Vec::new();
        let mut refusal = Error::Card(cardea_card::Error::NoAuthenticationCertificate);
        for session in sessions {
            match self.subject(session).await {
                Ok(subject) => usable.push((session, subject)),
                Err(Error::PageGone) => return Err(Error::PageGone),
                Err(error) => refusal = error,
            }
        }
        if usable.len() > 1 {
            self.progress.state(State::ChooseCard, None)?;
        }
        match usable.as_slice() {
            [] => Err(refusal),
            [(session, _)] => Ok(Arc::clone(session)),
            few if few.len() <= CARDS_ASKED_MAX => self.ask_one_by_one(few).await,
            many => self.show_all(many).await,
        }
    }

    /// Goes round until the person decides: "another card" on the last one means the first again.
    /// The challenge's lifetime ends it.
    async fn ask_one_by_one(&self, cards: &[Usable<'_>]) -> Result<Arc<CardSession>, Error> {
        for (session, subject) in cards.iter().cycle() {
            match self.consent(session).use_this_card(subject).await? {
                Choice::GoOn => return Ok(Arc::clone(session)),
                Choice::Next => {}
                Choice::GiveUp => return Err(Error::PromptCancelled),
            }
        }
        Err(Error::PromptCancelled)
    }

    /// On a page of the agent's own; one after the other all the same where no browser opens.
    async fn show_all(&self, cards: &[Usable<'_>]) -> Result<Arc<CardSession>, Error> {
        let Some((_, subject)) = cards.first() else {
            return Err(Error::PromptCancelled);
        };
        let shown: Vec<_> = cards
            .iter()
            .map(|(session, subject)| chooser_page::Card::new(subject, session.insertion()))
            .collect();
        let question = chooser_page::Question {
            browser: &self.agent.browser,
            language: self.agent.language,
            cards: &shown,
            subject,
            limit: self
                .agent
                .prompt_timeout
                .min(self.accepted.lifetime.remaining()),
            progress: self.progress,
            readers: self.agent.cards.watch(),
        };
        match question.ask().await {
            Ok(index) => cards
                .get(index)
                .map(|(session, _)| Arc::clone(session))
                .ok_or(Error::PromptCancelled),
            Err(error @ Error::PromptUnavailable { .. }) => {
                tracing::warn!(code = error.code(), %error, "cards are asked about one by one");
                self.ask_one_by_one(cards).await
            }
            Err(error) => Err(error),
        }
    }
}
