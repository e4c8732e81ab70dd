//! `cardea ledger …`: the log that shows when it was changed (docs/ledger.md).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use cardea_ledger::{CheckpointSigner as _, Known, Verified};
use cardea_provider::{Clock as _, ErasedPerson, LedgerRecords, LookUpsChecked, LookUpsOnRecord};
use cardea_storage::{Store, signing_key};
use cardea_transparency::{Checkpoint, NOTE_BYTES_MAX, RestoreRecord, VerifierKey};
use clap::{Args, Subcommand};
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use self::accept::{AcceptArguments, accept};
use super::clients::{Answer, Common, Complaint, say};
use super::keys::token_keys::{is_confirmed, take_secrets};
use super::operator;
use crate::app::open_store;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::error::Error;
use crate::key_file::unusable;
use crate::key_vault::KeyVault;
use crate::ledger::key::KeyOfLog;
use crate::ledger::standing_of;

mod accept;

const AFTER_HELP: &str = "\
Run it as the server's own user, to whom the database belongs.

Exit status: 0 done, 1 something is wrong with the log, or the answer is no, 2 the configuration, \
the database or the input cannot be used.";

/// Commands about the log.
#[derive(Debug, Subcommand)]
#[command(after_long_help = AFTER_HELP)]
pub(super) enum LedgerCommand {
    /// Say how far the log has grown, and which key signs it.
    Status(Common),
    /// Print the log's verifier key, for witnesses and whoever checks exported logs.
    Key(Common),
    /// Write the files by which others check the log (`cardea-witness verify`), into a new folder.
    Export(ExportArguments),
    /// Walk over the whole log, and say the first thing that is wrong with it.
    Verify(VerifyArguments),
    /// Erase what is personal in every entry of a person; the log verifies all the same.
    Erase(EraseArguments),
    /// Go on, on this node, from the log that stands in the database, after it was put back to an
    /// earlier state; on record. Then start this node's server again.
    Accept(AcceptArguments),
}

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub(super) struct VerifyArguments {
    /// The key that must have signed, as name+id+key. Default: the one of the database, which this
    /// server's key-encryption key or token opens.
    #[arg(long, value_name = "KEY", value_parser = parse_key)]
    key: Option<VerifierKey>,
    /// A checkpoint of this log from elsewhere (a witness, an older export) that it must agree
    /// with.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// When that checkpoint was had, as RFC 3339: a restore before then does not explain that it
    /// does not fit. Default: the file's time.
    #[arg(long, value_name = "TIME", requires = "checkpoint", value_parser = parse_time)]
    seen_at: Option<OffsetDateTime>,
    #[command(flatten)]
    common: Common,
}

/// Arguments of `export`.
#[derive(Debug, Args)]
pub(super) struct ExportArguments {
    /// The new folder.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    #[command(flatten)]
    common: Common,
}

/// Arguments of `erase`.
#[derive(Debug, Args)]
pub(super) struct EraseArguments {
    /// The person's pseudonym (`sub`).
    #[arg(allow_hyphen_values = true)]
    sub: String,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// Erase although an incident about this person is open; the reason is put on record.
    #[arg(long, value_name = "REASON", value_parser = parse_reason)]
    in_spite_of_incidents: Option<String>,
    #[command(flatten)]
    common: Common,
}

/// How the log stands.
#[derive(Debug, Serialize)]
struct Standing {
    origin: String,
    verifier_key: Option<String>,
    size: u64,
    signed: u64,
    #[serde(with = "time::serde::rfc3339::option")]
    signed_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    waiting_since: Option<OffsetDateTime>,
}

/// A log with which nothing is wrong.
#[derive(Debug, Serialize)]
struct Sound {
    origin: String,
    verifier_key: String,
    size: u64,
    root: Option<String>,
    whole: u64,
    erased: u64,
    /// Those of them that are on record without the log's signature: a program from before
    /// erasures were signed took them.
    erased_unsigned: u64,
    forgotten: u64,
    made_afterwards: u64,
    checkpoints: u64,
    /// Look-ups that are as the log has them.
    look_ups: u64,
    /// Look-ups that went at their time.
    look_ups_forgotten: u64,
    /// Look-ups that were erased before, on record.
    look_ups_erased: u64,
    /// Look-ups that no entry names: an older program took them.
    look_ups_unrecorded: u64,
    /// The restore that is why the checkpoint from elsewhere does not fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    explained_by: Option<Explained>,
}

/// A restore, as the log's key has signed it.
#[derive(Debug, Serialize)]
struct Explained {
    /// None where the disk was lost, and nobody knows.
    size_before: Option<u64>,
    size_after: u64,
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    why: String,
}

