//! What an operator is shown of the folder.

use std::fs;
use std::io;
use std::path::Path;

use cardea_pki::Certificate;
use cardea_pki::revocation::{Crl, CrlNumber};
use time::OffsetDateTime;

use super::{StoredBody, list_files};

/// One stored list. Its signature is not verified here: the server does that before it uses one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredList {
    /// Subject of the authority that the list is asked for.
    pub(crate) issuer: String,
    /// Where it was fetched.
    pub(crate) url: String,
    /// When it was issued.
    pub(crate) this_update: OffsetDateTime,
    /// When the next one is promised.
    pub(crate) next_update: Option<OffsetDateTime>,
    /// Its CRL number.
    pub(crate) number: Option<CrlNumber>,
    /// How many certificates it names.
    pub(crate) entries: usize,
    /// Whether it is a delta list.
    pub(crate) is_delta: bool,
    /// When the publisher last gave or confirmed it.
    pub(crate) fetched_at: OffsetDateTime,
}

/// The lists in a store's folder, by issuer and address; files that the server would not use are
/// left out. None when there is no folder yet.
///
/// # Errors
/// The folder cannot be read.
pub(crate) fn stored_lists(dir: &Path) -> io::Result<Vec<StoredList>> {
    if !fs::exists(dir)? {
        return Ok(Vec::new());
    }
    let mut lists: Vec<_> = list_files(dir)?
        .into_iter()
        .filter_map(|found| read(&found.path))
        .collect();
    lists.sort_by(|one, other| (&one.issuer, &one.url).cmp(&(&other.issuer, &other.url)));
    Ok(lists)
}

fn read(path: &Path) -> Option<StoredList> {
    let stored = StoredBody::read(path).ok()?;
    let issuer = Certificate::parse(stored.address.issuer_der()).ok()?;
    let list = Crl::parse(&stored.der).ok()?;
    Some(StoredList {
        issuer: issuer.subject().to_string(),
        url: stored.address.url().to_string(),
        this_update: list.this_update(),
        next_update: list.next_update(),
        number: list.number().cloned(),
        entries: list.entries_count(),
        is_delta: list.is_delta(),
        fetched_at: stored.fetched_at,
    })
}
