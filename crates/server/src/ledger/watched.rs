//! Who watches the log, on record in the log: a change of that, and the first checkpoint that they
//! have cosigned (docs/witness.md).

use std::sync::atomic::Ordering;

use cardea_provider::{Clock as _, CosignedHead, LedgerRecords};
use cardea_storage::ledger::newest_cosigned;
use cardea_transparency::{Checkpoint, Note};

use super::LogKeeper;
use crate::clock::SystemClock;
use crate::error::Error;

impl LogKeeper {
    /// Says who watches from now on, where that is news. A failure is tried again.
    pub(super) async fn note_watch(&self) {
        if self.is_watch_noted.load(Ordering::Relaxed) {
            return;
        }
        let (watch, now) = (self.cosigning.log_watch(), SystemClock.now());
        match LedgerRecords::note_watch(&self.store, &*self.event_log, watch, now).await {
            Ok(is_news) => {
                self.is_watch_noted.store(true, Ordering::Relaxed);
                if is_news {
                    tracing::warn!(
                        witnesses = watch.witnesses.len(),
                        quorum = watch.quorum,
                        waived = watch.is_waived,
                        "who watches the log has changed: it is on record"
                    );
                }
            }
            Err(error) if !self.store.has_failed() => {
                let code = error.code();
                tracing::warn!(code, %error, "who watches the log is not on record for now");
            }
            Err(_) => {}
        }
    }

    /// Says once that those who watch have begun.
    pub(super) async fn note_first_cosigned(&self) -> Result<(), Error> {
        let is_due = self.is_watch_noted.load(Ordering::Relaxed)
            && !self.is_begin_noted.load(Ordering::Relaxed);
        if !is_due {
            return Ok(());
        }
        let Some(head) = self.find_head().await? else {
            return Ok(());
        };
        let (watch, now) = (self.cosigning.log_watch(), SystemClock.now());
        let noted =
            LedgerRecords::note_first_cosigned(&self.store, &*self.event_log, (watch, &head), now);
        noted.await.map_err(crate::key_rotation::failed)?;
        self.is_begin_noted.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// The newest that enough of those have cosigned who watch now: the database counts the lines
    /// of whoever watched when they were put there.
    async fn find_head(&self) -> Result<Option<CosignedHead>, Error> {
        let unavailable = |source| Error::DatabaseUnavailable { source };
        let mut reading = self.store.begin_read().await.map_err(unavailable)?;
        let cosigned = newest_cosigned(&mut reading, self.cosigning.quorum()).await;
        let Some(cosigned) = cosigned.map_err(unavailable)? else {
            return Ok(None);
        };
        let malformed = |source: cardea_transparency::Error| Error::LedgerUnavailable {
            source: source.into(),
        };
        let note = Note::parse(cosigned.note.as_bytes()).map_err(malformed)?;
        if self.cosigning.cosigned_at(&note).is_none() {
            return Ok(None);
        }
        let head = Checkpoint::parse(note.text()).map_err(malformed)?;
        Ok(Some(CosignedHead {
            size: head.size(),
            root: head.root().to_base64(),
        }))
    }
}
