//! `cardea restore`: the database as it was at a backup, with everything ended that may have been
//! used since.

mod record;

use std::fs::File;
use std::io::{self, BufReader, Seek as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cardea_provider::event::StoredEvents;
use cardea_provider::{Clock as _, LostSuspension, Restoration, Restored};
use cardea_storage::backup::{self, FileReference, Occupied, VerifiedBackup};

use clap::Args;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use self::record::Notary;
use super::config_file;
use super::{backup::references, operator};
use crate::app::open_store;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::error::Error;
use crate::key_file::unusable;
use crate::ledger::last_signed::LastSignedFile;

/// Arguments of `restore`.
#[derive(Debug, Args)]
pub(super) struct RestoreArguments {
    /// The backup.
    file: PathBuf,
    /// The configuration file.
    #[arg(long, default_value_os_t = config_file::default_config())]
    config: PathBuf,
    /// The file's SHA-256, as `cardea backup` and `sha256sum` print it: the file is refused if it
    /// is another.
    #[arg(long, value_name = "DIGEST", value_parser = parse_digest)]
    sha256: Option<String>,
    /// Replace a database that has something in it.
    #[arg(long)]
    replace: bool,
    /// The newest checkpoint of the log that anybody has from before the restore (a witness's file,
    /// an export's), where the database that is replaced does not know it any more.
    #[arg(long, value_name = "FILE")]
    signed_last: Option<PathBuf>,
    /// The disk is lost with the newer log, and nobody knows how far that was signed: the restore
    /// record explains every checkpoint that was seen before now. Only where neither the old
    /// database nor its file of what was signed last is left: give those instead.
    #[arg(long, conflicts_with = "signed_last")]
    log_lost: bool,
    /// Why, in a line of the restore record that witnesses and agents are shown.
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "a backup was restored",
        value_parser = parse_reason
    )]
    reason: String,
}

/// Restores the database that the configuration names: all of it or nothing.
pub(super) fn run(arguments: &RestoreArguments) -> anyhow::Result<()> {
    let (file, sha256) = (arguments.file.as_path(), arguments.sha256.as_deref());
    let replaces = arguments.replace;
    let config = Config::load(&arguments.config)?;
    check_stopped(&config)?;
    let unreadable = |source| unusable(file, "the backup cannot be read", source);
    let mut opened = File::open(file).map_err(unreadable)?;
    let verified = backup::verify(BufReader::new(&opened))?;
    check_backup(&config, file, &verified, sha256)?;
    opened.rewind().map_err(unreadable)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(check_database(&config, replaces))?;
    let signed_last = arguments.signed_last.as_deref();
    let (is_lost, why) = (arguments.log_lost, arguments.reason.clone());
    let notary = Notary::new(&config, signed_last, is_lost, why)?;
    let restored = runtime.block_on(restore(&config, &verified, &opened, &notary))?;
    let signed_before = put_signed_by(&config)?;
    let Restored {
        ended, token_keys, ..
    } = &restored;
    let mut output = io::stdout().lock();
    writeln!(
        output,
        "{}: {} rows restored; ended: {} sessions, {} codes, challenges and waiting requests, {} \
         tokens",
        file.display(),
        verified.rows(),
        ended.sessions,
        ended.waiting,
        ended.tokens
    )?;
    if let Some(by) = signed_before {
        writeln!(
            output,
            "the log goes on from the backup. What this node had signed last is {} now: keep it. \
             On every other node run `cardea ledger accept` before its start.",
            by.display()
        )?;
    }
    write_record(&mut output, &config, file, &restored, &notary)?;
    for missing in differing(&verified.about().files, &references(&config)) {
        writeln!(output, "not as it was at the backup: {missing}")?;
    }
    writeln!(
        output,
        "{token_keys} token keys taken out: the next start makes new ones. Clients that registered \
         themselves go on, and cannot change their registration: they register anew, or you change \
         it. What else operators changed since the backup is undone: rotate client secrets again, \
         and take out again the clients and trust anchors that were taken out."
    )?;
    let made_at = verified.about().made_at;
    write_suspensions(&mut output, made_at, &restored.suspensions_lost)?;
    Ok(())
}

/// Writes what the log says of it into a file, for witnesses and agents, and says where.
fn write_record(
    output: &mut impl io::Write,
    config: &Config,
    backup: &Path,
    restored: &Restored,
    notary: &Notary<'_>,
) -> anyhow::Result<()> {
    let Some(log) = &restored.log else {
        let why = notary.complaint().unwrap_or_default();
        writeln!(
            output,
            "there is no restore record, for the log's key did not sign it: {why}. Whoever has \
             seen a checkpoint from after the backup is told that the log was cut off."
        )?;
        return Ok(());
    };
    let file = record::file_for(&config.database.url, backup, SystemClock.now());
    record::write(&file, &log.record)?;
    let file = file.display();
    let first = log.size_after.saturating_add(1);
    let Some(size_before) = log.size_before else {
        writeln!(
            output,
            "restore record: {file}. It explains every checkpoint of {first} entries and more \
             that was seen before now: give it to the keepers of the log's witnesses, and say why \
             nobody knows any more."
        )?;
        return Ok(());
    };
    writeln!(
        output,
        "restore record: {file}. It explains checkpoints of {first} to {size_before} entries: give \
         it to the keepers of the log's witnesses."
    )?;
    if log.size_after == size_before {
        writeln!(
            output,
            "It explains none: nothing here knows of a checkpoint from after the backup. Where the \
             old disk is lost, restore again with --log-lost; where a witness has a checkpoint, \
             and no agent has seen a newer one, with --signed-last and its file."
        )?;
    }
    Ok(())
}

