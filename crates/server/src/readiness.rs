//! Whether this server can answer logins now, and if not, why: one stable word a reason.
//!
//! Being alive is another question (`/healthz`): a server that is not ready is left alone by a load
//! balancer and not started anew. Not ready is only who answers no login at all; what limits some
//! of them, or will, is a warning.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cardea_provider::Clock as _;
use cardea_storage::{Store, health};
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::clock::SystemClock;
use crate::error::Error;
use crate::state::AppState;

/// How long a database that took a write counts as one that does: each look is a wait for the disk.
const PROBE_SERVES: Duration = Duration::from_secs(5);
/// How long one that did not is left alone.
const FAILURE_SERVES: Duration = Duration::from_secs(1);
/// A database that takes longer than this for one row cannot answer logins.
const PROBE_TIME: Duration = Duration::from_secs(3);

/// Why no login can be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reason {
    /// The server was told to stop.
    Stopping,
    /// The database does not answer, or takes no write.
    DatabaseNotWritable,
    /// The database lacks a migration that this program needs.
    SchemaTooOld,
    /// A newer program changed the database so that this one cannot work with it any more.
    SchemaTooNew,
    /// There is no key that signs tokens.
    KeysMissing,
    /// A token key of the database does not open here: what this server has is not what opens it.
    TokenKeyNotOpen,
    /// No trust anchor has evidence that its policy accepts, nor a responder that may be asked.
    RevocationEvidenceTooOld,
    /// The machine's clock was set back; this program goes on without it.
    ClockSetBack,
}

/// What is wrong, but keeps nobody out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Warning {
    /// One trust anchor has no evidence that its policy accepts; others have.
    RevocationEvidenceTooOld,
    /// Many agents are silent at once.
    MassPresenceLoss,
    /// The machine's clock and the database's are apart, or the machine's was set: this server
    /// changes no keys and forgets nothing.
    ClockApart,
    /// Events have waited for more than a minute for their places in the log.
    LedgerBehind,
    /// Nothing is signed in the log any more until an operator has looked.
    LedgerStopped,
    /// Events that this node had committed are not in the log as it wrote them.
    LedgerEventsMissed,
    /// An output of the log's events is further behind than its operator wants.
    SiemBehind,
    /// Witnesses have not cosigned the log for long, or nobody watches it who ought to.
    LedgerUnwitnessed,
    /// A witness says that this is not the log that it knows.
    LedgerRefused,
    /// The database's own settings let a power cut take what it said to have committed.
    DatabaseNotDurable,
}

impl Reason {
    /// Every reason, for the numbers.
    pub(crate) const ALL: [Self; 8] = [
        Self::Stopping,
        Self::DatabaseNotWritable,
        Self::SchemaTooOld,
        Self::SchemaTooNew,
        Self::KeysMissing,
        Self::TokenKeyNotOpen,
        Self::RevocationEvidenceTooOld,
        Self::ClockSetBack,
    ];

    /// The stable word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Stopping => "stopping",
            Self::DatabaseNotWritable => "database_not_writable",
            Self::SchemaTooOld => "schema_too_old",
            Self::SchemaTooNew => "schema_too_new",
            Self::KeysMissing => "keys_missing",
            Self::TokenKeyNotOpen => "token_key_not_open",
            Self::RevocationEvidenceTooOld => "revocation_evidence_too_old",
            Self::ClockSetBack => "clock_set_back",
        }
    }
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Report {
    pub(crate) status: &'static str,
    pub(crate) reasons: Vec<Reason>,
    pub(crate) warnings: Vec<Warning>,
}

/// What is remembered between two looks.
#[derive(Debug, Default)]
pub(crate) struct Readiness {
    stopping: AtomicBool,
    not_durable: AtomicBool,
    probed: Mutex<Option<Probe>>,
}

#[derive(Clone, Copy, Debug)]
struct Probe {
    at: Instant,
    fault: Option<Reason>,
}

impl Readiness {
    /// Asks the database, at the start, whether it keeps what it says to have committed, and tells
    /// an operator where it does not. What the server itself asks of each connection is refused
    /// earlier where it is not kept.
    ///
    /// # Errors
    /// [`Error::DatabaseUnavailable`].
    pub(crate) async fn note_durability(&self, store: &Store) -> Result<(), Error> {
        let faults = store.durability_faults().await;
        let faults = faults.map_err(|source| Error::DatabaseUnavailable { source })?;
        for setting in &faults {
            tracing::error!(
                code = "storage.commits_not_durable",
                setting,
                "the database's cluster is told not to keep what it commits: a power cut may take \
                 logins, and events of the log, that people were told of"
            );
        }
        self.not_durable
            .store(!faults.is_empty(), Ordering::Relaxed);
        Ok(())
    }

