//! The log's part of a running server: its key, and the task that gives events their places.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex as SyncMutex, OnceLock, PoisonError};
use std::time::Duration;

use cardea_jose::random_base64url;
use cardea_ledger::{CheckpointSigner as _, LogSigner, Sequencer};
use cardea_provider::event::EventLog;
use cardea_provider::{Clock as _, LedgerRecords};
use cardea_storage::Store;
use cardea_storage::ledger::{load_state, newest_checkpoint, oldest_unplaced};
use cardea_transparency::{Hash, VerifierKey};
use time::OffsetDateTime;
use tokio::sync::{Mutex, OnceCell};

use self::committed::Committed;
use self::cosigning::Cosigning;
use self::key::KeyOfLog;
use self::last_signed::LastSignedFile;
use self::shown::KnownRestore;
use crate::clock::SystemClock;
use crate::error::Error;
use crate::key_vault::KeyVault;
use crate::state::AppState;
use crate::sweeper;

pub(crate) mod committed;
pub(crate) mod cosigning;
pub(crate) mod inclusion;
pub(crate) mod key;
pub(crate) mod last_signed;
mod missed;
pub(crate) mod shown;
mod watched;
mod witness;

/// Batches of one look; after that others have the database for a while.
const BATCHES_MAX: usize = 20;
/// How long the last batch of a server that stops may take.
const LAST_TIME: Duration = Duration::from_secs(3);
/// How long events may wait for their places before an operator is told.
pub(crate) const BEHIND_SECONDS: i64 = 60;

/// An event that this node committed is looked for in the tree after so long, which is several
/// batches, and so often until it is found.
const PLACED_WITHIN: Duration = Duration::from_secs(10);
const LOOK_FOR_EVERY: Duration = Duration::from_secs(5);

/// Failures that do not pass by themselves.
const STOPPING_CODES: [&str; 5] = [
    "ledger.history_changed",
    "ledger.key_missing",
    "ledger.last_signed_unusable",
    "ledger.signing_failed",
    "ledger.tree_damaged",
];

/// The log of this node's database.
pub(crate) struct LogKeeper {
    store: Store,
    vault: Arc<KeyVault>,
    event_log: Arc<dyn EventLog>,
    origin: String,
    last_signed: Option<LastSignedFile>,
    every: Duration,
    cosigning: Cosigning,
    /// Where the key is put for whoever signs beside the sequencer.
    signer: LogSigner,
    /// Events of this node that are to be found in the tree.
    committed: Committed,
    /// The key by which it is verified, once it is known: it never changes.
    verifier: OnceLock<VerifierKey>,
    /// Restores that the log tells of.
    restores: OnceCell<Vec<KnownRestore>>,
    restore_records: Vec<PathBuf>,
    /// Whether the log says who watches it, and that they have begun.
    is_watch_noted: AtomicBool,
    is_begin_noted: AtomicBool,
    sequencer: Mutex<Option<Sequencer>>,
    /// The code of the last failure that an operator was told of.
    failed: SyncMutex<Option<&'static str>>,
    is_behind: AtomicBool,
    is_held_elsewhere: AtomicBool,
}

/// What the configuration says of the log.
pub(crate) struct LogSettings {
    pub(crate) origin: String,
    pub(crate) last_signed: Option<LastSignedFile>,
    pub(crate) checkpoint_seconds: u32,
    pub(crate) restore_records: Vec<PathBuf>,
    pub(crate) cosigning: Cosigning,
    pub(crate) signer: LogSigner,
    pub(crate) committed: Committed,
}

/// How the log stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Leaves.
    pub(crate) size: u64,
    /// The size of the newest checkpoint.
    pub(crate) signed: u64,
    /// When that was made.
    pub(crate) signed_at: Option<i64>,
    /// When the oldest event happened that waits for its place.
    pub(crate) waiting_since: Option<i64>,
}

/// Starts the task; it ends when the state stops.
pub(crate) fn start(state: &AppState) {
    let every = state.log_keeper().every;
    sweeper::spawn(state, every, |state| async move {
        state.log_keeper().look().await;
    });
    sweeper::spawn(state, every, |state| async move {
        state.log_keeper().note_watch().await;
        state.log_keeper().learn_restores().await;
    });
    sweeper::spawn(state, LOOK_FOR_EVERY, |state| async move {
        let keeper = state.log_keeper();
        keeper
            .miss_committed(PLACED_WITHIN.max(keeper.every * 3))
            .await;
    });
    let cosigning = state.log_keeper().cosigning();
    if cosigning.has_witnesses() {
        sweeper::spawn(state, cosigning.every(), |state| async move {
            state.log_keeper().have_cosigned().await;
        });
    }
    if cosigning.is_unwitnessed() {
        tracing::warn!(
            "ledger.witness_policy = \"waived\": nobody else watches the log, and whoever has its \
             database and its key can write another history (docs/witness.md)"
        );
    }
}

