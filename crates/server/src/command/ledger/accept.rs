//! `cardea ledger accept`: the way on for a node whose database was put back to an earlier state by
//! somebody who may.

use std::io::{self, IsTerminal as _, Write};
use std::path::PathBuf;

use cardea_ledger::LastSigned as _;
use cardea_provider::LedgerRecords;
use cardea_storage::Store;
use cardea_transparency::{Checkpoint, Note};
use clap::Args;
use serde::Serialize;

use super::super::clients::{Answer, Common, Complaint};
use super::super::keys::token_keys::is_confirmed;
use super::super::operator;
use crate::error::Error;
use crate::ledger::last_signed::LastSignedFile;
use crate::ledger::standing_of;

/// Arguments of `accept`.
#[derive(Debug, Args)]
pub(in super::super) struct AcceptArguments {
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    pub(super) common: Common,
}

/// What was accepted.
#[derive(Debug, Serialize)]
pub(super) struct Accepted {
    /// The size of the tree that stands in the database.
    size: u64,
    /// The size of what this node had signed last.
    size_before: Option<u64>,
    /// Where what it had signed last lies now; none where there was nothing.
    put_by: Option<PathBuf>,
}

pub(super) async fn accept(arguments: &AcceptArguments) -> Result<Accepted, Complaint> {
    let what =
        "this node goes on from the log that stands in the database, whatever it has signed \
                before"
            .to_owned();
    let is_meant = arguments.yes || (io::stdin().is_terminal() && is_confirmed(&what));
    if !is_meant {
        let flag = "--yes";
        return Err(Error::ConfirmationMissing { what, flag }.into());
    }
    let (config, store) = super::open(&arguments.common).await?;
    let file = config.ledger.last_signed_file(&config.database.url);
    let accepted = accept_on(&store, file.map(LastSignedFile::new)).await;
    store.close().await;
    accepted
}

/// On record first: what is put by and not on record would be the worse half.
async fn accept_on(store: &Store, file: Option<LastSignedFile>) -> Result<Accepted, Complaint> {
    let unavailable = |source| Error::LedgerUnavailable { source };
    let size = standing_of(store).await.map_err(super::database)?.size;
    let kept = match &file {
        Some(file) => file.recall().await.map_err(unavailable)?,
        None => None,
    };
    let Some((file, note)) = file.zip(kept) else {
        return Ok(Accepted {
            size,
            size_before: None,
            put_by: None,
        });
    };
    let size_before = size_of(&note);
    let records = LedgerRecords::new(operator::records(store));
    records.accept_history(size_before, size).await?;
    Ok(Accepted {
        size,
        size_before,
        put_by: file.put_by().map_err(unavailable)?,
    })
}

fn size_of(note: &str) -> Option<u64> {
    let note = Note::parse(note.as_bytes()).ok()?;
    let checkpoint = Checkpoint::parse(note.text()).ok()?;
    Some(checkpoint.size())
}

impl Answer for Accepted {
    fn write_text(&self, output: &mut dyn Write) -> io::Result<()> {
        let size = self.size;
        match &self.put_by {
            Some(by) => writeln!(
                output,
                "on record: this node goes on from the {size} entries of the database at its next \
                 start. What it had signed last is {} now: keep it",
                by.display()
            ),
            None => writeln!(output, "this node keeps nothing that it has signed"),
        }
    }
}