    /// Not ready from now on: the server is to stop.
    pub(crate) fn begin_stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    /// Whether the server was told to stop.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Looks whether logins can be answered. However often it is asked, the database is not asked
    /// more than once a second.
    pub(crate) async fn look(&self, state: &AppState) -> Report {
        let mut reasons = Vec::new();
        let mut warnings = Vec::new();
        if self.is_stopping() {
            reasons.push(Reason::Stopping);
        }
        reasons.extend(self.probe(state.store()).await);
        if state.provider().jwks().keys.is_empty() {
            reasons.push(Reason::KeysMissing);
        }
        if state.key_rotation().has_unopened() {
            reasons.push(Reason::TokenKeyNotOpen);
        }
        let anchors = state
            .revocation()
            .anchors_without_evidence(SystemClock.now());
        match (anchors.lacking, anchors.all) {
            (0, _) => {}
            (lacking, all) if lacking == all => reasons.push(Reason::RevocationEvidenceTooOld),
            _ => warnings.push(Warning::RevocationEvidenceTooOld),
        }
        if SystemClock::is_set_back() {
            reasons.push(Reason::ClockSetBack);
        }
        if state.provider().is_losing_many() {
            warnings.push(Warning::MassPresenceLoss);
        }
        if state.key_rotation().is_clock_apart() {
            warnings.push(Warning::ClockApart);
        }
        if state.log_keeper().is_behind() {
            warnings.push(Warning::LedgerBehind);
        }
        if state.log_keeper().is_stopped() {
            warnings.push(Warning::LedgerStopped);
        }
        if state.log_keeper().missed() > 0 {
            warnings.push(Warning::LedgerEventsMissed);
        }
        if state.siem().is_behind() {
            warnings.push(Warning::SiemBehind);
        }
        let cosigning = state.log_keeper().cosigning();
        if cosigning.is_unwitnessed() {
            warnings.push(Warning::LedgerUnwitnessed);
        }
        if cosigning.is_refused() {
            warnings.push(Warning::LedgerRefused);
        }
        if self.not_durable.load(Ordering::Relaxed) {
            warnings.push(Warning::DatabaseNotDurable);
        }
        Report {
            status: if reasons.is_empty() {
                "ready"
            } else {
                "not_ready"
            },
            reasons,
            warnings,
        }
    }

    async fn probe(&self, store: &Store) -> Option<Reason> {
        if store.has_failed() {
            return Some(Reason::DatabaseNotWritable);
        }
        let mut probed = self.probed.lock().await;
        if let Some(last) = *probed {
            let serves = match last.fault {
                None => PROBE_SERVES,
                Some(_) => FAILURE_SERVES,
            };
            if last.at.elapsed() < serves {
                return last.fault;
            }
        }
        let fault = match timeout(PROBE_TIME, write_and_read(store)).await {
            Ok(Ok((version, _))) if version < Some(Store::schema_version()) => {
                Some(Reason::SchemaTooOld)
            }
            Ok(Ok((_, floor))) if floor > Store::schema_version() => Some(Reason::SchemaTooNew),
            Ok(Ok(_)) => None,
            Ok(Err(_)) | Err(_) => Some(Reason::DatabaseNotWritable),
        };
        let at = Instant::now();
        *probed = Some(Probe { at, fault });
        fault
    }
}

/// Writes one row for good, and says which schema is there, and which must be known.
async fn write_and_read(store: &Store) -> Result<(Option<i64>, i64), cardea_storage::Error> {
    let mut transaction = store.begin().await?;
    let version = health::find_schema_version(&mut transaction).await?;
    let floor = health::find_schema_floor(&mut transaction).await?;
    health::write_probe(&mut transaction, SystemClock.now()).await?;
    transaction.commit().await?;
    Ok((version, floor))
}

#[cfg(test)]
mod tests {
    use super::Reason;

    #[test]
    fn the_word_of_a_reason_is_the_one_in_json() {
        for reason in Reason::ALL {
            let json = serde_json::to_value(reason).unwrap();
            assert_eq!(json, reason.as_str());
        }
    }
}