/// The log's key.
#[derive(Debug, Serialize)]
struct Key {
    verifier_key: String,
}

/// What was exported.
#[derive(Debug, Serialize)]
struct Exported {
    folder: PathBuf,
    entries: u64,
}

/// What was erased.
#[derive(Debug, Serialize)]
struct Erased {
    erased: u64,
    look_ups: u64,
    /// Rows beside the log that are gone, by their tables.
    rows: BTreeMap<&'static str, u64>,
    /// Tables that still have rows of this person.
    staying: Vec<&'static str>,
}

/// Runs one of the commands.
///
/// # Errors
/// When standard output is closed, or the asynchronous runtime cannot be started.
pub(super) fn run(command: &LedgerCommand) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let exit = runtime.block_on(async {
        match command {
            LedgerCommand::Status(it) => say(it, status(it).await),
            LedgerCommand::Key(it) => say(it, key(it).await),
            LedgerCommand::Export(it) => say(&it.common, export(it).await),
            LedgerCommand::Verify(it) => say(&it.common, verify(it).await),
            LedgerCommand::Erase(it) => say(&it.common, erase(it).await),
            LedgerCommand::Accept(it) => say(&it.common, accept(it).await),
        }
    })?;
    Ok(ExitCode::from(exit))
}

async fn status(common: &Common) -> Result<Standing, Complaint> {
    let (config, store) = open(common).await?;
    let standing = standing_of(&store).await.map_err(database);
    let key = key_of(&config, &store).await;
    store.close().await;
    let standing = standing?;
    let moment = |seconds: i64| OffsetDateTime::from_unix_timestamp(seconds).ok();
    Ok(Standing {
        origin: config.ledger.origin(&config.issuer),
        verifier_key: key?.map(|key| key.to_string()),
        size: standing.size,
        signed: standing.signed,
        signed_at: standing.signed_at.and_then(moment),
        waiting_since: standing.waiting_since.and_then(moment),
    })
}

async fn key(common: &Common) -> Result<Key, Complaint> {
    let (config, store) = open(common).await?;
    let key = key_that_is(&config, &store).await;
    store.close().await;
    Ok(Key {
        verifier_key: key?.to_string(),
    })
}

async fn export(arguments: &ExportArguments) -> Result<Exported, Complaint> {
    let (config, store) = open(&arguments.common).await?;
    let outcome = export_into(&config, &store, &arguments.out).await;
    store.close().await;
    outcome
}

async fn export_into(config: &Config, store: &Store, out: &Path) -> Result<Exported, Complaint> {
    let key = key_that_is(config, store).await?;
    let origin = config.ledger.origin(&config.issuer);
    let quorum = config.ledger.quorum();
    let exported = cardea_ledger::export(store, &origin, &key, quorum, out).await;
    let exported = exported.map_err(|source| Error::LedgerUnavailable { source })?;
    Ok(Exported {
        folder: out.to_owned(),
        entries: exported.size,
    })
}

async fn verify(arguments: &VerifyArguments) -> Result<Sound, Complaint> {
    let known = arguments.checkpoint.as_deref().map(read_note).transpose()?;
    let known = known.as_ref().map(|(note, changed_at)| Known {
        note,
        seen_at: arguments.seen_at.map_or(*changed_at, seconds),
    });
    let (config, store) = open(&arguments.common).await?;
    let outcome = verify_with(&config, &store, arguments.key.as_ref(), known).await;
    store.close().await;
    outcome
}

async fn verify_with(
    config: &Config,
    store: &Store,
    key: Option<&VerifierKey>,
    known: Option<Known<'_>>,
) -> Result<Sound, Complaint> {
    let unavailable = |source| Error::LedgerUnavailable { source };
    let own = match key {
        Some(key) => key.clone(),
        None => key_that_is(config, store).await?,
    };
    let origin = config.ledger.origin(&config.issuer);
    let verified = cardea_ledger::verify(store, &origin, &own, known)
        .await
        .map_err(unavailable)?;
    let verified =
        verified.map_err(|finding| Complaint::Configured(Error::LedgerTampered { finding }))?;
    // What the log says of look-ups is believed now.
    let kept = config.retention.kept_for().look_ups;
    let look_ups = LookUpsOnRecord::check_kept(store, &own, kept, SystemClock.now()).await?;
    let look_ups =
        look_ups.map_err(|finding| Complaint::Configured(Error::LookUpsTampered { finding }))?;
    Ok(Sound::of(&verified, look_ups, origin, &own))
}

