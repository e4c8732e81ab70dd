//! What an entry of the log says of erasures, and whether that is believed.
//!
//! Whoever can write into the database can have any event put into the log. So an erasure counts
//! only over the signature of the log's key ([`ErasureRecord`]), which she has not got.

mod record;
mod tally;

use serde::{Deserialize, Serialize};

pub use record::{ErasedWhat, ErasureRecord};
pub use tally::{Erasures, Unexplained};

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
}

impl Recorded {
    /// What an event's details say; none where they are none of an erasure, or name more than one
    /// erasure takes at once: none excuses everything.
    pub(crate) fn parse(details: &str) -> Option<Self> {
        let recorded = serde_json::from_str::<Self>(details).ok()?;
        (recorded.places.len() <= ERASURE_PLACES_MAX).then_some(recorded)
    }
}

/// The places that an event's details name, whatever they are worth.
#[must_use]
pub fn named_places(details: &str) -> Vec<u64> {
    Recorded::parse(details).map_or_else(Vec::new, |it| it.places)
}

/// A line of an export's file of erasures: what a signed event says that the exported checkpoint
/// does not cover. None where nothing is signed.
#[must_use]
pub fn exported_erasure(details: &str) -> Option<String> {
    let recorded = Recorded::parse(details).filter(|it| it.record.is_some())?;
    serde_json::to_string(&recorded).ok()
}
