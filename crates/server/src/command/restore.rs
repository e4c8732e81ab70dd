//! `cardea restore`: the database as it was at a backup, with everything ended that may have been
//! used since.

use std::fs::File;
use std::io::{self, BufReader, Seek as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cardea_provider::event::StoredEvents;
use cardea_provider::{LostSuspension, Restoration, Restored};
use cardea_storage::backup::{self, FileReference, Occupied, VerifiedBackup};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{backup::references, operator};
use crate::app::open_store;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::error::Error;
use crate::key_file::unusable;
use crate::ledger::last_signed::LastSignedFile;

/// Restores the database that the configuration names: all of it or nothing.
pub(super) fn run(
    config: &Path,
    file: &Path,
    sha256: Option<&str>,
    replaces: bool,
) -> anyhow::Result<()> {
    let config = Config::load(config)?;
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
    let restored = runtime.block_on(restore(&config, &verified, &opened))?;
    let signed_before = put_signed_by(&config)?;
    let Restored {
        ended, token_keys, ..
    } = restored;
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
pub(super) fn parse_digest(text: &str) -> Result<String, String> {
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(text.to_ascii_lowercase());
    }
    Err("must be 64 hexadecimal digits, as `sha256sum` prints them".to_owned())
}

async fn restore(
    config: &Config,
    verified: &VerifiedBackup,
    file: &File,
) -> anyhow::Result<Restored> {
    let store = open_store(&config.database.url).await?;
    let restoration = Restoration::new(
        store.clone(),
        Arc::new(StoredEvents),
        Arc::new(SystemClock),
        operator::find(),
    );
    let restored = restoration.restore(verified, BufReader::new(file)).await?;
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