async fn erase(arguments: &EraseArguments) -> Result<Erased, Complaint> {
    let what = "what is on record about this person, look-ups too, is erased for good".to_owned();
    let is_meant = arguments.yes || (io::stdin().is_terminal() && is_confirmed(&what));
    if !is_meant {
        let flag = "--yes";
        return Err(Error::ConfirmationMissing { what, flag }.into());
    }
    let (config, store) = open(&arguments.common).await?;
    let erased = erase_from(&config, &store, arguments).await;
    store.close().await;
    let erased = erased?;
    Ok(Erased {
        erased: erased.entries,
        look_ups: erased.look_ups,
        rows: erased.rows,
        staying: erased.staying,
    })
}

async fn erase_from(
    config: &Config,
    store: &Store,
    arguments: &EraseArguments,
) -> Result<ErasedPerson, Complaint> {
    let key = open_key(config, store).await?;
    let key = key.ok_or(Error::LedgerUnavailable {
        source: cardea_ledger::Error::KeyMissing,
    })?;
    let records = LedgerRecords::new(operator::records(store));
    let in_spite = arguments.in_spite_of_incidents.as_deref();
    let erased = records.erase_whole_person(&arguments.sub, &key, in_spite);
    Ok(erased.await?)
}

async fn open(common: &Common) -> Result<(Config, Store), Complaint> {
    let config = Config::load(common.config())?;
    take_secrets(&config);
    let store = open_store(&config.database.url).await?;
    Ok((config, store))
}

/// The key of a log that has one.
async fn key_that_is(config: &Config, store: &Store) -> Result<VerifierKey, Complaint> {
    let is_begun = standing_of(store).await.map_err(database)?.size > 0;
    let source = match is_begun {
        true => cardea_ledger::Error::KeyMissing,
        false => cardea_ledger::Error::CheckpointMissing,
    };
    let missing = Error::LedgerUnavailable { source };
    Ok(key_of(config, store).await?.ok_or(missing)?)
}

/// The public half of the log's key, as whoever can open the key knows it.
async fn key_of(config: &Config, store: &Store) -> Result<Option<VerifierKey>, Complaint> {
    let key = open_key(config, store).await?;
    Ok(key.map(|key| key.verifier().clone()))
}

async fn open_key(config: &Config, store: &Store) -> Result<Option<KeyOfLog>, Complaint> {
    let mut reading = store.begin_read().await.map_err(database)?;
    let stored = signing_key::list(&mut reading).await.map_err(database)?;
    drop(reading);
    let keys = config.keys.clone();
    let vault = tokio::task::spawn_blocking(move || KeyVault::open(&keys, &stored, false)).await;
    let vault = vault
        .map_err(|_| crate::key_rotation::failed(cardea_jose::Error::SignerUnavailable.into()))??;
    let origin = config.ledger.origin(&config.issuer);
    Ok(KeyOfLog::load(store, Arc::new(vault), &origin).await?)
}

fn database(source: cardea_storage::Error) -> Complaint {
    Error::DatabaseUnavailable { source }.into()
}

/// A note, and when its file was changed last.
fn read_note(file: &Path) -> Result<(String, u64), Error> {
    let unreadable = |source| unusable(file, "the checkpoint cannot be read", source);
    let opened = File::open(file).map_err(unreadable)?;
    let changed_at = opened.metadata().and_then(|it| it.modified());
    let changed_at = seconds(changed_at.map_err(unreadable)?.into());
    let mut text = String::new();
    let bytes_max = u64::try_from(NOTE_BYTES_MAX).unwrap_or(u64::MAX);
    opened
        .take(bytes_max)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    Ok((text, changed_at))
}

fn seconds(moment: OffsetDateTime) -> u64 {
    u64::try_from(moment.unix_timestamp()).unwrap_or_default()
}

fn parse_time(text: &str) -> Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339)
        .map_err(|_| "must be a time such as 2026-11-30T08:00:00Z".to_owned())
}

fn parse_reason(text: &str) -> Result<String, String> {
    let is_text = !text.trim().is_empty() && text.len() <= 500 && !text.contains(char::is_control);
    match is_text {
        true => Ok(text.to_owned()),
        false => Err("must be 1 to 500 bytes of text".to_owned()),
    }
}

fn parse_key(text: &str) -> Result<VerifierKey, String> {
    VerifierKey::parse(text).map_err(|error| error.to_string())
}