impl LogKeeper {
    pub(crate) fn new(
        store: Store,
        vault: Arc<KeyVault>,
        event_log: Arc<dyn EventLog>,
        settings: LogSettings,
    ) -> Self {
        Self {
            store,
            vault,
            event_log,
            origin: settings.origin,
            last_signed: settings.last_signed,
            every: Duration::from_secs(u64::from(settings.checkpoint_seconds)),
            cosigning: settings.cosigning,
            signer: settings.signer,
            committed: settings.committed,
            verifier: OnceLock::new(),
            restores: OnceCell::new(),
            restore_records: settings.restore_records,
            is_watch_noted: AtomicBool::new(false),
            is_begin_noted: AtomicBool::new(false),
            sequencer: Mutex::default(),
            failed: SyncMutex::default(),
            is_behind: AtomicBool::new(false),
            is_held_elsewhere: AtomicBool::new(false),
        }
    }

    /// The log's name.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// Opens the log's key before the first request, so that whichever is answered meanwhile is
    /// counted the same on the record. A failure is tried again at each look.
    pub(crate) async fn open(&self) {
        let mut sequencer = self.sequencer.lock().await;
        let begun = self.begin().await;
        self.note(begun.as_ref().err());
        *sequencer = begun.ok();
        drop(sequencer);
        self.note_watch().await;
    }

    /// Gives waiting events their places. What fails is tried again at the next look: events are on
    /// record already.
    async fn look(&self) {
        let mut sequencer = self.sequencer.lock().await;
        let outcome = self.run(&mut sequencer).await;
        drop(sequencer);
        self.note(outcome.as_ref().err());
        // The sequencer has just seen that nothing waits: an idle server asks once a look.
        match outcome {
            Ok(true) => self.is_behind.store(false, Ordering::Relaxed),
            Ok(false) | Err(_) => self.note_lag().await,
        }
    }

    /// Who watches the log.
    pub(crate) fn cosigning(&self) -> &Cosigning {
        &self.cosigning
    }

    /// Has witnesses cosign the newest checkpoint; of several nodes the one does that makes the
    /// tree grow.
    async fn have_cosigned(&self) {
        let is_asking = !self.is_held_elsewhere.load(Ordering::Relaxed);
        let now = SystemClock.now();
        let mut looked = self.cosigning.look(&self.store, is_asking, now).await;
        if looked.is_ok() && is_asking {
            looked = self.note_first_cosigned().await;
        }
        if let Err(error) = looked
            && !self.store.has_failed()
        {
            let code = error.code();
            tracing::warn!(code, %error, "the log is not cosigned for now");
        }
    }

    /// Whether everything that waited has its place now.
    async fn run(&self, sequencer: &mut Option<Sequencer>) -> Result<bool, Error> {
        let mut signed = Vec::new();
        let is_done = self.run_batches(sequencer, &mut signed).await;
        self.committed.find_signed(&signed);
        is_done
    }

    async fn run_batches(
        &self,
        sequencer: &mut Option<Sequencer>,
        signed: &mut Vec<(String, Hash)>,
    ) -> Result<bool, Error> {
        let unavailable = |source| Error::LedgerUnavailable { source };
        let own = match sequencer {
            Some(own) => own,
            None => sequencer.insert(self.begin().await?),
        };
        for _ in 0..BATCHES_MAX {
            let outcome = own.run_once(SystemClock.now()).await.map_err(unavailable)?;
            let is_held_elsewhere = outcome.is_held_elsewhere;
            signed.extend(outcome.signed);
            self.is_held_elsewhere
                .store(is_held_elsewhere, Ordering::Relaxed);
            if !outcome.is_more {
                return Ok(!is_held_elsewhere);
            }
            tokio::task::yield_now().await;
        }
        Ok(false)
    }

    async fn begin(&self) -> Result<Sequencer, Error> {
        let (vault, event_log) = (Arc::clone(&self.vault), Arc::clone(&self.event_log));
        let is_begun = self.is_begun().await?;
        let key =
            KeyOfLog::load_or_make(&self.store, vault, event_log, &self.origin, is_begun).await?;
        tracing::info!(
            verifier_key = %key.verifier(),
            "the log's checkpoints are signed by this key: give it to witnesses and verifiers"
        );
        let name = random_base64url(12);
        let name = name.map_err(|source| crate::key_rotation::failed(source.into()))?;
        let key = Arc::new(key);
        self.sign_erasures_by(&key).await?;
        let sequencer = Sequencer::new(self.store.clone(), key, name);
        Ok(match &self.last_signed {
            Some(file) => sequencer.remembering(Box::new(file.clone())),
            None => {
                tracing::warn!(
                    "what this node signs last is kept in memory alone, and the next start takes \
                     the log of the database as it is: set ledger.last_signed_file"
                );
                sequencer
            }
        })
    }

