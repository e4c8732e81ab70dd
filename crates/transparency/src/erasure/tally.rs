//! Which personal parts are gone, and which of them an erasure on record took, over a walk through
//! a log in the order of its places.

use std::collections::{BTreeMap, HashSet};

use super::{ERASURE_KIND, ErasedWhat, ErasureRecord, Recorded, SIGNED_ERASURES_KIND};
use crate::{Hash, Note, VerifierKey};

/// Counts what is gone against what is on record.
///
/// Records of programs from before erasures were signed have no signature. They are believed where
/// they stand before the first record that has one, and nowhere else.
#[derive(Debug)]
pub struct Erasures {
    key: VerifierKey,
    /// The leaves whose personal part is gone, and that no record was met for.
    gone: BTreeMap<u64, Hash>,
    /// Those of them that a record names which is not believed.
    doubtful: HashSet<u64>,
    are_signed: bool,
    unsigned: u64,
}

/// The first personal part that is gone without an erasure on record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unexplained {
    /// Nothing names it.
    Unrecorded(u64),
    /// An event names it, without the log's signature over what it says.
    Unsigned(u64),
}

impl Erasures {
    /// Nothing yet, of the log of this key.
    #[must_use]
    pub fn new(key: VerifierKey) -> Self {
        Self {
            key,
            gone: BTreeMap::new(),
            doubtful: HashSet::new(),
            are_signed: false,
            unsigned: 0,
        }
    }

    /// The personal part of this place is gone.
    pub fn take(&mut self, place: u64, leaf: Hash) {
        self.gone.insert(place, leaf);
    }

    /// Looks at an event of the log. It speaks for what stands before it alone: none excuses what
    /// is still to come.
    pub fn look_at(&mut self, kind: &str, details: &str) {
        if kind != ERASURE_KIND && kind != SIGNED_ERASURES_KIND {
            return;
        }
        let Some(recorded) = Recorded::parse(details) else {
            return;
        };
        let leaf_of = |place: &u64| Some((*place, *self.gone.get(place)?));
        let leaves: Option<Vec<_>> = recorded.places.iter().map(leaf_of).collect();
        if self.is_signed(&recorded, leaves.as_deref()) {
            self.are_signed = true;
            self.excuse(&recorded.places);
        } else if recorded.record.is_none() && !self.are_signed && kind == ERASURE_KIND {
            self.unsigned = self.unsigned.saturating_add(self.excuse(&recorded.places));
        } else {
            self.doubt(&recorded.places);
        }
    }

    /// Looks at what an event says that has no place yet, or one behind those that are walked
    /// through. `leaf_of` gives the leaves of the tree, whether or not anything of them is gone.
    pub fn look_at_waiting(&mut self, details: &str, leaf_of: impl Fn(u64) -> Option<Hash>) {
        let Some(recorded) = Recorded::parse(details) else {
            return;
        };
        if self.excuse_signed(&recorded, leaf_of) {
            return;
        }
        if recorded.record.is_none() && !self.are_signed {
            self.unsigned = self.unsigned.saturating_add(self.excuse(&recorded.places));
        } else {
            self.doubt(&recorded.places);
        }
    }

    /// Looks at a line of an export's file of erasures, which no entry of the tree vouches for: its
    /// signature has to. The export has `size` entries, of which `leaf_of` gives the leaves.
    pub fn look_at_exported(
        &mut self,
        line: &str,
        size: u64,
        leaf_of: impl Fn(u64) -> Option<Hash>,
    ) {
        let Some(recorded) = Recorded::parse(line) else {
            return;
        };
        let behind = recorded.behind(size);
        let leaf_of = |place| match place < size {
            true => leaf_of(place),
            false => behind.get(&place).copied(),
        };
        if !self.excuse_signed(&recorded, leaf_of) {
            self.doubt(&recorded.places);
        }
    }

    /// How many erasures are believed without a signature, or the first place that is gone and that
    /// no erasure took.
    ///
    /// # Errors
    /// [`Unexplained`].
    pub fn finish(&self) -> Result<u64, Unexplained> {
        match self.gone.keys().next() {
            Some(place) if self.doubtful.contains(place) => Err(Unexplained::Unsigned(*place)),
            Some(place) => Err(Unexplained::Unrecorded(*place)),
            None => Ok(self.unsigned),
        }
    }

    fn excuse_signed(
        &mut self,
        recorded: &Recorded,
        leaf_of: impl Fn(u64) -> Option<Hash>,
    ) -> bool {
        let with_leaf = |place: &u64| Some((*place, leaf_of(*place)?));
        let leaves: Option<Vec<_>> = recorded.places.iter().map(with_leaf).collect();
        let is_signed = self.is_signed(recorded, leaves.as_deref());
        if is_signed {
            self.excuse(&recorded.places);
        }
        is_signed
    }

    fn is_signed(&self, recorded: &Recorded, leaves: Option<&[(u64, Hash)]>) -> bool {
        let (Some(text), Some(leaves)) = (&recorded.record, leaves) else {
            return false;
        };
        let record =
            Note::parse(text.as_bytes()).and_then(|note| ErasureRecord::verify(&note, &self.key));
        record.is_ok_and(|it| it.covers(ErasedWhat::Entries(leaves)))
    }

    /// Says how many of them were gone.
    fn excuse(&mut self, places: &[u64]) -> u64 {
        let mut count = 0;
        for place in places {
            self.doubtful.remove(place);
            count += u64::from(self.gone.remove(place).is_some());
        }
        count
    }

    fn doubt(&mut self, places: &[u64]) {
        let gone = places.iter().filter(|it| self.gone.contains_key(it));
        self.doubtful.extend(gone);
    }
}

#[cfg(test)]
mod tests;
