//! From which event on erasures are signed. What an older program erased has no signature, and
//! stands before it.

use cardea_storage::Transaction;
use cardea_storage::ledger::{SignedErasuresBegun, list_signed_erasures_begun};
use cardea_transparency::{ErasedWhat, ErasureRecord, Note, VerifierKey};
use serde::Deserialize;

use crate::Error;

/// Events that are looked at at once.
const PAGE: u32 = 100;

#[derive(Deserialize)]
struct Details {
    record: String,
}

/// Whether the log's key has signed that this was erased.
#[must_use]
pub fn is_erasure_signed(record: &str, what: ErasedWhat<'_>, key: &VerifierKey) -> bool {
    let read = Note::parse(record.as_bytes()).and_then(|note| ErasureRecord::verify(&note, key));
    read.is_ok_and(|it| it.covers(what))
}

/// Whether an event, in the tree or on its way into it, says over the log's signature that erasures
/// are signed.
///
/// # Errors
/// [`Error::Storage`].
pub async fn are_erasures_signed(
    transaction: &mut Transaction,
    key: &VerifierKey,
) -> Result<bool, Error> {
    let begun = list_begun(transaction, key).await?;
    Ok(!begun.is_empty())
}

/// The place from which on erasures are signed, one behind all others where that event waits for
/// its place; none where none says so.
///
/// # Errors
/// [`Error::Storage`].
pub async fn erasures_signed_from(
    transaction: &mut Transaction,
    key: &VerifierKey,
) -> Result<Option<u64>, Error> {
    let begun = list_begun(transaction, key).await?;
    let places = begun.iter().map(|it| it.place.unwrap_or(u64::MAX));
    Ok(places.min())
}

async fn list_begun(
    transaction: &mut Transaction,
    key: &VerifierKey,
) -> Result<Vec<SignedErasuresBegun>, Error> {
    let (mut begun, mut after) = (Vec::new(), String::new());
    loop {
        let page = list_signed_erasures_begun(transaction, &after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(begun);
        };
        after.clone_from(&last.event_id);
        begun.extend(page.into_iter().filter(|it| {
            let details = serde_json::from_str::<Details>(&it.details);
            details.is_ok_and(|it| is_erasure_signed(&it.record, ErasedWhat::Entries(&[]), key))
        }));
    }
}
