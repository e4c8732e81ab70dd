//! `cardea cards …`: the cards that people sign in with, and which of them are suspended
//! (docs/lost-card.md).

use std::io::{self, Write};
use std::process::ExitCode;

use cardea_provider::CardSuspensions;
use cardea_storage::Store;
use clap::{Args, Subcommand};
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::clients::{Answer, Common, Complaint, say};
use super::operator;
use super::table::Table;
use super::terminal_text::shown;
use crate::app::open_store;
use crate::card_view::{CardList, CardView};
use crate::config::Config;

const AFTER_HELP: &str = "\
Run it as the server's own user, to whom the database belongs.

Exit status: 0 done, 1 refused (no such card, one that is suspended already or is not), 2 the \
configuration, the database or the input cannot be used.";

/// Commands about cards.
#[derive(Debug, Subcommand)]
#[command(after_long_help = AFTER_HELP)]
pub(super) enum CardsCommand {
    /// List the cards of a person, or with a number; without either, those that are suspended.
    List(ListArguments),
    /// Suspend a card: it signs nobody in any more, and its sessions end.
    Suspend(OneCard),
    /// Let a suspended card in again, once you have made sure who asks.
    Resume(OneCard),
}

/// Arguments of `list`.
#[derive(Debug, Args)]
pub(super) struct ListArguments {
    /// A card's number or id, or its owner's number in her register, or her `sub`.
    #[arg(allow_hyphen_values = true)]
    of: Option<String>,
    #[command(flatten)]
    common: Common,
}

/// Arguments of `suspend` and `resume`.
#[derive(Debug, Args)]
pub(super) struct OneCard {
    /// The card's id, as `cardea cards list` prints it.
    #[arg(allow_hyphen_values = true)]
    id: String,
    /// Why, or how you made sure who asks: it stands in the record for good, with your account.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    common: Common,
}

/// What became of a card.
#[derive(Debug, Serialize)]
struct Changed {
    card: CardView,
    #[serde(skip_serializing_if = "Option::is_none")]
    sessions_ended: Option<usize>,
}

/// Runs one of the commands.
///
/// # Errors
/// When standard output is closed, or the asynchronous runtime cannot be started.
pub(super) fn run(command: &CardsCommand) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let exit = runtime.block_on(async {
        match command {
            CardsCommand::List(it) => say(&it.common, list(it).await),
            CardsCommand::Suspend(it) => say(&it.common, suspend(it).await),
            CardsCommand::Resume(it) => say(&it.common, resume(it).await),
        }
    })?;
    Ok(ExitCode::from(exit))
}

/// Cards, and whether they were asked for by a word.
#[derive(Debug, Serialize)]
struct Found {
    #[serde(flatten)]
    list: CardList,
    #[serde(skip)]
    is_asked_for: bool,
}

async fn list(arguments: &ListArguments) -> Result<Found, Complaint> {
    let (store, cards) = open(&arguments.common).await?;
    let found = match &arguments.of {
        Some(word) => cards.find(word).await,
        None => cards.list_suspended().await,
    };
    store.close().await;
    let cards = found?.into_iter().map(CardView::from).collect();
    Ok(Found {
        list: CardList { cards },
        is_asked_for: arguments.of.is_some(),
    })
}

async fn suspend(arguments: &OneCard) -> Result<Changed, Complaint> {
    let (store, cards) = open(&arguments.common).await?;
    let suspended = cards.suspend(&arguments.id, &arguments.reason).await;
    store.close().await;
    let (card, ended) = suspended?;
    Ok(Changed {
        card: card.into(),
        sessions_ended: Some(ended.len()),
    })
}

async fn resume(arguments: &OneCard) -> Result<Changed, Complaint> {
    let (store, cards) = open(&arguments.common).await?;
    let resumed = cards.resume(&arguments.id, &arguments.reason).await;
    store.close().await;
    Ok(Changed {
        card: resumed?.into(),
        sessions_ended: None,
    })
}

async fn open(common: &Common) -> Result<(Store, CardSuspensions), Complaint> {
    let config = Config::load(common.config())?;
    let store = open_store(&config.database.url).await?;
    let cards = CardSuspensions::new(operator::records(&store));
    Ok((store, cards))
}

fn day(moment: Option<OffsetDateTime>) -> String {
    let written = moment.and_then(|moment| moment.format(&Rfc3339).ok());
    written.unwrap_or_default()
}

impl Answer for Changed {
    fn write_text(&self, output: &mut dyn Write) -> io::Result<()> {
        let card = &self.card;
        let name = format!("{} {}", shown(&card.family), shown(&card.number));
        match self.sessions_ended {
            Some(ended) => writeln!(
                output,
                "{name} is suspended: it signs nobody in any more. {ended} sessions ended; portals \
                 are told by the running servers."
            ),
            None => writeln!(
                output,
                "{name} is let in again. Its suspension code is spent: its owner makes a new \
                one on \
                 her account page."
            ),
        }
    }
}

impl Answer for Found {
    fn write_text(&self, output: &mut dyn Write) -> io::Result<()> {
        if self.list.cards.is_empty() {
            return writeln!(
                output,
                "{}",
                match self.is_asked_for {
                    true => "No card: nobody has signed in here with this number, id or name.",
                    false => "No card is suspended.",
                }
            );
        }
        let header = [
            "id",
            "family",
            "number",
            "last used",
            "suspended",
            "by",
            "tried since",
        ];
        let mut table = Table::new(header);
        for card in &self.list.cards {
            table.push([
                card.id.clone(),
                card.family.clone(),
                card.number.clone(),
                day(Some(card.last_seen_at)),
                day(card.suspended_at),
                card.suspended_by.unwrap_or_default().to_owned(),
                day(card.refused_at),
            ]);
        }
        table.write(output)
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer as _, CardList, Found};

    #[test]
    fn no_card_is_said_in_words() {
        for (is_asked_for, words) in [(true, "No card: nobody"), (false, "No card is suspended")] {
            let list = CardList { cards: Vec::new() };
            let mut text = Vec::new();
            let found = Found { list, is_asked_for };
            found.write_text(&mut text).unwrap();
            let text = String::from_utf8(text).unwrap();
            assert!(text.starts_with(words), "{text}");
        }
    }
}
