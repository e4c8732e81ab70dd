//! Token keys as the running server holds them: it makes what is due, and follows what other nodes
//! and commands have changed.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cardea_jose::{Algorithm, SigningKey};
use cardea_provider::event::EventLog;
use cardea_provider::rotation::{
    ImportedKey, MadeKey, Rotated, RotationRules, StoredKeys, TokenKeys,
};
use cardea_provider::{KeyWindow, Operator, Provider, SharedTime, TokenKey};
use cardea_storage::Store;
use cardea_storage::signing_key::SigningKeyRecord;
use tokio::sync::Mutex;

use crate::clock::SystemClock;
use crate::config::KeysConfig;
use crate::error::Error;
use crate::key_vault::KeyVault;
use crate::state::AppState;
use crate::sweeper;
use crate::token_key_files::{self, KeyOfFile};

/// A key that another node or a command made or took out is known here after this.
const FOLLOW: Duration = Duration::from_secs(1);
/// How often the schedule is looked at.
const SCHEDULE: Duration = Duration::from_secs(10);

/// The token keys of the database, and what opens them.
pub(crate) struct KeyRotation {
    vault: Arc<KeyVault>,
    keys: TokenKeys,
    followed: Mutex<Followed>,
    /// Whether this node's clock and that of all nodes are apart.
    clock_apart: AtomicBool,
    /// Whether some key only verifies here.
    has_unopened: AtomicBool,
}

#[derive(Default)]
struct Followed {
    /// The count of changes that the provider's keys come from.
    revision: Option<i64>,
    /// The one that a failure was told of.
    failed: Option<i64>,
    opened: HashMap<String, SigningKey>,
}

/// Starts the tasks; they end when the state stops.
pub(crate) fn start(state: &AppState) {
    sweeper::spawn(state, FOLLOW, |state| async move {
        state.key_rotation().follow(state.provider()).await;
    });
    sweeper::spawn(state, SCHEDULE, |state| async move {
        let kept = state.key_rotation().keep_to_schedule().await;
        if let Err(error) = kept
            && !is_clock_apart(&error)
        {
            tracing::error!(
                cause = error.code(),
                reason = %error,
                code = "server.key_rotation_failed",
                "the token keys stay as they are for now"
            );
        }
    });
}

impl KeyRotation {
    /// Takes in keys from files where the database has none, makes those that are missing, and sees
    /// that all of them can be used.
    ///
    /// # Errors
    /// Those of the key-encryption key and the token, `server.token_keys_unavailable`.
    pub(crate) async fn start(
        config: &KeysConfig,
        store: Store,
        event_log: Arc<dyn EventLog>,
    ) -> Result<Self, Error> {
        let (rotation, files) = Self::open(config, store, event_log, None).await?;
        match files.is_empty() {
            true => rotation.put_files_by(&config.dir).await?,
            false => rotation.import(files, &config.dir).await?,
        }
        match rotation.keep_to_schedule().await {
            Err(error) if !is_clock_apart(&error) || rotation.has_no_keys().await? => Err(error),
            _ => Ok(rotation),
        }
    }

    /// The same for an operator's command, which makes nothing by itself.
    ///
    /// # Errors
    /// As [`KeyRotation::start`].
    pub(crate) async fn of_operator(
        config: &KeysConfig,
        store: Store,
        event_log: Arc<dyn EventLog>,
        operator: Operator,
    ) -> Result<Self, Error> {
        let (rotation, files) = Self::open(config, store, event_log, Some(operator)).await?;
        if !files.is_empty() {
            rotation.import(files, &config.dir).await?;
        }
        Ok(rotation)
    }

    async fn open(
        config: &KeysConfig,
        store: Store,
        event_log: Arc<dyn EventLog>,
        operator: Option<Operator>,
    ) -> Result<(Self, Vec<KeyOfFile>), Error> {
        let clock = Arc::new(SystemClock);
        let keys_by = |rules, operator| {
            let (store, event_log) = (store.clone(), Arc::clone(&event_log));
            let clock = Arc::clone(&clock) as Arc<_>;
            TokenKeys::new(store, event_log, clock, rules, operator)
        };
        let rules = config.rotation();
        let keys = keys_by(rules.clone(), None);
        let stored = keys.read().await.map_err(failed)?;
        // Of nodes that start at once one makes the key in the token, and the others find it.
        let is_needed = stored.records.iter().any(|it| it.sealed.is_some());
        let may_make = !is_needed || config.previous_encryption.is_some();
        let alone = match &config.encryption.pkcs11_key {
            Some(_) if may_make => Some(keys.hold_changes().await.map_err(failed)?),
            _ => None,
        };
        let config = config.clone();
        let (vault, algorithms, files) = blocking(move || {
            let files = match stored.takes_files() {
                true => token_key_files::read(&config.dir)?,
                false => Vec::new(),
            };
            create_folder(&config.dir)?;
            let vault = KeyVault::open(&config, &stored.records, !files.is_empty())?;
            let algorithms = vault.able(&config.rotation().algorithms)?;
            Ok((vault, algorithms, files))
        })
        .await?;
        drop(alone);
        let rules = RotationRules {
            algorithms,
            ..rules
        };
        let rotation = Self {
            vault: Arc::new(vault),
            keys: keys_by(rules, operator),
            followed: Mutex::default(),
            clock_apart: AtomicBool::new(false),
            has_unopened: AtomicBool::new(false),
        };
        Ok((rotation, files))
    }

