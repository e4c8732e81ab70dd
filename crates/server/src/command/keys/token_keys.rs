//! `cardea keys list|rotate|reencrypt`: the token keys of the database, which running servers
//! follow within seconds.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use cardea_provider::LedgerRecords;
use cardea_provider::event::StoredEvents;
use cardea_provider::rotation::{
    KeyPlace, KeyState, REASON_CHARACTERS_MAX, Rotated, StoredKeys, TokenKeys, Withdrawal,
};
use cardea_storage::Store;
use cardea_storage::ledger::list_keys;
use cardea_storage::signing_key::SigningKeyRecord;
use clap::Args;
use serde::Serialize;
use time::OffsetDateTime;

use crate::app::open_store;
use crate::clock::SystemClock;
use crate::command::config_file::default_config;
use crate::command::operator;
use crate::command::terminal_text::{shown, write_json};
use crate::config::Config;
use crate::environment_secret;
use crate::error::Error;
use crate::key_rotation::{KeyRotation, failed};
use crate::key_vault::KeyVault;
use crate::ledger::key::as_signing_key;

/// Exit status of an emergency that took keys out and could make no others.
const NOTHING_SIGNS: u8 = 3;
/// How often an emergency waits for the keys to stay as they are; after that it acts.
const TRIES_MAX: u32 = 5;

/// What every command takes.
#[derive(Debug, Args)]
pub(in crate::command) struct Common {
    /// The server's configuration file.
    #[arg(long, default_value_os_t = default_config())]
    config: PathBuf,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// `rotate`
#[derive(Debug, Args)]
pub(in crate::command) struct RotateArguments {
    #[command(flatten)]
    common: Common,
    /// Take keys out at once: their tokens are refused everywhere, and other keys sign.
    #[arg(long)]
    emergency: bool,
    /// Only this key; may stand several times. Default: all.
    #[arg(
        long = "kid",
        value_name = "KID",
        requires = "emergency",
        allow_hyphen_values = true
    )]
    kids: Vec<String>,
    /// Why, for the record.
    #[arg(long, requires = "emergency", value_parser = parse_reason)]
    reason: Option<String>,
    /// Do not ask: take the keys out.
    #[arg(long, requires = "emergency")]
    yes: bool,
}

/// One key, as it is shown.
#[derive(Debug, Serialize)]
struct Shown {
    kid: String,
    alg: String,
    state: KeyState,
    place: KeyPlace,
    generation: i64,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    signs_from: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    signs_until: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    verifies_until: Option<OffsetDateTime>,
    encryption_key_id: Option<String>,
}

/// What a command answers.
#[derive(Debug, Default, Serialize)]
struct Answer {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    added: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    deleted: Vec<String>,
    /// Algorithms that nothing signs with now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    without: Vec<&'static str>,
    /// Why no key could be made.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<Refusal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reencrypted: Option<u64>,
    keys: Vec<Shown>,
}

/// A refusal as a JSON document.
#[derive(Debug, Serialize)]
struct Refusal {
    code: &'static str,
    reason: String,
}

/// Shows every key.
///
/// # Errors
/// When standard output is closed, or the asynchronous runtime cannot be started.
pub(in crate::command) fn list(common: &Common) -> anyhow::Result<ExitCode> {
    run(common, async |config, store| {
        let keys = TokenKeys::new(
            store,
            Arc::new(StoredEvents),
            Arc::new(SystemClock),
            config.keys.rotation(),
            None,
        );
        answer(&keys, Rotated::default()).await
    })
}

/// Begins a rotation, or takes keys out.
///
/// # Errors
/// As [`list`].
pub(in crate::command) fn rotate(arguments: &RotateArguments) -> anyhow::Result<ExitCode> {
    run(&arguments.common, async |config, store| {
        if arguments.emergency {
            confirm(arguments)?;
            return withdraw(config, store, arguments).await;
        }
        let rotation = open(config, store).await?;
        let rotated = rotate_all(&rotation).await?;
        answer(rotation.keys(), rotated).await
    })
}