    /// Lets erasures be signed, and puts on record that they are: from then on nobody who writes
    /// into the database can excuse what she takes out.
    async fn sign_erasures_by(&self, key: &Arc<KeyOfLog>) -> Result<(), Error> {
        let (event_log, now) = (&*self.event_log, SystemClock.now());
        let begun = LedgerRecords::begin_signed_erasures(&self.store, event_log, &**key, now);
        begun.await.map_err(crate::key_rotation::failed)?;
        self.signer.open(Arc::clone(key) as _);
        Ok(())
    }

    /// Whether there is a log already, as the database or this node knows. Asked before the key is
    /// looked for: another node may be making it.
    async fn is_begun(&self) -> Result<bool, Error> {
        let standing = self.standing().await;
        let standing = standing.map_err(|source| Error::DatabaseUnavailable { source })?;
        let is_kept = self.last_signed.as_ref().map(LastSignedFile::is_there);
        let is_kept = is_kept.transpose();
        let is_kept = is_kept.map_err(|source| Error::LedgerUnavailable { source })?;
        Ok(standing.size > 0 || standing.signed > 0 || is_kept == Some(true))
    }

    /// The last look of a server that stops; another node need not wait for it then.
    pub(crate) async fn finish(&self) {
        let last = async {
            let mut sequencer = self.sequencer.lock().await;
            if sequencer.is_none() {
                return;
            }
            let placed = self.run(&mut sequencer).await;
            let let_go = match sequencer.as_mut() {
                Some(own) => own.let_go().await,
                None => Ok(()),
            };
            drop(sequencer);
            self.miss_committed(Duration::ZERO).await;
            let let_go = let_go.map_err(|source| Error::LedgerUnavailable { source });
            if let Some(error) = placed.err().or(let_go.err()) {
                let code = error.code();
                tracing::warn!(code, %error, "the next start gives the last events their places");
            }
        };
        let _ = tokio::time::timeout(LAST_TIME, last).await;
    }

    /// Tells an operator once of each kind of failure.
    fn note(&self, error: Option<&Error>) {
        let code = error.map(Error::code);
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = *failed != code;
        *failed = code;
        drop(failed);
        let Some(error) = error.filter(|_| is_new && !self.store.has_failed()) else {
            return;
        };
        let cause = std::error::Error::source(error).map(ToString::to_string);
        tracing::error!(
            code = error.code(),
            reason = %error,
            cause,
            "events are on record and get no places in the log for now"
        );
    }

    async fn note_lag(&self) {
        let Ok(standing) = self.standing().await else {
            return;
        };
        let lag = standing.lag_seconds(SystemClock.now());
        let is_behind = lag > BEHIND_SECONDS;
        let was_behind = self.is_behind.swap(is_behind, Ordering::Relaxed);
        if is_behind && !was_behind && self.is_held_elsewhere.load(Ordering::Relaxed) {
            tracing::warn!(
                seconds = lag,
                "events wait for their places in the log, which another node holds"
            );
        }
    }

    /// Whether nothing is signed any more until an operator has looked: it is no passing failure.
    pub(crate) fn is_stopped(&self) -> bool {
        let failed = *self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.is_some_and(|code| STOPPING_CODES.contains(&code))
    }

    /// Whether events have waited too long for their places: as the database says, or as this node
    /// knows of its own.
    pub(crate) fn is_behind(&self) -> bool {
        let bound = Duration::from_secs(BEHIND_SECONDS.unsigned_abs());
        self.is_behind.load(Ordering::Relaxed) || self.committed.waits_longer_than(bound)
    }

    /// How many events of this node were not found in the log as they were written, since it
    /// started.
    pub(crate) fn missed(&self) -> u64 {
        self.committed.missed()
    }

    /// How the log stands.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) async fn standing(&self) -> Result<Standing, cardea_storage::Error> {
        standing_of(&self.store).await
    }
}

/// How the log of a database stands.
///
/// # Errors
/// Those of the database.
pub(crate) async fn standing_of(store: &Store) -> Result<Standing, cardea_storage::Error> {
    let mut reading = store.begin_read().await?;
    let state = load_state(&mut reading).await?;
    let newest = newest_checkpoint(&mut reading).await?;
    Ok(Standing {
        size: state.map_or(0, |it| it.size),
        signed: newest.as_ref().map_or(0, |it| it.size),
        signed_at: newest.map(|it| it.made_at),
        waiting_since: oldest_unplaced(&mut reading).await?,
    })
}

impl Standing {
    /// How long the oldest waiting event has waited.
    pub(crate) fn lag_seconds(&self, now: OffsetDateTime) -> i64 {
        let since = self.waiting_since;
        since.map_or(0, |since| now.unix_timestamp().saturating_sub(since).max(0))
    }
}

impl std::fmt::Debug for LogKeeper {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("LogKeeper").finish_non_exhaustive()
    }
}
