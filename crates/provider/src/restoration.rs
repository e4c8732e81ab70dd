//! Putting a backup back, and what must never be usable again after it.
//!
//! A backup is of an earlier moment: codes, challenges and refresh tokens that waited then may have
//! been used since, and proofs may have been made since that the restored database has not heard
//! of. So all that waited ends in the transaction of the restore, and a signed value that may be
//! from before that moment is refused by its own time. Token keys may have been taken out since:
//! all of the backup's are, and the next start makes new ones, as after an emergency.

use std::io::BufRead;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use cardea_storage::backup::{self, Ended, VerifiedBackup};
use cardea_storage::{Store, Transaction, signing_key};
use time::OffsetDateTime;

use crate::config::Lifetimes;
use crate::event::{Event, EventKind, EventLog};
use crate::session::EndReason;
use crate::{Clock, Error, Operator, Provider};

/// Why the record says that token keys were taken out.
const REASON: &str = "a restore";

/// What a restore ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// What was waiting to be used, or in use.
    pub ended: Ended,
    /// Token keys of the backup, which are taken out.
    pub token_keys: u64,
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
    /// nothing. `input` is the backup's file from its beginning.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn restore(
        &self,
        verified: &VerifiedBackup,
        input: impl BufRead,
    ) -> Result<Restored, Error> {
        let mut transaction = self.store.begin().await?;
        backup::restore(&self.store, &mut transaction, verified, input).await?;
        let now = self.clock.now();
        let told_until = now + Lifetimes::default().logout_retry;
        let reason = EndReason::Restored.as_str();
        let ending = backup::end_everything(&mut transaction, reason, now, told_until);
        let ended = ending.await?;
        let token_keys = self.withdraw_token_keys(&mut transaction, now).await?;
        let kind = EventKind::DatabaseRestored {
            by: self.operator.clone(),
            backup_sha256: verified.sha256().to_owned(),
            backup_made_at: verified.about().made_at,
            sessions_ended: ended.sessions,
        };
        self.event_log
            .append(&mut transaction, &Event::new(kind, now))
            .await?;
        transaction.commit().await?;
        Ok(Restored { ended, token_keys })
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