/// Encrypts every key of the database by the present key-encryption key.
///
/// # Errors
/// As [`list`].
pub(in crate::command) fn reencrypt(common: &Common) -> anyhow::Result<ExitCode> {
    run(common, async |config, store| {
        let rotation = open(config, store.clone()).await?;
        let stored = read(rotation.keys()).await?;
        let sealed = seal_anew(rotation.vault(), &stored)?;
        let count = rotation.keys().reencrypt(&sealed).await.map_err(failed)?;
        let of_log = reencrypt_ledger_keys(rotation.vault(), &store).await?;
        let count = count.saturating_add(of_log);
        let answered = answer(rotation.keys(), Rotated::default()).await?;
        Ok(Answer {
            reencrypted: Some(count),
            ..answered
        })
    })
}

/// Asks whoever sits there: every token of the keys is refused afterwards.
fn confirm(arguments: &RotateArguments) -> Result<(), Error> {
    let which = match arguments.kids.as_slice() {
        [] => "all token keys are".to_owned(),
        [kid] => format!("the token key {kid} is"),
        kids => format!("{} token keys are", kids.len()),
    };
    let what = format!("{which} taken out, and what was signed with them is refused at once");
    if arguments.yes || (io::stdin().is_terminal() && is_confirmed(&what)) {
        return Ok(());
    }
    let flag = "--yes";
    Err(Error::ConfirmationMissing { what, flag })
}

/// Says what would be done, and asks.
pub(in crate::command) fn is_confirmed(what: &str) -> bool {
    let mut error = io::stderr().lock();
    let asked = writeln!(error, "{}.", shown(what))
        .and_then(|()| write!(error, "Type yes to go on: "))
        .and_then(|()| error.flush());
    let mut answer = String::new();
    let read = io::stdin().lock().take(16).read_line(&mut answer);
    asked.is_ok() && read.is_ok() && answer.trim() == "yes"
}

fn seal_anew(
    vault: &KeyVault,
    stored: &StoredKeys,
) -> Result<Vec<(String, cardea_storage::signing_key::SealedKey)>, Error> {
    let mut all = Vec::new();
    for record in &stored.records {
        if let Some(sealed) = vault.reencrypt(record)? {
            all.push((record.kid.clone(), sealed));
        }
    }
    Ok(all)
}

/// The keys of the log are encrypted as token keys are.
async fn reencrypt_ledger_keys(vault: &KeyVault, store: &Store) -> Result<u64, Error> {
    let unavailable = |source| Error::DatabaseUnavailable { source };
    let mut reading = store.begin_read().await.map_err(unavailable)?;
    let keys = list_keys(&mut reading).await.map_err(unavailable)?;
    drop(reading);
    let records = LedgerRecords::new(operator::records(store));
    let mut count = 0_u64;
    for key in keys {
        let kid = key.kid.clone();
        if let Some(sealed) = vault.reencrypt(&as_signing_key(key))? {
            records.reencrypt_key(&kid, &sealed).await.map_err(failed)?;
            count = count.saturating_add(1);
        }
    }
    Ok(count)
}

async fn rotate_all(rotation: &KeyRotation) -> Result<Rotated, Error> {
    let algorithms = rotation.keys().rules().algorithms.clone();
    let made = rotation.make(algorithms).await?;
    let rotated = rotation.keys().rotate(&made).await.map_err(failed);
    rotation.discard(&made, rotated.as_ref().ok()).await;
    rotated
}

