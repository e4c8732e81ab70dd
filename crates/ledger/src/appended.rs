//! What became of events that this process knows to have been committed.
//!
//! An event is under no signature before it has its place, a second or so after its commit. Whoever
//! has the database could take it out or change it in that time, and the tree would never know. The
//! process that wrote it knows, as long as it lives: it looks for each of its events again.

use std::collections::HashMap;

use cardea_storage::Transaction;
use cardea_storage::ledger::{Whereabouts, find_whereabouts, newest_checkpoint};
use cardea_transparency::Hash;

use crate::Error;

/// The most events that are looked for at once, in one query.
pub const LOOKED_FOR_AT_ONCE_MAX: usize = 200;

/// An event as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its id.
    pub event_id: String,
    /// Its kind.
    pub kind: String,
    /// The digest of its entry, which its leaf must have.
    pub entry: Hash,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It has its place in the tree, under a checkpoint, as it was written.
    Placed,
    /// It waits for its place.
    Waiting,
    /// There is no such event any more, or it was kept out of the tree.
    Vanished,
    /// Another entry than the one that was written has its place.
    Altered,
}

/// Looks for events, as many as [`LOOKED_FOR_AT_ONCE_MAX`] in a query, and says of each what became
/// of it, in their order.
///
/// # Errors
/// [`Error::Storage`].
pub async fn look_for(
    reading: &mut Transaction,
    appended: &[Appended],
) -> Result<Vec<Fate>, Error> {
    let mut fates = Vec::new();
    for some in appended.chunks(LOOKED_FOR_AT_ONCE_MAX) {
        let ids: Vec<&str> = some.iter().map(|it| it.event_id.as_str()).collect();
        let found = find_whereabouts(reading, &ids).await?;
        // Asked afterwards: what has its place by then is covered.
        let signed = newest_checkpoint(reading).await?.map_or(0, |it| it.size);
        let found: HashMap<&str, &Whereabouts> =
            found.iter().map(|it| (it.event_id.as_str(), it)).collect();
        fates.extend(
            some.iter()
                .map(|it| fate_of(it, found.get(it.event_id.as_str()), signed)),
        );
    }
    Ok(fates)
}

fn fate_of(appended: &Appended, found: Option<&&Whereabouts>, signed: u64) -> Fate {
    let Some(found) = found.filter(|it| it.is_there) else {
        return Fate::Vanished;
    };
    let Some(place) = found.place else {
        return Fate::Waiting;
    };
    let Ok(place) = u64::try_from(place) else {
        return Fate::Vanished;
    };
    match &found.entry_sha256 {
        None => Fate::Vanished,
        Some(entry) if *entry != appended.entry.to_base64() => Fate::Altered,
        Some(_) if place < signed => Fate::Placed,
        Some(_) => Fate::Waiting,
    }
}
