//! Writing an event so that the log can take it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cardea_storage::Transaction;
use cardea_storage::event::{self, EventRecord, InLedger};
use cardea_storage::retention::goes_with_its_login;
use cardea_transparency::{SALT_BYTES, Salt};
use openssl::rand::rand_bytes;

use crate::entry::leaf_of;
use crate::{Appended, Error};

/// Stores an event in the transaction of its effect, with the salt that fixes its leaf: one
/// statement, as without a log.
///
/// The beginning of a login gets no leaf: nothing is decided yet, and a stranger makes as many as
/// she likes, each of which would stay in the tree for ever (attack H9). What does get one is given
/// back, so that whoever wrote it can look for it ([`look_for`](crate::look_for)).
///
/// # Errors
/// [`Error::Storage`], [`Error::RandomUnavailable`].
pub async fn append(
    transaction: &mut Transaction,
    event: &EventRecord,
) -> Result<Option<Appended>, Error> {
    if goes_with_its_login(&event.kind) {
        event::append(transaction, event, InLedger::Outside).await?;
        return Ok(None);
    }
    let (salt, text) = new_salt()?;
    let in_ledger = InLedger::Waits { salt: &text };
    event::append(transaction, event, in_ledger).await?;
    Ok(Some(Appended {
        event_id: event.id.clone(),
        kind: event.kind.clone(),
        entry: leaf_of(event, &salt, false).entry,
    }))
}

/// A fresh salt, and its text as a row has it.
pub(crate) fn new_salt() -> Result<(Salt, String), Error> {
    let mut bytes = [0; SALT_BYTES];
    rand_bytes(&mut bytes).map_err(|source| Error::RandomUnavailable { source })?;
    let text = URL_SAFE_NO_PAD.encode(bytes);
    Ok((Salt(bytes), text))
}