/// Takes keys out whatever happens: where no other can be made, nothing signs.
async fn withdraw(
    config: &Config,
    store: Store,
    arguments: &RotateArguments,
) -> Result<Answer, Error> {
    let withdrawal = Withdrawal {
        kids: arguments.kids.clone(),
        reason: arguments.reason.clone(),
    };
    let cause = match withdraw_and_replace(config, &store, &withdrawal).await {
        Ok(answer) => return Ok(answer),
        // The database's word.
        Err(error @ Error::TokenKeysUnavailable { .. }) => return Err(error),
        Err(error) => error,
    };
    let keys = TokenKeys::new(
        store,
        Arc::new(StoredEvents),
        Arc::new(SystemClock),
        config.keys.rotation(),
        Some(operator::find()),
    );
    let rotated = keys
        .withdraw(&withdrawal, &[], None)
        .await
        .map_err(failed)?;
    let answered = answer(&keys, rotated).await?;
    Ok(Answer {
        cause: Some(Refusal::of(&cause)),
        ..answered
    })
}

/// Takes keys out, and puts others in their places. Should more be missing by then, because
/// something else was changed meanwhile, it begins anew.
async fn withdraw_and_replace(
    config: &Config,
    store: &Store,
    withdrawal: &Withdrawal,
) -> Result<Answer, Error> {
    let rotation = open(config, store.clone()).await?;
    let keys = rotation.keys();
    let mut tries = 0;
    loop {
        tries += 1;
        let stored = read(keys).await?;
        let needed = keys.left_without(&stored, withdrawal).map_err(failed)?;
        let made = rotation.make(needed).await?;
        let made_for = (tries < TRIES_MAX).then_some(stored.revision);
        let rotated = keys.withdraw(withdrawal, &made, made_for).await;
        rotation.discard(&made, rotated.as_ref().ok()).await;
        match rotated {
            Err(cardea_provider::Error::TokenKeysChanged) => {}
            other => return answer(keys, other.map_err(failed)?).await,
        }
    }
}

async fn open(config: &Config, store: Store) -> Result<KeyRotation, Error> {
    KeyRotation::of_operator(
        &config.keys,
        store,
        Arc::new(StoredEvents),
        operator::find(),
    )
    .await
}

async fn read(keys: &TokenKeys) -> Result<StoredKeys, Error> {
    keys.read().await.map_err(failed)
}

async fn answer(keys: &TokenKeys, rotated: Rotated) -> Result<Answer, Error> {
    let stored = read(keys).await?;
    let now = stored.time.now;
    let shown = stored.records.iter().map(|record| show(record, now));
    Ok(Answer {
        added: rotated.added,
        deleted: rotated.deleted,
        without: rotated.without.iter().map(|it| it.as_str()).collect(),
        cause: None,
        reencrypted: None,
        keys: shown.collect(),
    })
}

fn show(record: &SigningKeyRecord, now: OffsetDateTime) -> Shown {
    let sealed = record.sealed.as_ref();
    Shown {
        kid: record.kid.clone(),
        alg: record.algorithm.clone(),
        state: KeyState::of(record, now),
        place: KeyPlace::of(record),
        generation: record.generation,
        created_at: record.created_at,
        signs_from: record.signs_from,
        signs_until: record.signs_until,
        verifies_until: record.verifies_until,
        encryption_key_id: sealed.map(|it| it.encryption_key_id.clone()),
    }
}

/// Does a command's work on the database of a configuration, and says what came of it.
fn run(
    common: &Common,
    work: impl AsyncFnOnce(&Config, Store) -> Result<Answer, Error>,
) -> anyhow::Result<ExitCode> {
    let outcome = Config::load(&common.config).and_then(|config| {
        take_secrets(&config);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|source| Error::FileUnusable {
                file: common.config.clone(),
                action: "no runtime can be started",
                source,
            })?;
        runtime.block_on(async {
            let store = open_store(&config.database.url).await?;
            let outcome = work(&config, store.clone()).await;
            store.close().await;
            outcome
        })
    });
    let mut output = io::stdout().lock();
    let (written, exit) = match outcome {
        Ok(answer) if common.json => (write_json(&mut output, &answer), answer.exit()),
        Ok(answer) => (answer.write_text(&mut output), answer.exit()),
        Err(error) => (refuse(&error, common.json, &mut output), exit_of(&error)),
    };
    written
        .and_then(|()| output.flush())
        .context("standard output is closed")?;
    Ok(ExitCode::from(exit))
}

