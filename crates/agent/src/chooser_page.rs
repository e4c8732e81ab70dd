//! The agent's own page for choosing among many cards, in the person's browser.
//!
//! It lives for one choice: on a fresh port of 127.0.0.1, under a path that nobody can guess, for
//! programs of this user alone. It holds no script and needs none: each card is a button of a plain
//! form. No other page can read it, frame it or send its form. It asks for nothing secret, and what
//! is chosen counts for this login alone; the PIN is asked in a prompt afterwards.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cardea_card::Insertion;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};

use crate::Error;
use crate::language::Language;
use crate::local_api::OwnUserListener;
use crate::own_page::{self, MISSING_BROWSER, OwnPage, open};
use crate::peer_check;
use crate::progress::Progress;
use crate::prompt_text::Subject;
use crate::protected_program;
use crate::reader_watch::{ReaderState, ReaderWatch};

mod answers;
mod html;

use answers::{Answer, Choosing};

/// How long the page's address still says that the choice is over.
const LINGER: Duration = Duration::from_secs(60);

/// One card as the page shows it.
pub(crate) struct Card {
    person: String,
    kind: String,
    insertion: Insertion,
}

/// Who asks, as the page says it.
struct Asker {
    client: String,
    issuer: String,
}

/// One choice to make.
pub(crate) struct Question<'a> {
    /// The program that opens the page.
    pub(crate) browser: &'a Path,
    pub(crate) language: Language,
    /// What asks for a card, and each card.
    pub(crate) cards: &'a [Card],
    pub(crate) subject: &'a Subject,
    pub(crate) limit: Duration,
    pub(crate) progress: &'a Progress,
    pub(crate) readers: &'a ReaderWatch,
}

impl Card {
    pub(crate) fn new(subject: &Subject, insertion: &Insertion) -> Self {
        Self {
            person: subject.person().to_owned(),
            kind: subject.card().to_owned(),
            insertion: insertion.clone(),
        }
    }
}

impl Question<'_> {
    /// Opens the page and waits for the person; which card it is.
    ///
    /// # Errors
    /// [`Error::FileUnsafe`] where another user can change what opens it;
    /// [`Error::PromptUnavailable`] where no browser opens, [`Error::PromptCancelled`],
    /// [`Error::PromptTimedOut`], [`Error::PageGone`]; the card crate's `CardRemoved` when one of
    /// the cards shown has left.
    pub(crate) async fn ask(&self) -> Result<usize, Error> {
        let unavailable = |reason| Error::PromptUnavailable { reason };
        let browser = protected_program::find(self.browser)?.ok_or(unavailable(MISSING_BROWSER))?;
        let (listener, address) = own_page::bind()
            .await
            .map_err(|_| unavailable("no port for the page that shows the cards"))?;
        let (answer, answered) = oneshot::channel();
        let page = html::Page {
            language: self.language,
            asker: Asker {
                client: self.subject.client().to_owned(),
                issuer: self.subject.issuer().to_owned(),
            },
            cards: self.cards.iter().map(html::Row::of).collect(),
            until: Instant::now() + self.limit,
        };
        let choosing = Arc::new(Choosing::new(OwnPage::at(address)?, page, answer));
        serve(
            listener,
            address,
            Arc::clone(&choosing),
            self.limit + LINGER,
        );
        let url = choosing.url();
        let opener = open(&browser, &url);
        let outcome = tokio::select! {
            biased;
            () = self.progress.page_gone() => Err(Error::PageGone),
            () = self.card_left() => Err(cardea_card::Error::CardRemoved.into()),
            answer = answered => match answer {
                Ok(Answer::Card(index)) => Ok(index),
                Ok(Answer::Cancelled) | Err(_) => Err(Error::PromptCancelled),
            },
            reason = opener => Err(unavailable(reason)),
            () = tokio::time::sleep(self.limit) => Err(Error::PromptTimedOut),
        };
        choosing.end();
        outcome
    }

    /// Resolves when one of the cards has left: the page shows what is not there any more.
    async fn card_left(&self) {
        let mut states: watch::Receiver<ReaderState> = self.readers.subscribe();
        let left = |state: &ReaderState| self.cards.iter().any(|it| !state.holds(&it.insertion));
        let _ = states.wait_for(left).await;
    }
}

/// Serves the page until its time is up. Connections of other users' programs are closed unread.
fn serve(listener: TcpListener, address: SocketAddr, choosing: Arc<Choosing>, limit: Duration) {
    let listener = OwnUserListener::new(listener, peer_check::of_this_platform(), address);
    let serving = axum::serve(listener, answers::router(choosing)).into_future();
    tokio::spawn(tokio::time::timeout(limit, serving));
}

#[cfg(test)]
mod tests;
