//! The signed list of challenge keys as agents fetch it: read at start, and again whenever another
//! one has been published.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use cardea_assertion::{CHALLENGE_KEYS_BYTES_MAX, ChallengeKeyList, verify_challenge_keys};
use cardea_jose::{Jwk, UnverifiedJws};
use cardea_storage::{Store, challenge_list_version};

use crate::config::Issuer;
use crate::error::Error;
use crate::key_file::unusable;
use crate::state::AppState;
use crate::sweeper;

/// A list that was published is given out after this.
const FOLLOW: Duration = Duration::from_secs(2);

/// The list that is given out.
#[derive(Debug)]
pub(crate) struct ChallengeList {
    file: PathBuf,
    expected: Expected,
    served: RwLock<Served>,
    /// Of the file that was looked at last.
    seen: Mutex<Option<Stamp>>,
    /// The version that the database is known to know.
    on_record: AtomicU64,
}

#[derive(Clone, Debug)]
struct Served {
    compact: Arc<str>,
    version: u64,
}

/// What a list must be, so that agents take it and go on.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    pub(crate) issuer: Issuer,
    /// The key that signs challenges now.
    pub(crate) challenge_kid: String,
    /// The enrolled root keys, where the server knows them.
    pub(crate) roots: Vec<Jwk>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
}

/// Starts to follow; ends when the state stops.
pub(crate) fn start(state: &AppState) {
    sweeper::spawn(state, FOLLOW, |state| async move {
        state.challenge_list().follow();
        if let Err(error) = state.challenge_list().remember_in(state.store()).await {
            tracing::error!(code = error.code(), reason = %error, "a version is not on record");
        }
    });
}

impl Expected {
    /// Judges a list as an agent would, as far as this server can.
    ///
    /// # Errors
    /// Why agents would refuse it, or could not go on.
    pub(crate) fn check(&self, compact: &str) -> Result<ChallengeKeyList, &'static str> {
        let list: ChallengeKeyList = UnverifiedJws::parse(compact, CHALLENGE_KEYS_BYTES_MAX)
            .and_then(|jws| jws.unverified_claims())
            .map_err(|_| "is not a challenge-key list")?;
        if list.iss != self.issuer.as_str() {
            return Err("is made for another issuer");
        }
        if list.keys.find(&self.challenge_kid).is_none() {
            return Err("does not list the challenge key");
        }
        if self.roots.is_empty() {
            return Ok(list);
        }
        verify_challenge_keys(compact, &self.roots, self.issuer.as_str(), 0)
            .map_err(|_| "is not signed by an enrolled root key")
    }
}

impl ChallengeList {
    /// Takes the list that was read at start.
    pub(crate) fn new(file: &Path, expected: Expected, compact: &str, version: u64) -> Self {
        Self {
            file: file.to_owned(),
            expected,
            served: RwLock::new(Served {
                compact: compact.into(),
                version,
            }),
            seen: Mutex::new(None),
            on_record: AtomicU64::new(0),
        }
    }

    /// Has the database know the version that is given out: agents that have seen it refuse an
    /// older one for ever, whichever node gives it out.
    ///
    /// # Errors
    /// `server.challenge_list_older` where a later one was given out;
    /// `server.database_unavailable`.
    pub(crate) async fn remember_in(&self, store: &Store) -> Result<(), Error> {
        let version = self.served().version;
        if self.on_record.load(Ordering::Relaxed) == version {
            return Ok(());
        }
        let unavailable = |source| Error::DatabaseUnavailable { source };
        let mut transaction = store.begin().await.map_err(unavailable)?;
        let given = i64::try_from(version).unwrap_or(i64::MAX);
        let highest = challenge_list_version::raise(&mut transaction, given).await;
        let highest = highest.map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)?;
        if highest > given {
            return Err(Error::ChallengeListOlder {
                file: self.file.clone(),
                version,
                highest,
            });
        }
        self.on_record.store(version, Ordering::Relaxed);
        Ok(())
    }

    /// The list.
    pub(crate) fn compact(&self) -> Arc<str> {
        Arc::clone(&self.served().compact)
    }

    /// Looks whether another list was published, and gives it out if it is a later one that agents
    /// take; else the one before stays.
    pub(crate) fn follow(&self) {
        let Ok(stamp) = fs::metadata(&self.file).map(|it| Stamp::of(&it)) else {
            return;
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == Some(stamp) {
            return;
        }
        *seen = Some(stamp);
        drop(seen);
        let taken = read_list(&self.file)
            .map_err(|error| error.to_string())
            .and_then(|compact| self.take(&compact).map_err(str::to_owned));
        match taken {
            Ok(None) => {}
            Ok(Some(version)) => tracing::info!(version, "another challenge-key list is given out"),
            Err(reason) => tracing::error!(
                file = %self.file.display(),
                reason,
                code = "server.challenge_list_refused",
                "the challenge-key list stays as it was"
            ),
        }
    }

    fn take(&self, compact: &str) -> Result<Option<u64>, &'static str> {
        let served = self.served();
        if *served.compact == *compact {
            return Ok(None);
        }
        let list = self.expected.check(compact)?;
        if list.version <= served.version {
            return Err("its version is not higher than that of the list before");
        }
        let mut place = self.served.write().unwrap_or_else(PoisonError::into_inner);
        *place = Served {
            compact: compact.into(),
            version: list.version,
        };
        Ok(Some(list.version))
    }

    fn served(&self) -> Served {
        let served = self.served.read().unwrap_or_else(PoisonError::into_inner);
        served.clone()
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

/// Reads a list.
///
/// # Errors
/// `server.file_unusable`.
pub(crate) fn read_list(file: &Path) -> Result<String, Error> {
    let unreadable = |source| unusable(file, "the list cannot be read", source);
    let bytes_max = u64::try_from(CHALLENGE_KEYS_BYTES_MAX).unwrap_or(u64::MAX);
    let opened = fs::File::open(file).map_err(unreadable)?;
    let mut text = String::new();
    let mut bounded = io::Read::take(opened, bytes_max.saturating_add(2));
    io::Read::read_to_string(&mut bounded, &mut text).map_err(unreadable)?;
    Ok(text.trim().to_owned())
}