    /// The keys of the database.
    pub(crate) fn keys(&self) -> &TokenKeys {
        &self.keys
    }

    /// What opens them.
    pub(crate) fn vault(&self) -> &Arc<KeyVault> {
        &self.vault
    }

    /// Renames the files of keys that the database has, or had: another database would take them in
    /// once more, and with them those that were taken out.
    async fn put_files_by(&self, folder: &Path) -> Result<(), Error> {
        let folder = folder.to_owned();
        blocking(move || {
            token_key_files::put_by(&folder);
            Ok(())
        })
        .await
    }

    async fn import(&self, files: Vec<KeyOfFile>, folder: &Path) -> Result<(), Error> {
        let vault = Arc::clone(&self.vault);
        let keys = blocking(move || {
            let sealed = files.iter().map(|it| {
                Ok(ImportedKey {
                    key: vault.seal(&it.key)?,
                    is_retired: it.is_retired,
                })
            });
            sealed.collect::<Result<Vec<_>, Error>>()
        })
        .await?;
        let rotated = self.keys.import(&keys).await.map_err(failed)?;
        tracing::warn!(
            keys = rotated.added.len(),
            "token keys were taken from their files into the database; the files are no longer \
             read: keep a copy of the key-encryption key, and delete them"
        );
        self.put_files_by(folder).await
    }

    async fn has_no_keys(&self) -> Result<bool, Error> {
        let stored = self.keys.read().await.map_err(failed)?;
        Ok(stored.records.is_empty())
    }

    /// Does what is due by the clock of all nodes, unless this node's own is apart from that.
    ///
    /// # Errors
    /// Those of the vault, `server.token_keys_unavailable`.
    pub(crate) async fn keep_to_schedule(&self) -> Result<(), Error> {
        let stored = self.keys.read().await.map_err(failed)?;
        self.note_clock(&stored.time)?;
        let Some(algorithms) = self.keys.due(&stored) else {
            return Ok(());
        };
        let made = self.make(algorithms).await?;
        let rotated = self.keys.keep_to_schedule(&made).await.map_err(failed);
        self.discard(&made, rotated.as_ref().ok()).await;
        for kid in rotated?.promoted {
            tracing::warn!(kid, "a token key signs before its time: no other one did");
        }
        Ok(())
    }

    /// Tells an operator once each time that the clocks are apart.
    fn note_clock(&self, time: &SharedTime) -> Result<(), Error> {
        let agreed = time.agreed();
        let was_apart = self.clock_apart.swap(agreed.is_err(), Ordering::Relaxed);
        if let Err(error) = &agreed
            && !was_apart
        {
            tracing::error!(
                code = error.code(),
                reason = %error,
                "this node changes no keys and forgets nothing until the clocks agree"
            );
        }
        agreed.map(drop).map_err(failed)
    }

    /// Whether this node's clock was wrong at the last look.
    pub(crate) fn is_clock_apart(&self) -> bool {
        self.clock_apart.load(Ordering::Relaxed)
    }

    /// Whether this node cannot sign with a key that it should be able to sign with.
    pub(crate) fn has_unopened(&self) -> bool {
        self.has_unopened.load(Ordering::Relaxed)
    }

    /// Makes keys, off the asynchronous threads.
    ///
    /// # Errors
    /// Those of the vault.
    pub(crate) async fn make(&self, algorithms: Vec<Algorithm>) -> Result<Vec<MadeKey>, Error> {
        let vault = Arc::clone(&self.vault);
        blocking(move || algorithms.into_iter().map(|it| vault.make(it)).collect()).await
    }

    /// Has the token forget keys that were made in vain, and those that were deleted.
    pub(crate) async fn discard(&self, made: &[MadeKey], rotated: Option<&Rotated>) {
        let is_added = |kid: &String| rotated.is_some_and(|it| it.added.contains(kid));
        let in_token = made.iter().filter(|it| it.sealed.is_none());
        let mut gone: Vec<String> = in_token
            .map(|it| it.public_jwk.thumbprint())
            .filter(|kid| !is_added(kid))
            .collect();
        gone.extend(rotated.into_iter().flat_map(|it| it.deleted.clone()));
        if gone.is_empty() {
            return;
        }
        let vault = Arc::clone(&self.vault);
        let work = move || {
            gone.iter().for_each(|kid| vault.discard(kid));
            Ok(())
        };
        // A failure was told of in the log.
        let _ = blocking(work).await;
    }

