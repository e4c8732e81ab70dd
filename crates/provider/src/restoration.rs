//! Putting a backup back, and what must never be usable again after it.
//!
//! A backup is of an earlier moment: codes, challenges and refresh tokens that waited then may have
//! been used since, and proofs may have been made since that the restored database has not heard
//! of. So all that waited ends in the transaction of the restore, and a signed value that may be
//! from before that moment is refused by its own time. Token keys may have been taken out since:
//! all of the backup's are, and the next start makes new ones, as after an emergency.

mod log;

use std::io::BufRead;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use cardea_storage::backup::{self, Ended, VerifiedBackup};
use cardea_storage::card::{self, Card};
use cardea_storage::{Store, Transaction, signing_key};
use time::OffsetDateTime;

pub use self::log::{LogEnds, RestoreNotary, SignedRestore};

use crate::config::Lifetimes;
use crate::event::{Event, EventKind, EventLog};
use crate::session::EndReason;
use crate::{Clock, Error, Operator, Provider};

/// Why the record says that token keys were taken out.
const REASON: &str = "a restore";
/// Suspended cards of the database that was there before which are looked at: more than are lost
/// between two backups.
const SUSPENDED_MAX: u32 = 10_000;

/// What a restore ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// What was waiting to be used, or in use.
    pub ended: Ended,
    /// Token keys of the backup, which are taken out.
    pub token_keys: u64,
    /// Cards that were suspended in the database that was replaced and are let in again, the one
    /// suspended last first.
    pub suspensions_lost: Vec<LostSuspension>,
    /// What the log says of it; none where its key could not sign.
    pub log: Option<SignedRestore>,
}

/// A suspension that the backup does not know of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostSuspension {
    /// The name of the card in events and commands.
    pub id: String,
    /// Its family.
    pub family: String,
    /// Its number.
    pub number: String,
    /// Since when it was suspended.
    pub since: OffsetDateTime,
    /// Whether the backup knows the card, so that it can be suspended at once.
    pub is_known: bool,
}

/// Restores a database in an operator's name; no server may run on it meanwhile.
pub struct Restoration {
    store: Store,
    event_log: Arc<dyn EventLog>,
    clock: Arc<dyn Clock>,
    operator: Operator,
}

impl Restoration {
    /// Works on a database in an operator's name.
    #[must_use]
    pub fn new(
        store: Store,
        event_log: Arc<dyn EventLog>,
        clock: Arc<dyn Clock>,
        operator: Operator,
    ) -> Self {
        Self {
            store,
            event_log,
            clock,
            operator,
        }
    }

    /// Replaces everything by the rows of a backup, and ends what waited in it; all of it or
    /// nothing. `input` is the backup's file from its beginning. `notary` signs what is put on
    /// record of both ends of the log.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn restore(
        &self,
        verified: &VerifiedBackup,
        input: impl BufRead,
        notary: &dyn RestoreNotary,
    ) -> Result<Restored, Error> {
        let mut transaction = self.store.begin().await?;
        let suspended = card::list_suspended(&mut transaction, SUSPENDED_MAX).await?;
        let replaced = log::read_replaced(&mut transaction).await?;
        backup::restore(&self.store, &mut transaction, verified, input).await?;
        let now = self.clock.now();
        let told_until = now + Lifetimes::default().logout_retry;
        let reason = EndReason::Restored.as_str();
        let ending = backup::end_everything(&mut transaction, reason, now, told_until);
        let ended = ending.await?;
        let token_keys = self.withdraw_token_keys(&mut transaction, now).await?;
        let (ends, earlier) = log::read_ends(&mut transaction, replaced).await?;
        let log = notary.sign(&ends, now);
        let kind = EventKind::DatabaseRestored {
            by: self.operator.clone(),
            backup_sha256: verified.sha256().to_owned(),
            backup_made_at: verified.about().made_at,
            sessions_ended: ended.sessions,
            log: log.clone(),
            earlier,
        };
        self.event_log
            .append(&mut transaction, &Event::new(kind, now))
            .await?;
        let suspensions_lost = lost_suspensions(&mut transaction, suspended).await?;
        transaction.commit().await?;
        Ok(Restored {
            ended,
            token_keys,
            suspensions_lost,
            log,
        })
    }

    /// Takes out every token key. One that a PKCS#11 token holds stays in there, of use to nobody:
    /// it may be the very token that another database works with.
    async fn withdraw_token_keys(
        &self,
        transaction: &mut Transaction,
        now: OffsetDateTime,
    ) -> Result<u64, Error> {
        signing_key::begin_change(transaction).await?;
        let mut count = 0_u64;
        for record in signing_key::list(transaction).await? {
            signing_key::delete(transaction, &record.kid).await?;
            let kind = EventKind::TokenKeyWithdrawn {
                kid: record.kid,
                algorithm: record.algorithm,
                by: Some(self.operator.clone()),
                reason: Some(REASON.to_owned()),
            };
            self.event_log
                .append(transaction, &Event::new(kind, now))
                .await?;
            count = count.saturating_add(1);
        }
        Ok(count)
    }

    /// Puts on record that somebody has taken a copy of everything.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn record_backup(&self, sha256: &str, rows: u64) -> Result<(), Error> {
        let kind = EventKind::DatabaseBackedUp {
            by: self.operator.clone(),
            backup_sha256: sha256.to_owned(),
            rows,
        };
        let mut transaction = self.store.begin().await?;
        let event = Event::new(kind, self.clock.now());
        self.event_log.append(&mut transaction, &event).await?;
        Ok(transaction.commit().await?)
    }
}

/// Which of the cards that were suspended before are let in again.
async fn lost_suspensions(
    transaction: &mut Transaction,
    suspended: Vec<Card>,
) -> Result<Vec<LostSuspension>, Error> {
    let mut lost = Vec::new();
    for before in suspended {
        let restored = card::find(transaction, &before.id).await?;
        let is_known = restored.is_some();
        let is_kept = restored.is_some_and(|card| card.suspension.is_some());
        if let Some(suspension) = before.suspension.filter(|_| !is_kept) {
            lost.push(LostSuspension {
                since: suspension.since,
                is_known,
                id: before.id,
                family: before.family,
                number: before.number,
            });
        }
    }
    Ok(lost)
}

/// A database that was never restored.
const NEVER: i64 = i64::MIN;

/// The moment of the last restore, as this process has read it at its start.
#[derive(Debug)]
pub(crate) struct RestoreEpoch(AtomicI64);

impl RestoreEpoch {
    pub(crate) fn never() -> Self {
        Self(AtomicI64::new(NEVER))
    }

    /// Whether what was made at a moment may have been used before the restore.
    pub(crate) fn is_after(&self, made_at: i64) -> bool {
        let restored_at = self.0.load(Ordering::Relaxed);
        restored_at != NEVER && made_at <= restored_at
    }
}

impl Provider {
    /// Learns when the database was restored last. Called once, before the first request.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn load_restore_epoch(&self) -> Result<(), Error> {
        let mut transaction = self.store.begin_read().await?;
        let restored_at = backup::restored_at(&mut transaction).await?;
        let at = restored_at.map_or(NEVER, OffsetDateTime::unix_timestamp);
        self.restore_epoch.0.store(at, Ordering::Relaxed);
        Ok(())
    }
}