/// Takes what came in the environment out of it, before there are threads.
pub(in crate::command) fn take_secrets(config: &Config) {
    let previous = config.keys.previous_encryption.as_ref();
    for from in [Some(&config.keys.encryption), previous] {
        if let Some(name) = from.and_then(|from| from.environment.as_deref()) {
            environment_secret::take(name);
        }
    }
}

fn refuse(error: &Error, as_json: bool, output: &mut impl Write) -> io::Result<()> {
    let refusal = Refusal::of(error);
    if as_json {
        return write_json(output, &refusal);
    }
    let Refusal { code, reason } = refusal;
    writeln!(io::stderr(), "cardea: {} [{code}]", shown(&reason))
}

impl Refusal {
    fn of(error: &Error) -> Self {
        let mut reason = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            reason = format!("{reason}: {cause}");
            source = cause.source();
        }
        Self {
            code: code_of(error),
            reason,
        }
    }
}

/// The provider's own code, where it said no.
fn code_of(error: &Error) -> &'static str {
    match error {
        Error::TokenKeysUnavailable { source } => source.code(),
        other => other.code(),
    }
}

/// 1 where the answer is no, 2 where there is none.
fn exit_of(error: &Error) -> u8 {
    use cardea_provider::Error as Refused;
    let source = match error {
        Error::TokenKeysUnavailable { source } => source,
        Error::ConfirmationMissing { .. } => return 1,
        _ => return 2,
    };
    match source {
        Refused::KeyRotationPending { .. }
        | Refused::TokenKeyUnknown
        | Refused::TokenKeysTooMany { .. }
        | Refused::ClockApart { .. } => 1,
        _ => 2,
    }
}

impl Answer {
    /// Everything was done, or nothing signs with some algorithm.
    fn exit(&self) -> u8 {
        match self.without.as_slice() {
            [] => 0,
            _ => NOTHING_SIGNS,
        }
    }

    fn write_text(&self, output: &mut dyn Write) -> io::Result<()> {
        for kid in &self.added {
            writeln!(output, "made {kid}")?;
        }
        for kid in &self.deleted {
            writeln!(output, "took out {kid}")?;
        }
        if !self.without.is_empty() {
            let algorithms = self.without.join(", ");
            writeln!(
                output,
                "nothing signs with {algorithms} until a running server can make a key"
            )?;
        }
        if let Some(Refusal { code, reason }) = &self.cause {
            writeln!(
                output,
                "no key could be made or destroyed: {} [{code}]",
                shown(reason)
            )?;
        }
        if let Some(count) = self.reencrypted {
            writeln!(output, "encrypted {count} keys anew")?;
        }
        for key in &self.keys {
            writeln!(
                output,
                "{:<8} {:<6} {} {} signs from {} until {}, verifies until {}",
                word(&key.state),
                key.alg,
                key.kid,
                word(&key.place),
                moment(Some(key.signs_from)),
                moment(key.signs_until),
                moment(key.verifies_until),
            )?;
        }
        Ok(())
    }
}

fn word(value: &impl Serialize) -> String {
    let json = serde_json::to_value(value).unwrap_or_default();
    json.as_str().unwrap_or_default().to_owned()
}

fn moment(at: Option<OffsetDateTime>) -> String {
    use time::format_description::well_known::Rfc3339;
    match at {
        None => "further notice".to_owned(),
        Some(at) => at.format(&Rfc3339).unwrap_or_default(),
    }
}

fn parse_reason(text: &str) -> Result<String, String> {
    let characters = text.chars().count();
    if characters > REASON_CHARACTERS_MAX || text.chars().any(char::is_control) {
        return Err(format!(
            "must be one line of {REASON_CHARACTERS_MAX} characters at most"
        ));
    }
    Ok(text.to_owned())
}
