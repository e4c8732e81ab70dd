//! Changes to the tamper-evident log that somebody makes, each on record in its own transaction.

mod watch;
mod whole_person;

use cardea_ledger::{CheckpointSigner, ErasedWhat, are_erasures_signed, sign_batch, sign_erasure};
use cardea_storage::Store;
use cardea_storage::ledger::{self, LedgerKeyRecord};
use cardea_storage::signing_key::SealedKey;
use time::OffsetDateTime;

pub use watch::{CosignedHead, LogWatch};
pub use whole_person::ErasedPerson;

use crate::event::{Event, EventLog, LedgerEvent};
use crate::{Error, Records};

/// How often a batch is signed anew that somebody else erased some of meanwhile.
const TRIES_MAX: u32 = 20;

/// The log of a database, in somebody's name.
#[derive(Clone, Debug)]
pub struct LedgerRecords {
    records: Records,
}

impl LedgerRecords {
    /// Looks after the log of a database.
    #[must_use]
    pub fn new(records: Records) -> Self {
        Self { records }
    }

    /// Stores the log's key, unless another node has made one meanwhile: then that one is given.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn add_key(
        store: &Store,
        event_log: &dyn EventLog,
        key: LedgerKeyRecord,
        verifier_key: &str,
    ) -> Result<LedgerKeyRecord, Error> {
        let mut transaction = store.begin().await?;
        ledger::lock(&mut transaction).await?;
        let there = ledger::list_keys(&mut transaction).await?;
        if let Some(other) = there.into_iter().next() {
            return Ok(other);
        }
        ledger::insert_key(&mut transaction, &key).await?;
        let kind = LedgerEvent::KeyMade {
            verifier_key: verifier_key.to_owned(),
        };
        let event = Event::new(kind, key.created_at);
        event_log.append(&mut transaction, &event).await?;
        transaction.commit().await?;
        Ok(key)
    }

    /// Puts another encryption of a key in the place of the one that it has.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn reencrypt_key(&self, kid: &str, sealed: &SealedKey) -> Result<(), Error> {
        let mut transaction = self.records.store.begin().await?;
        ledger::set_key_sealed(&mut transaction, kid, sealed).await?;
        let kind = LedgerEvent::KeyReencrypted {
            by: self.records.author.clone(),
            encryption_key_id: sealed.encryption_key_id.clone(),
        };
        let event = Event::new(kind, self.records.now());
        self.records.append(&mut transaction, &event).await?;
        Ok(transaction.commit().await?)
    }

    /// Puts on record that a node goes on from what stands in the database, whatever it had signed.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn accept_history(&self, size_before: Option<u64>, size: u64) -> Result<(), Error> {
        let mut transaction = self.records.store.begin().await?;
        let kind = LedgerEvent::HistoryAccepted {
            by: self.records.author.clone(),
            size_before,
            size,
        };
        let event = Event::new(kind, self.records.now());
        self.records.append(&mut transaction, &event).await?;
        Ok(transaction.commit().await?)
    }

    /// Puts on record, once in the life of a log, that erasures are signed from now on.
    ///
    /// # Errors
    /// [`Error::Ledger`], [`Error::Storage`].
    pub async fn begin_signed_erasures(
        store: &Store,
        event_log: &dyn EventLog,
        signer: &dyn CheckpointSigner,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let mut reading = store.begin_read().await?;
        let is_begun = are_erasures_signed(&mut reading, signer.verifier()).await?;
        drop(reading);
        if is_begun {
            return Ok(());
        }
        let record = sign_erasure(signer, ErasedWhat::Entries(&[]), now)?;
        let mut transaction = store.begin().await?;
        ledger::lock(&mut transaction).await?;
        // Another node may have done so meanwhile.
        if are_erasures_signed(&mut transaction, signer.verifier()).await? {
            return Ok(());
        }
        let event = Event::new(LedgerEvent::ErasuresSigned { record }, now);
        event_log.append(&mut transaction, &event).await?;
        Ok(transaction.commit().await?)
    }

    /// Erases what is personal in every entry of a person that has its place in the log, batch by
    /// batch, each signed by the log, and says how many there were.
    ///
    /// # Errors
    /// [`Error::Ledger`], [`Error::ErasureOvertaken`], [`Error::Storage`]: what went
    /// before stays erased, and on record.
    pub async fn erase_person(
        &self,
        sub: &str,
        signer: &dyn CheckpointSigner,
    ) -> Result<u64, Error> {
        let (mut from, mut count, mut tries) = (0, 0_u64, 0);
        loop {
            let now = self.records.now();
            let mut reading = self.records.store.begin_read().await?;
            let batch = sign_batch(&mut reading, signer, sub, from, now).await?;
            drop(reading);
            if let Some(erasure) = batch.erasure {
                let mut transaction = self.records.store.begin().await?;
                if !erasure.carry_out(&mut transaction).await? {
                    tries += 1;
                    if tries == TRIES_MAX {
                        return Err(Error::ErasureOvertaken);
                    }
                    continue;
                }
                let kind = LedgerEvent::PersonalDataErased {
                    by: self.records.author.clone(),
                    places: erasure.places().to_vec(),
                    record: erasure.record().to_owned(),
                };
                let event = Event::new(kind, now);
                self.records.append(&mut transaction, &event).await?;
                transaction.commit().await?;
                let places = u64::try_from(erasure.places().len()).unwrap_or(u64::MAX);
                count = count.saturating_add(places);
            }
            match batch.next {
                Some(next) => from = next,
                None => return Ok(count),
            }
        }
    }
}