    /// The keys as they stand now, and how far this node's clock is ahead of the one that their
    /// times are by.
    ///
    /// # Errors
    /// Those of the vault, `server.token_keys_unavailable`.
    pub(crate) async fn current(&self) -> Result<(Vec<TokenKey>, time::Duration), Error> {
        let mut followed = self.followed.lock().await;
        let stored = self.keys.read().await.map_err(failed)?;
        let (keys, failure) = self.open_all(&mut followed, &stored).await?;
        if let Some(error) = failure {
            return Err(error);
        }
        followed.revision = Some(stored.revision);
        Ok((keys, stored.time.ahead))
    }

    /// Looks whether keys have changed. When the database does not answer, those known before stay;
    /// a key that is no longer there goes, whatever is wrong with the others.
    pub(crate) async fn follow(&self, provider: &Provider) {
        let mut followed = self.followed.lock().await;
        let outcome = self.follow_into(&mut followed, provider).await;
        let (revision, error) = match outcome {
            Ok(()) => {
                followed.failed = None;
                return;
            }
            Err((revision, error)) => (revision, error),
        };
        if followed.failed != Some(revision) {
            followed.failed = Some(revision);
            tracing::error!(
                cause = error.code(),
                reason = %error,
                code = "server.token_keys_not_followed",
                "the token keys are not those of the database"
            );
        }
    }

    async fn follow_into(
        &self,
        followed: &mut Followed,
        provider: &Provider,
    ) -> Result<(), (i64, Error)> {
        let unknown = |error| (-1, failed(error));
        let time = self.keys.time().await.map_err(unknown)?;
        provider.keys().set_ahead(time.ahead);
        let revision = self.keys.revision().await.map_err(unknown)?;
        if followed.revision == Some(revision) {
            return Ok(());
        }
        let stored = self.keys.read().await.map_err(unknown)?;
        let revision = stored.revision;
        let opened = self.open_all(followed, &stored).await;
        let (keys, failure) = opened.map_err(|error| (revision, error))?;
        let count = keys.len();
        provider.replace_keys(provider.keys().with_token_keys(keys));
        if let Some(error) = failure {
            return Err((revision, error));
        }
        followed.revision = Some(revision);
        tracing::info!(keys = count, "the token keys are read anew");
        Ok(())
    }

    /// Opens the keys that are not open yet; those of the algorithms first that stand first.
    async fn open_all(
        &self,
        followed: &mut Followed,
        stored: &StoredKeys,
    ) -> Result<(Vec<TokenKey>, Option<Error>), Error> {
        let mut opened = std::mem::take(&mut followed.opened);
        let vault = Arc::clone(&self.vault);
        let records = stored.records.clone();
        let (opened, verifying, failure) = blocking(move || {
            let mut verifying = HashMap::new();
            opened.retain(|kid, _| records.iter().any(|it| it.kid == *kid));
            let mut failure = None;
            for record in &records {
                if opened.contains_key(&record.kid) {
                    continue;
                }
                match vault.load(record) {
                    Ok(key) => {
                        opened.insert(record.kid.clone(), key);
                    }
                    Err(error) => {
                        let public = vault.load_public_half(record, &error);
                        let public = public.map(|key| (record.kid.clone(), key));
                        verifying.extend(public);
                        failure = Some(error);
                    }
                }
            }
            Ok((opened, verifying, failure))
        })
        .await?;
        followed.opened = opened;
        self.has_unopened
            .store(failure.is_some(), Ordering::Relaxed);
        let place = |it: &&SigningKeyRecord| {
            let mut order = self.keys.rules().algorithms.iter();
            order.position(|algorithm| algorithm.as_str() == it.algorithm)
        };
        let mut records: Vec<_> = stored.records.iter().collect();
        records.sort_by_key(|it| (place(it).unwrap_or(usize::MAX), it.generation));
        let keys = records.into_iter().filter_map(|record| {
            let opened = followed.opened.get(&record.kid);
            let key = opened.or_else(|| verifying.get(&record.kid))?.clone();
            let window = KeyWindow {
                generation: record.generation,
                signs_from: Some(record.signs_from),
                signs_until: record.signs_until,
                verifies_until: record.verifies_until,
            };
            Some(TokenKey { key, window })
        });
        Ok((keys.collect(), failure))
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Error::TokenKeysUnavailable {
        source: cardea_provider::Error::Jose(cardea_jose::Error::SignerUnavailable),
    })?
}

fn is_clock_apart(error: &Error) -> bool {
    use cardea_provider::Error::ClockApart;
    matches!(
        error,
        Error::TokenKeysUnavailable {
            source: ClockApart { .. }
        }
    )
}

/// A refusal or failure of the provider, as this program's own.
pub(crate) fn failed(source: cardea_provider::Error) -> Error {
    Error::TokenKeysUnavailable { source }
}

fn create_folder(folder: &Path) -> Result<(), Error> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(folder)
        .map_err(|source| crate::key_file::unusable(folder, "the folder cannot be made", source))
}

impl std::fmt::Debug for KeyRotation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("KeyRotation")
            .finish_non_exhaustive()
    }
}
