//! `cardea-agent card`: shows the cards of this workstation, changes a card's PIN, unblocks a card.
//!
//! For the person at the keyboard alone: these are subcommands of a program that she starts, and no
//! page, no other program's request and no other machine can ask for them (attack D11). PIN and
//! unblocking code are typed in the prompt's window, never on the command line.

use std::sync::Arc;
use std::time::Duration;

use cardea_card::{CardPresence, Insertion, PinAfter, Reader};
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use crate::card_access::CardAccess;
use crate::card_session::{CardDesk, CardSession};
use crate::config::Config;
use crate::language::Language;
use crate::pin_prompt::PinPrompt;
use crate::progress::Progress;
use crate::prompt_slot::PromptSlot;
use crate::prompt_text::{Care, ShownCard};
use crate::{Error, protected_file};

mod dialog;
mod new_pin;
mod show;
mod words;

use dialog::Dialog;
pub use show::show;

/// How long the watch over the readers may take to see what was seen before it began.
const FIRST_LOOK: Duration = Duration::from_secs(10);

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Action {
    /// Shows readers and cards: type, days until expiry, tries left.
    Show {
        /// Which card.
        #[command(flatten)]
        which: Which,
        /// Show whose card it is, too.
        #[arg(long)]
        names: bool,
    },
    /// Changes a card's PIN. Old and new PIN are asked in a window, the new one twice.
    ChangePin {
        /// Which card.
        #[command(flatten)]
        which: Which,
    },
    /// Gives a card a new PIN by the unblocking code (PUK) of its issuer's letter.
    Unblock {
        /// Which card.
        #[command(flatten)]
        which: Which,
    },
}

/// Which card, and how to answer.
#[derive(Clone, Debug, Default, Args)]
pub struct Which {
    /// The reader, as `cardea-agent card show` names it. Needed where several cards are inserted.
    #[arg(long, value_name = "NAME")]
    pub reader: Option<String>,
    /// Print one JSON document.
    #[arg(long)]
    pub json: bool,
}

impl Action {
    /// Whether to answer by a document.
    #[must_use]
    pub fn json(&self) -> bool {
        let (Self::Show { which, .. } | Self::ChangePin { which } | Self::Unblock { which }) = self;
        which.json
    }

    fn care(&self) -> Option<(Care, &Which)> {
        match self {
            Self::Show { .. } => None,
            Self::ChangePin { which } => Some((Care::ChangePin, which)),
            Self::Unblock { which } => Some((Care::Unblock, which)),
        }
    }
}