impl Sound {
    fn of(
        verified: &Verified,
        look_ups: LookUpsChecked,
        origin: String,
        key: &VerifierKey,
    ) -> Self {
        Self {
            origin,
            verifier_key: key.to_string(),
            size: verified.size,
            root: verified.root.map(|it| it.to_base64()),
            whole: verified.whole,
            erased: verified.erased,
            erased_unsigned: verified.erased_unsigned,
            forgotten: verified.forgotten,
            made_afterwards: verified.made_afterwards,
            checkpoints: verified.checkpoints,
            look_ups: look_ups.sound,
            look_ups_forgotten: look_ups.forgotten,
            look_ups_erased: look_ups.erased,
            look_ups_unrecorded: look_ups.unrecorded,
            explained_by: verified.explained_by.as_ref().map(Explained::of),
        }
    }
}

impl Explained {
    fn of(record: &RestoreRecord) -> Self {
        let at = i64::try_from(record.at()).ok();
        let at = at.and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
        Self {
            size_before: record.before().map(Checkpoint::size),
            size_after: record.after().size(),
            at: at.unwrap_or(OffsetDateTime::UNIX_EPOCH),
            why: record.why().to_owned(),
        }
    }
}

impl Answer for Standing {
    fn write_text(&self, output: &mut dyn Write) -> io::Result<()> {
        writeln!(output, "log         {}", self.origin)?;
        let key = self.verifier_key.as_deref();
        let key = key.unwrap_or("none yet: the server makes one at its start");
        writeln!(output, "key         {key}")?;
        writeln!(output, "entries     {}", self.size)?;
        match self.signed_at {
            Some(at) => writeln!(output, "checkpoint  {} entries, {at}", self.signed)?,
            None => writeln!(output, "checkpoint  none yet")?,
        }
        match self.waiting_since {
            Some(at) => writeln!(output, "waiting     events since {at}"),
            None => Ok(()),
        }
    }
}

impl Answer for Sound {
    fn write_text(&self, output: &mut dyn Write) -> io::Result<()> {
        let Self {
            origin,
            size,
            whole,
            erased,
            erased_unsigned,
            forgotten,
            checkpoints,
            look_ups,
            look_ups_unrecorded,
            ..
        } = self;
        writeln!(
            output,
            "{origin}: nothing is wrong. {size} entries ({whole} whole, {erased} erased, \
             {forgotten} forgotten) under {checkpoints} checkpoints, signed by {}",
            self.verifier_key
        )?;
        writeln!(
            output,
            "{look_ups} look-ups are as the log has them; {look_ups_unrecorded} are from before \
             it had them."
        )?;
        if *erased_unsigned > 0 {
            writeln!(
                output,
                "{erased_unsigned} of the erased are on record without the log's signature, from \
                 before erasures were signed: whoever had the database then can have done that."
            )?;
        }
        let Some(restore) = &self.explained_by else {
            return Ok(());
        };
        let before = restore.size_before.map(|it| it.to_string());
        writeln!(
            output,
            "The checkpoint from elsewhere does not fit, and a restore is why: at {}, from {} \
             entries to {} ({}). What lay between is lost.",
            restore.at,
            before.as_deref().unwrap_or("nobody knows how many"),
            restore.size_after,
            restore.why
        )
    }
}

impl Answer for Key {
    fn write_text(&self, output: &mut dyn Write) -> io::Result<()> {
        writeln!(output, "{}", self.verifier_key)
    }
}

impl Answer for Exported {
    fn write_text(&self, output: &mut dyn Write) -> io::Result<()> {
        let folder = self.folder.display();
        writeln!(
            output,
            "{folder}: {} entries. They hold personal data; check them with `cardea-witness \
             verify`",
            self.entries
        )
    }
}

impl Answer for Erased {
    fn write_text(&self, output: &mut dyn Write) -> io::Result<()> {
        writeln!(
            output,
            "{} entries and {} look-ups erased, on record. Events of the last seconds may not have \
             had their places: run it again after a minute. Backups from before still hold them.",
            self.erased, self.look_ups
        )?;
        for (table, rows) in &self.rows {
            writeln!(output, "erased: {rows} of {table}")?;
        }
        for table in &self.staying {
            let why = match *table {
                "guard_report" => {
                    "a look-up that is not what the log has on record: `cardea ledger verify` \
                     names it"
                }
                "session" => "an open session, or one that ended within retention.sessions_days",
                "card" => "a suspended card stays suspended",
                "account_stop" => "a stop that nobody has lifted",
                "incident" => "an incident that nobody has closed",
                _ => "the pseudonym that the others need",
            };
            writeln!(output, "stays: {table}: {why}")?;
        }
        Ok(())
    }
}
