//! Taking a person's data out of the rows, and leaving the tree as it is.

use cardea_storage::Transaction;
use cardea_storage::ledger::{PlacedEntry, erase, list_entries_of};
use cardea_transparency::Rest;

use crate::Error;
use crate::entry::shown_by;

/// Rows of one transaction, and places in one event: no more than
/// [`ERASURE_PLACES_MAX`](cardea_transparency::ERASURE_PLACES_MAX).
const BATCH: u32 = 200;

/// What a batch erased.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// The places whose personal part is gone.
    pub places: Vec<u64>,
    /// Where the next batch begins; none after the last.
    pub next: Option<u64>,
}

/// Erases the personal parts and salts of a batch of a person's events, from a place on. The caller
/// puts the places on record, in the same transaction, with
/// [`ERASURE_KIND`](cardea_transparency::ERASURE_KIND). Events that have no place yet are left for
/// the next time.
///
/// # Errors
/// [`Error::Storage`].
pub async fn erase_batch(
    transaction: &mut Transaction,
    sub: &str,
    from: u64,
) -> Result<Erased, Error> {
    let rows = list_entries_of(transaction, sub, from, BATCH).await?;
    let is_more = u32::try_from(rows.len()).is_ok_and(|found| found == BATCH);
    let last = rows.last().map(|it| it.leaf.index);
    let mut erased = Erased {
        places: Vec::new(),
        next: last.filter(|_| is_more).map(|it| it + 1),
    };
    erased.places = erase_placed(transaction, rows).await?;
    Ok(erased)
}

/// Erases the personal parts and salts of these entries, and says at which places there was
/// something to erase: what was erased before is not among them. The caller puts the places on
/// record as with [`erase_batch`].
///
/// # Errors
/// [`Error::Storage`].
pub async fn erase_placed(
    transaction: &mut Transaction,
    rows: Vec<PlacedEntry>,
) -> Result<Vec<u64>, Error> {
    let mut places = Vec::new();
    for placed in rows {
        let Some(row) = placed.entry else { continue };
        let Some(Rest::Whole(public, salt, personal)) = shown_by(&row) else {
            continue;
        };
        let commitment = personal.commitment(&salt);
        // A row that is not what its leaf was made of is evidence.
        if public.digest(&commitment).to_base64() != placed.leaf.entry_sha256 {
            continue;
        }
        if erase(transaction, &public.id, &commitment.to_base64()).await? {
            places.push(placed.leaf.index);
        }
    }
    Ok(places)
}
