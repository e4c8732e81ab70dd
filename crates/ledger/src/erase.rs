//! Taking a person's data out of the rows, and leaving the tree as it is.
//!
//! The log's key signs what is erased ([`ErasureRecord`]) before it goes, and outside of a
//! transaction, for a token may take seconds. What the transaction then finds changed, because
//! another one erased some of it meanwhile, is not erased over this signature.

use cardea_storage::Transaction;
use cardea_storage::ledger::{PlacedEntry, erase, list_entries_of};
use cardea_transparency::{ErasedWhat, ErasureRecord, Hash, Rest};
use time::OffsetDateTime;

use crate::entry::{parse_leaf, shown_by};
use crate::{CheckpointSigner, Error};

/// Rows of one transaction, and places in one event: no more than
/// [`ERASURE_PLACES_MAX`](cardea_transparency::ERASURE_PLACES_MAX).
const BATCH: u32 = 200;

/// What is about to be erased, over the log's signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedErasure {
    places: Vec<u64>,
    record: String,
    /// Events, and the commitments that stay of them.
    events: Vec<(String, Hash)>,
}

/// A batch of a person's entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// What of it can be erased; none where nothing can.
    pub erasure: Option<SignedErasure>,
    /// Where the next batch begins; none after the last.
    pub next: Option<u64>,
}

/// Looks through a batch of a person's events, from a place on, and signs their erasure. Events
/// that have no place yet are left for the next time.
///
/// # Errors
/// [`Error::Storage`], [`Error::SigningFailed`], [`Error::Transparency`].
pub async fn sign_batch(
    reading: &mut Transaction,
    signer: &dyn CheckpointSigner,
    sub: &str,
    from: u64,
    now: OffsetDateTime,
) -> Result<Batch, Error> {
    let rows = list_entries_of(reading, sub, from, BATCH).await?;
    let is_more = u32::try_from(rows.len()).is_ok_and(|found| found == BATCH);
    let last = rows.last().map(|it| it.leaf.index);
    Ok(Batch {
        erasure: SignedErasure::of(rows, signer, now)?,
        next: last.filter(|_| is_more).map(|it| it + 1),
    })
}

/// Signs for the log that something was erased.
///
/// # Errors
/// [`Error::SigningFailed`], [`Error::Transparency`].
pub fn sign_erasure(
    signer: &dyn CheckpointSigner,
    what: ErasedWhat<'_>,
    now: OffsetDateTime,
) -> Result<String, Error> {
    let at = u64::try_from(now.unix_timestamp()).unwrap_or_default();
    let mut note = ErasureRecord::new(signer.origin(), at, what)?.to_note()?;
    let signature = signer.sign(&note)?;
    note.add(signature)?;
    Ok(note.to_string())
}

impl SignedErasure {
    /// Signs the erasure of those of these entries in which there is something to erase; none where
    /// that is in none of them. No more of them than one event names.
    ///
    /// # Errors
    /// [`Error::SigningFailed`], [`Error::Transparency`].
    pub fn of(
        mut rows: Vec<PlacedEntry>,
        signer: &dyn CheckpointSigner,
        now: OffsetDateTime,
    ) -> Result<Option<Self>, Error> {
        rows.sort_by_key(|it| it.leaf.index);
        let (mut entries, mut events) = (Vec::new(), Vec::new());
        for placed in rows {
            let Some(row) = placed.entry else { continue };
            let Some(Rest::Whole(public, salt, personal)) = shown_by(&row) else {
                continue;
            };
            let commitment = personal.commitment(&salt);
            let Ok(leaf) = parse_leaf(&placed.leaf) else {
                continue;
            };
            // A row that is not what its leaf was made of is evidence.
            if public.digest(&commitment) != leaf.entry {
                continue;
            }
            entries.push((placed.leaf.index, leaf.hash()));
            events.push((public.id, commitment));
        }
        if entries.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self {
            places: entries.iter().map(|(place, _)| *place).collect(),
            record: sign_erasure(signer, ErasedWhat::Entries(&entries), now)?,
            events,
        }))
    }

    /// Erases the personal parts and salts. The caller puts places and record on record, in the
    /// same transaction, with [`ERASURE_KIND`](cardea_transparency::ERASURE_KIND). False where some
    /// of it was erased meanwhile: then the transaction is to be given up.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn carry_out(&self, transaction: &mut Transaction) -> Result<bool, Error> {
        for (event_id, commitment) in &self.events {
            if !erase(transaction, event_id, &commitment.to_base64()).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The places, in their order.
    #[must_use]
    pub fn places(&self) -> &[u64] {
        &self.places
    }

    /// The signed note.
    #[must_use]
    pub fn record(&self) -> &str {
        &self.record
    }
}
