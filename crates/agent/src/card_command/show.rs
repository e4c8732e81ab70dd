//! `cardea-agent card show`: what is in the readers. It asks cards and uses no try; nobody's name
//! unless it is wanted.

use std::fmt::Write as _;
use std::sync::Arc;

use cardea_card::{CardPresence, PinMeans, Reader};
use serde::Serialize;

use super::{Which, readers, session_of};
use crate::Error;
use crate::card_access::CardAccess;
use crate::card_session::{CardDesk, CardSession};
use crate::clock::workstation_seconds;
use crate::display_text::for_display;
use crate::language::Language;
use crate::prompt_text::{ShownCard, days_until};

/// One reader.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Shown {
    reader: String,
    /// `present`, `absent` or `mute`.
    card: &'static str,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<String>,
    /// By this workstation's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in_days: Option<i64>,
    /// Where its PIN is typed: `keyboard`, `reader`, or `none` on a contactless reader.
    #[serde(skip_serializing_if = "Option::is_none")]
    pin: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tries_left: Option<u8>,
    /// Of the unblocking code, where the card tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    puk_tries_left: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked: Option<bool>,
    /// Why the card cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip)]
    problem: Option<&'static str>,
}

/// Looks at every reader, or at the one that is named.
///
/// # Errors
/// [`Error::Card`] when the readers cannot be seen, or the named one is not there.
pub async fn show(
    which: &Which,
    names: bool,
    language: Language,
    cards: Arc<dyn CardAccess>,
) -> Result<String, Error> {
    let mut found = readers(&cards).await?;
    if let Some(name) = &which.reader {
        found.retain(|reader| reader.name == *name);
    }
    if found.is_empty() {
        return Err(cardea_card::Error::NoReader.into());
    }
    let desk = CardDesk::open(cards)?;
    let mut shown = Vec::new();
    for reader in &found {
        shown.push(Shown::of(reader, &desk, names, language).await);
    }
    if which.json {
        let document = serde_json::json!({ "readers": shown });
        return Ok(format!("{document}\n"));
    }
    Ok(shown.iter().map(|shown| shown.words(language)).collect())
}

impl Shown {
    async fn of(reader: &Reader, desk: &CardDesk, names: bool, language: Language) -> Self {
        let mut shown = Self {
            reader: reader.name.clone(),
            card: match reader.card {
                CardPresence::Present { .. } => "present",
                CardPresence::Mute => "mute",
                _ => "absent",
            },
            ..Self::default()
        };
        if let Some(insertion) = reader.insertion() {
            let read = match session_of(desk, &insertion).await {
                Ok(session) => shown.read(&session, names).await,
                Err(error) => Err(error),
            };
            if let Err(error) = read {
                (shown.code, shown.problem) = (Some(error.code()), Some(error.title(language)));
            }
        }
        shown
    }

    async fn read(&mut self, session: &CardSession, names: bool) -> Result<(), Error> {
        let facts = session.facts().await?;
        let card = ShownCard::new(&facts.certificate, &facts.name);
        self.kind = Some(card.kind);
        self.person = names.then_some(card.person);
        let now = workstation_seconds();
        self.expires_in_days = Some(days_until(facts.certificate.not_after(), now));
        let means = session.pin_means().await?;
        self.pin = Some(match means {
            PinMeans::Keyboard => "keyboard",
            PinMeans::Reader => "reader",
            PinMeans::None => "none",
        });
        if means == PinMeans::None {
            return Ok(());
        }
        let status = session.pin_status().await?;
        (self.tries_left, self.blocked) = (status.tries_left, Some(status.blocked));
        // Most cards do not tell.
        if let Ok(puk) = session.puk_status().await {
            self.puk_tries_left = puk.tries_left;
        }
        Ok(())
    }

    fn words(&self, language: Language) -> String {
        let mut text = format!("{}\n", for_display(&self.reader));
        let mut line = |french: String, english: String| {
            let words = match language {
                Language::French => french,
                Language::English => english,
            };
            let _ = writeln!(text, "  {words}");
        };
        match (self.card, &self.kind) {
            ("absent", _) => line("pas de carte".to_owned(), "no card".to_owned()),
            ("mute", _) => line(
                "la carte ne répond pas".to_owned(),
                "the card does not respond".to_owned(),
            ),
            (_, Some(kind)) => line(format!("carte {kind}"), format!("card {kind}")),
            (_, None) => line("carte non lue".to_owned(), "card not read".to_owned()),
        }
        if let Some(person) = &self.person {
            line(format!("titulaire : {person}"), format!("holder: {person}"));
        }
        match self.expires_in_days {
            Some(days @ ..=-1) => {
                let days = days.saturating_neg();
                line(
                    format!("expirée depuis {days} jours"),
                    format!("expired {days} days ago"),
                );
            }
            Some(days) => line(
                format!("expire dans {days} jours"),
                format!("expires in {days} days"),
            ),
            None => {}
        }
        match (self.blocked, self.tries_left) {
            (Some(true), _) => line(
                "BLOQUÉE : cardea-agent card unblock".to_owned(),
                "BLOCKED: cardea-agent card unblock".to_owned(),
            ),
            (Some(false), Some(tries)) => line(
                format!("essais restants : {tries}"),
                format!("tries left: {tries}"),
            ),
            _ => {}
        }
        if let (Some(problem), Some(code)) = (self.problem, self.code) {
            line(format!("{problem} [{code}]"), format!("{problem} [{code}]"));
        }
        text
    }
}
