//! What an entry of the log says of erasures, and whether that is believed.
//!
//! Whoever can write into the database can have any event put into the log. So an erasure counts
//! only over the signature of the log's key ([`ErasureRecord`]), which she has not got.

mod record;
mod tally;

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

pub use record::{ErasedWhat, ErasureRecord};
pub use tally::{Erasures, Unexplained};

use crate::Hash;

/// The kind of the event that says whose personal parts were erased. Without it a personal part
/// that is gone is a finding: whoever can write into the database could otherwise take out what she
/// likes, and leave no trace.
pub const ERASURE_KIND: &str = "ledger.personal_data_erased";
/// The kind of the event from which on erasures are signed: its record is of none.
pub const SIGNED_ERASURES_KIND: &str = "ledger.erasures_signed";
/// The most places that one such event names.
pub const ERASURE_PLACES_MAX: usize = 200;

/// The part of such an event's details that is looked at here.
#[derive(Serialize, Deserialize)]
pub(crate) struct Recorded {
    #[serde(default)]
    places: Vec<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<String>,
    /// Of a line of an export alone: the leaves' hashes of the places that the export has not got,
    /// in their order, base64url. The record's signature is over them, whoever says them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    behind: Vec<String>,
}

impl Recorded {
    /// What an event's details say; none where they are none of an erasure, or name more than one
    /// erasure takes at once: none excuses everything.
    pub(crate) fn parse(details: &str) -> Option<Self> {
        let recorded = serde_json::from_str::<Self>(details).ok()?;
        (recorded.places.len() <= ERASURE_PLACES_MAX).then_some(recorded)
    }

    /// The leaves of the places behind a tree of so many, as the line says.
    fn behind(&self, size: u64) -> HashMap<u64, Hash> {
        let hash = |text: &String| Hash::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok();
        let places = self.places.iter().copied().filter(|it| *it >= size);
        let leaves = places.zip(&self.behind);
        leaves
            .filter_map(|(place, text)| Some((place, hash(text)?)))
            .collect()
    }
}

/// The places that an event's details name, whatever they are worth.
#[must_use]
pub fn named_places(details: &str) -> Vec<u64> {
    Recorded::parse(details).map_or_else(Vec::new, |it| it.places)
}

/// A line of an export's file of erasures: what a signed event says that the exported checkpoint of
/// so many entries does not cover. `leaf_of` gives the leaves of the tree behind those. None where
/// nothing is signed.
#[must_use]
pub fn exported_erasure(
    details: &str,
    size: u64,
    leaf_of: impl Fn(u64) -> Option<Hash>,
) -> Option<String> {
    let mut recorded = Recorded::parse(details).filter(|it| it.record.is_some())?;
    let behind = recorded.places.iter().filter(|it| **it >= size);
    let behind: Option<Vec<Hash>> = behind.map(|it| leaf_of(*it)).collect();
    let behind = behind?.into_iter().map(|it| URL_SAFE_NO_PAD.encode(it.0));
    recorded.behind = behind.collect();
    serde_json::to_string(&recorded).ok()
}

/// Whether a line of an export's file of erasures says that it is signed; whether it is,
/// [`Erasures::look_at_exported`] sees.
#[must_use]
pub fn is_exported_erasure(line: &str) -> bool {
    Recorded::parse(line).is_some_and(|it| it.record.is_some())
}
