//! What became of events that this process knows to have been committed.
//!
//! An event is under no signature before it has its place, a second or so after its commit. Whoever
//! has the database could take it out or change it in that time, and the tree would never know. The
//! process that wrote it knows, as long as it lives: it looks for each of its events again.

use std::collections::{BTreeSet, HashMap};

use cardea_storage::Transaction;
use cardea_storage::ledger::{Whereabouts, find_whereabouts, newest_checkpoint};
use cardea_transparency::{
    Hash, NodeId, VerifierKey, inclusion_nodes, inclusion_proof, verify_inclusion,
};

use crate::entry::parse_leaf;
use crate::tree::load_nodes;
use crate::{Error, SignedCheckpoint};

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
    /// Another entry than the one that was written has its place, or a leaf says so that is not in
    /// the tree that was signed.
    Altered,
}

/// What the rows say of an event, whatever they are worth.
enum Said {
    Fate(Fate),
    /// This leaf is at this place, which is to be proven.
    Leaf(u64, Hash),
}

/// Looks for events, as many as [`LOOKED_FOR_AT_ONCE_MAX`] in a query, and says of each what became
/// of it, in their order. That one has its place is proven against a checkpoint that this key, the
/// log's, has signed: whoever can take an event out can also write, for as long as it is looked
/// for, that a leaf of it stands somewhere. Without the key everything that has a place waits.
///
/// # Errors
/// [`Error::Storage`].
pub async fn look_for(
    reading: &mut Transaction,
    appended: &[Appended],
    key: Option<&VerifierKey>,
) -> Result<Vec<Fate>, Error> {
    let mut fates = Vec::new();
    for some in appended.chunks(LOOKED_FOR_AT_ONCE_MAX) {
        let ids: Vec<&str> = some.iter().map(|it| it.event_id.as_str()).collect();
        let found = find_whereabouts(reading, &ids).await?;
        // Asked afterwards: what has its place by then is covered.
        let newest = newest_checkpoint(reading).await?.zip(key);
        let signed = newest
            .and_then(|(it, key)| SignedCheckpoint::read(&it.note, key.name().as_str(), key).ok());
        let size = signed.as_ref().map_or(0, |it| it.size);
        let found: HashMap<&str, &Whereabouts> =
            found.iter().map(|it| (it.event_id.as_str(), it)).collect();
        let said: Vec<Said> = some
            .iter()
            .map(|it| said_of(it, found.get(it.event_id.as_str()), size))
            .collect();
        fates.extend(prove(reading, &said, signed.as_ref()).await?);
    }
    Ok(fates)
}

fn said_of(appended: &Appended, found: Option<&&Whereabouts>, size: u64) -> Said {
    let Some(found) = found.filter(|it| it.is_there) else {
        return Said::Fate(Fate::Vanished);
    };
    let Some(place) = found.place else {
        return Said::Fate(Fate::Waiting);
    };
    let (Ok(place), Some(leaf)) = (u64::try_from(place), &found.leaf) else {
        return Said::Fate(Fate::Vanished);
    };
    match parse_leaf(leaf) {
        Ok(leaf) if leaf.entry != appended.entry => Said::Fate(Fate::Altered),
        Ok(_) if place >= size => Said::Fate(Fate::Waiting),
        Ok(leaf) => Said::Leaf(place, leaf.hash()),
        Err(_) => Said::Fate(Fate::Altered),
    }
}

/// Proves that the leaves are in the tree that was signed, all by the subtrees of one query.
async fn prove(
    reading: &mut Transaction,
    said: &[Said],
    signed: Option<&SignedCheckpoint>,
) -> Result<Vec<Fate>, Error> {
    let (size, root) = signed.map_or((0, Hash::EMPTY_ROOT), |it| (it.size, it.root));
    let mut wanted: BTreeSet<NodeId> = BTreeSet::new();
    for it in said {
        if let Said::Leaf(place, _) = it {
            wanted.extend(inclusion_nodes(*place, size)?);
        }
    }
    let wanted: Vec<NodeId> = wanted.into_iter().collect();
    let nodes = match load_nodes(reading, &wanted).await {
        // Of a tree that is damaged nothing is proven.
        Err(Error::TreeDamaged { .. }) => HashMap::new(),
        nodes => nodes?,
    };
    let is_proven = |place: u64, leaf: &Hash| {
        let proof = inclusion_proof(place, size, &nodes);
        proof.is_ok_and(|proof| verify_inclusion(leaf, place, size, &proof, &root).is_ok())
    };
    let fate_of = |said: &Said| match said {
        Said::Fate(fate) => *fate,
        Said::Leaf(place, leaf) if is_proven(*place, leaf) => Fate::Placed,
        Said::Leaf(..) => Fate::Altered,
    };
    Ok(said.iter().map(fate_of).collect())
}