/// The log of the backup is an earlier one, and that it was put back is on record by now.
fn put_signed_by(config: &Config) -> Result<Option<PathBuf>, Error> {
    let file = config.ledger.last_signed_file(&config.database.url);
    let put_by = file.map(|file| LastSignedFile::new(file).put_by());
    let put_by = put_by.transpose();
    let put_by = put_by.map_err(|source| Error::LedgerUnavailable { source })?;
    Ok(put_by.flatten())
}

/// Says which cards are let in again that must not be, and how each is suspended anew.
fn write_suspensions(
    output: &mut impl io::Write,
    backup_made_at: i64,
    lost: &[LostSuspension],
) -> io::Result<()> {
    writeln!(
        output,
        "WARNING: cards that were suspended after the backup ({}) are let in again, and codes that \
         were made since are dead. Before you start the server, look for `card.suspended_` in the \
         logs since then, and suspend those cards anew.",
        written(backup_made_at)
    )?;
    if lost.is_empty() {
        return writeln!(output, "The database that was replaced names none.");
    }
    writeln!(output, "The database that was replaced names:")?;
    for card in lost.iter().filter(|card| card.is_known) {
        writeln!(
            output,
            "  cardea cards suspend {} --reason \"again, after a restore\"   # {} {}, suspended {}",
            card.id,
            card.family,
            card.number,
            written(card.since.unix_timestamp())
        )?;
    }
    for card in lost.iter().filter(|card| !card.is_known) {
        writeln!(
            output,
            "  {} {}, suspended {}: the backup does not know this card, so that it can be \
            suspended \
             after its next login alone. Have its issuer revoke it, and look for it with \
             `cardea cards list {}`",
            card.family,
            card.number,
            written(card.since.unix_timestamp()),
            card.number
        )?;
    }
    Ok(())
}

fn written(seconds: i64) -> String {
    let moment = OffsetDateTime::from_unix_timestamp(seconds).ok();
    let written = moment.and_then(|moment| moment.format(&Rfc3339).ok());
    written.unwrap_or_default()
}

/// Looks before anything is changed, the schema included.
async fn check_database(config: &Config, replaces: bool) -> Result<(), Error> {
    let found = backup::occupied(&config.database.url.to_url()).await;
    match found.map_err(|source| Error::DatabaseUnavailable { source })? {
        Occupied::ByOthers => Err(Error::DatabaseForeign),
        Occupied::ByCardea if !replaces => Err(Error::ConfirmationMissing {
            what: format!(
                "everything in the database of {} is replaced",
                config.issuer
            ),
            flag: "--replace",
        }),
        Occupied::ByCardea | Occupied::No => Ok(()),
    }
}

/// A digest as `sha256sum` prints it.
fn parse_digest(text: &str) -> Result<String, String> {
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(text.to_ascii_lowercase());
    }
    Err("must be 64 hexadecimal digits, as `sha256sum` prints them".to_owned())
}

/// A line of a restore record.
fn parse_reason(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > 256 || text.chars().any(char::is_control) {
        return Err("must be one line of at most 256 bytes".to_owned());
    }
    Ok(text.to_owned())
}

async fn restore(
    config: &Config,
    verified: &VerifiedBackup,
    file: &File,
    notary: &Notary<'_>,
) -> anyhow::Result<Restored> {
    let store = open_store(&config.database.url).await?;
    let restoration = Restoration::new(
        store.clone(),
        Arc::new(StoredEvents),
        Arc::new(SystemClock),
        operator::find(),
    );
    let restored = restoration
        .restore(verified, BufReader::new(file), notary)
        .await?;
    store.close().await;
    Ok(restored)
}

/// A server that runs on would go on with what it holds in memory. Those of other machines are the
/// operator's to stop.
fn check_stopped(config: &Config) -> Result<(), Error> {
    match TcpListener::bind(config.listen) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(Error::ServerRunning {
            address: config.listen,
        }),
        _ => Ok(()),
    }
}

fn check_backup(
    config: &Config,
    file: &Path,
    verified: &VerifiedBackup,
    sha256: Option<&str>,
) -> Result<(), Error> {
    let refused = |reason| Error::BackupRefused {
        file: file.to_owned(),
        reason,
    };
    if sha256.is_some_and(|expected| expected != verified.sha256()) {
        return Err(refused("its digest is not the one of --sha256"));
    }
    if verified.about().issuer != config.issuer.as_str() {
        return Err(refused("it is of another issuer"));
    }
    Ok(())
}

/// As far as the backup knows.
fn has_same_content(one: &FileReference, other: &FileReference) -> bool {
    one.found == other.found && one.sha256 == other.sha256
}

/// What was named at the backup and is another file now, or none.
fn differing(then: &[FileReference], now: &[FileReference]) -> Vec<String> {
    let is_same = |file: &&FileReference| {
        let mut found = now.iter();
        found.any(|it| it.key == file.key && it.path == file.path && has_same_content(it, file))
    };
    let gone = then.iter().filter(|file| !is_same(file));
    gone.map(|file| match file.key.as_str() {
        "" => file.path.clone(),
        key => format!("{} ({key})", file.path),
    })
    .collect()
}
