//! The entries in their order, a line at a time: a log of millions fits no memory.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use cardea_transparency::{
    EXPORTED_ENTRY_BYTES_MAX, Erasures, ExportedEntry, Frontier, Hash, Rest, Unexplained,
    VerifierKey,
};

use super::later_erasures::LaterErasures;
use crate::Error;

/// What became of the entries that were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Entries with their personal part, which fits their leaf.
    pub whole: u64,
    /// Entries whose personal part was erased.
    pub erased: u64,
    /// Those of them whose erasure is on record without the log's signature: by a program from
    /// before erasures were signed.
    pub erased_unsigned: u64,
    /// Entries of which only the leaf is left, and may be.
    pub forgotten: u64,
    /// Entries whose leaf was made afterwards.
    pub made_afterwards: u64,
}

/// What the entries come to.
pub(super) struct Read {
    /// The root over them.
    pub(super) root: Hash,
    /// How many erasures are believed without a signature, or the first that is not.
    pub(super) erasures: Result<u64, Unexplained>,
}

pub(super) struct Entries {
    file: PathBuf,
    reader: BufReader<File>,
    line: Vec<u8>,
}

impl Entries {
    pub(super) fn open(file: &Path) -> Result<Self, Error> {
        let opened = File::open(file).map_err(|source| Error::FileUnreadable {
            file: file.to_path_buf(),
            source,
        })?;
        Ok(Self {
            file: file.to_path_buf(),
            reader: BufReader::with_capacity(256 * 1024, opened),
            line: Vec::new(),
        })
    }

    /// Checks `size` entries, the tree against what is known of it at smaller sizes (in their
    /// order), and that nothing follows.
    pub(super) fn check(
        mut self,
        size: u64,
        known: &[(u64, Hash)],
        log_key: &VerifierKey,
        later: &LaterErasures,
        counts: &mut Counts,
    ) -> Result<Read, Error> {
        let mut erasures = Erasures::new(log_key.clone());
        let mut leaves_of_later = HashMap::new();
        let mut tree = Frontier::default();
        let mut known = known.iter().copied().peekable();
        loop {
            while let Some((size, root)) = known.next_if(|(size, _)| *size == tree.size()) {
                if tree.root() != root {
                    return Err(Error::HistoryContradicted { size });
                }
            }
            let index = tree.size();
            let Some(entry) = self.next(index)? else {
                break;
            };
            if index >= size {
                return Err(Error::EntriesExcess { index });
            }
            let leaf = check_entry(index, &entry, counts)?;
            tree.append(leaf);
            match &entry.rest {
                Rest::Whole(public, _, personal) => {
                    erasures.look_at(&public.kind, &personal.details);
                }
                Rest::Erased(..) => erasures.take(index, leaf),
                Rest::Forgotten(_) => {}
            }
            if later.names(index) {
                leaves_of_later.insert(index, leaf);
            }
        }
        if tree.size() < size {
            let index = tree.size();
            return Err(Error::EntriesMissing { index, size });
        }
        for details in later.lines() {
            let leaf_of = |place| leaves_of_later.get(&place).copied();
            erasures.look_at_exported(details, size, leaf_of);
        }
        Ok(Read {
            root: tree.root(),
            erasures: erasures.finish(),
        })
    }

    fn next(&mut self, index: u64) -> Result<Option<ExportedEntry>, Error> {
        let file = &self.file;
        let malformed = |reason: &str| Error::ExportMalformed {
            file: file.clone(),
            line: index.saturating_add(1),
            reason: reason.to_owned(),
        };
        // The longest line, its newline, and a byte more by which a longer one is told.
        let bound = u64::try_from(EXPORTED_ENTRY_BYTES_MAX).unwrap_or(u64::MAX);
        self.line.clear();
        let mut bounded = self.reader.by_ref().take(bound.saturating_add(2));
        let read = bounded.read_until(b'\n', &mut self.line);
        read.map_err(|source| Error::FileUnreadable {
            file: file.clone(),
            source,
        })?;
        if self.line.is_empty() {
            return Ok(None);
        }
        let Some(line) = self.line.strip_suffix(b"\n") else {
            return Err(malformed("the line does not end, or is too long"));
        };
        let line = std::str::from_utf8(line).map_err(|_| malformed("the line is not UTF-8"))?;
        let entry = ExportedEntry::parse(line).map_err(|error| malformed(&error.to_string()))?;
        Ok(Some(entry))
    }
}

/// Gives the leaf's hash, once everything in the entry was found to be under it.
fn check_entry(index: u64, entry: &ExportedEntry, counts: &mut Counts) -> Result<Hash, Error> {
    if entry.index != index {
        let found = entry.index;
        return Err(Error::EntryMisplaced { index, found });
    }
    if entry.leaf().hash() != entry.hash {
        return Err(Error::EntryAltered { index });
    }
    match entry.rest {
        Rest::Whole(..) => counts.whole += 1,
        Rest::Erased(..) => counts.erased += 1,
        Rest::Forgotten(_) => counts.forgotten += 1,
    }
    if entry.flags.made_afterwards {
        counts.made_afterwards += 1;
    }
    Ok(entry.hash)
}