/// Does it, and says what there is to print. `prompt` is made only where something is asked.
///
/// # Errors
/// [`Error::Card`], [`Error::ReaderHeld`], [`Error::ReaderAmbiguous`], [`Error::Busy`] while a
/// sign-in is under way, whatever ends a window, and [`Error::Interrupted`] when `stop` came first.
pub async fn run<P: PinPrompt>(
    action: &Action,
    config: &Config,
    cards: impl CardAccess,
    prompt: impl FnOnce() -> Result<P, Error>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<String, Error> {
    let cards: Arc<dyn CardAccess> = Arc::new(cards);
    match (action, action.care()) {
        (_, Some((care, which))) => {
            let prompt = Arc::new(prompt()?);
            change(care, which, config, cards, prompt, stop).await
        }
        (Action::Show { which, names }, _) => show(which, *names, config.language, cards).await,
        _ => Err(Error::Internal {
            reason: "the command has no body",
        }),
    }
}

/// What the command prints about a failure: a document for a program, sentences for a person.
#[must_use]
pub fn failure(error: &Error, language: Language, json: bool) -> String {
    let title = words::title(error, language);
    let advice = error.advice(language);
    if !json {
        let advice = advice.map(|advice| format!("\n\n{advice}"));
        let advice = advice.unwrap_or_default();
        return format!("{title} [{}: {error}]{advice}", error.code());
    }
    let mut document = Map::new();
    document.insert("code".to_owned(), error.code().into());
    document.insert("title".to_owned(), title.into());
    document.insert("detail".to_owned(), error.to_string().into());
    if let Some(advice) = advice {
        document.insert("advice".to_owned(), advice.into());
    }
    if let Some(tries) = error.tries_left() {
        document.insert("tries_left".to_owned(), tries.into());
    }
    if let Some(tries) = words::puk_tries_left(error) {
        document.insert("puk_tries_left".to_owned(), tries.into());
    }
    Value::Object(document).to_string()
}

async fn change(
    care: Care,
    which: &Which,
    config: &Config,
    cards: Arc<dyn CardAccess>,
    prompt: Arc<dyn PinPrompt>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<String, Error> {
    protected_file::prepare_private_folder(&config.state_dir)?;
    // No page follows this; the channel's other end only has to live as long.
    let (progress, _lines) = Progress::channel();
    let slot = PromptSlot::new(&config.state_dir);
    let _place = slot.take(&progress).await?;
    let insertion = insertion_in(&readers(&cards).await?, which.reader.as_deref())?;
    let desk = CardDesk::open(cards)?;
    let session = session_of(&desk, &insertion).await?;
    let facts = session.facts().await?;
    let card = ShownCard::new(&facts.certificate, &facts.name);
    let dialog = Dialog {
        prompt,
        language: config.language,
        limit: config.prompt_timeout,
        readers: desk.watch(),
        session: &session,
        care,
        card: card.clone(),
        stop: watched(stop),
    };
    let pin_after = match care {
        Care::ChangePin => dialog.change_pin().await?,
        Care::Unblock => dialog.unblock().await?,
    };
    let still_verified = pin_after == PinAfter::NotCleared;
    if !which.json {
        return Ok(words::done(care, still_verified, config.language));
    }
    let result = match care {
        Care::ChangePin => "pin_changed",
        Care::Unblock => "unblocked",
    };
    let document = json!({
        "result": result,
        "reader": insertion.reader(),
        "type": card.kind,
        "pin_still_verified": still_verified,
    });
    Ok(format!("{document}\n"))
}

/// The readers now.
async fn readers(cards: &Arc<dyn CardAccess>) -> Result<Vec<Reader>, Error> {
    let cards = Arc::clone(cards);
    let looked = tokio::task::spawn_blocking(move || cards.monitor()?.readers());
    let readers = looked.await.map_err(|_| Error::Internal {
        reason: "looking at the readers panicked",
    })?;
    Ok(readers?)
}

/// The one card that is meant. Never one of several by chance (attack D13).
fn insertion_in(readers: &[Reader], wanted: Option<&str>) -> Result<Insertion, Error> {
    let is_wanted = |reader: &&Reader| wanted.is_none_or(|name| reader.name == name);
    let candidates: Vec<&Reader> = readers.iter().filter(is_wanted).collect();
    if candidates.is_empty() {
        return Err(cardea_card::Error::NoReader.into());
    }
    let mut insertions = candidates.iter().filter_map(|reader| reader.insertion());
    match (insertions.next(), insertions.next()) {
        (Some(insertion), None) => Ok(insertion),
        (Some(_), Some(_)) => Err(Error::ReaderAmbiguous {
            readers: candidates
                .iter()
                .filter(|reader| reader.has_card())
                .map(|reader| reader.name.clone())
                .collect(),
        }),
        _ if candidates.iter().any(|reader| is_mute(reader)) => {
            Err(cardea_card::Error::Unresponsive.into())
        }
        _ => Err(cardea_card::Error::NoCard.into()),
    }
}

fn is_mute(reader: &Reader) -> bool {
    reader.card == CardPresence::Mute
}

/// The session of one insertion, once the watch over the readers has seen it, too.
async fn session_of(desk: &CardDesk, insertion: &Insertion) -> Result<Arc<CardSession>, Error> {
    let gone = || Error::Card(cardea_card::Error::CardRemoved);
    let mut states = desk.watch().subscribe();
    let seen = states.wait_for(|state| state.holds(insertion));
    let state = match tokio::time::timeout(FIRST_LOOK, seen).await {
        Ok(Ok(state)) => state.clone(),
        _ => return Err(gone()),
    };
    let sessions = desk.sessions(&state);
    sessions
        .into_iter()
        .find(|session| session.insertion() == insertion)
        .ok_or_else(gone)
}

/// Turns true when `stop` resolves.
fn watched(stop: impl Future<Output = ()> + Send + 'static) -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            () = stop => { let _ = sender.send(true); }
            () = sender.closed() => {}
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(name: &str, card: CardPresence) -> Reader {
        Reader {
            name: name.to_owned(),
            card,
            event_count: 1,
        }
    }

    fn present() -> CardPresence {
        CardPresence::Present {
            atr: Vec::new(),
            exclusive: false,
        }
    }

    #[test]
    fn the_card_is_the_only_one_or_the_one_that_is_named() {
        let chosen = |readers: &[Reader], wanted| {
            insertion_in(readers, wanted)
                .map(|insertion| insertion.reader().to_owned())
                .map_err(|error| error.code())
        };
        let (a, b) = (reader("A", present()), reader("B", present()));
        let (empty, mute) = (
            reader("E", CardPresence::Absent),
            reader("M", CardPresence::Mute),
        );
        assert_eq!(chosen(&[], None), Err("card.no_reader"));
        assert_eq!(
            chosen(std::slice::from_ref(&empty), None),
            Err("card.no_card")
        );
        assert_eq!(
            chosen(&[mute, empty.clone()], None),
            Err("card.unresponsive")
        );
        assert_eq!(
            chosen(&[a.clone(), empty.clone()], None),
            Ok("A".to_owned())
        );
        let several = [a, b, empty];
        assert_eq!(chosen(&several, None), Err("agent.reader_ambiguous"));
        assert_eq!(chosen(&several, Some("B")), Ok("B".to_owned()));
        assert_eq!(chosen(&several, Some("E")), Err("card.no_card"));
        assert_eq!(chosen(&several, Some("C")), Err("card.no_reader"));
    }

    #[test]
    fn failures_are_a_document_for_programs_and_sentences_for_people() {
        let error = Error::Card(cardea_card::Error::PukIncorrect {
            tries_left: Some(2),
        });
        let document: Value =
            serde_json::from_str(&failure(&error, Language::English, true)).unwrap();
        assert_eq!(document["code"], "card.puk_incorrect");
        assert_eq!(document["puk_tries_left"], 2);
        let error = Error::Card(cardea_card::Error::PinBlocked);
        for language in [Language::French, Language::English] {
            let words = failure(&error, language, false);
            assert!(words.contains("cardea-agent card unblock"), "{words}");
        }
        let cancelled = failure(&Error::PromptCancelled, Language::English, false);
        assert!(cancelled.starts_with("You cancelled; "), "{cancelled}");
    }
}
