//! What is on the disk for good, and what has been written and may be lost: without any system
//! call.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::chance::Chance;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// A file, whatever its name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FileId(u64);

/// Files and folders as the disk has them, and what it has not got yet.
#[derive(Default)]
pub(crate) struct Disk {
    files: BTreeMap<FileId, Content>,
    folders: BTreeMap<PathBuf, Folder>,
    count: u64,
}

/// A change to what stands in a file.
pub(crate) enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Resize(usize),
}

/// A change to the names of a folder; a renaming is one.
pub(crate) enum Naming {
    Named(OsString, FileId),
    Renamed(OsString, OsString, FileId),
    Gone(OsString),
}

/// A file as it is found after the cut.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Remains {
    pub(crate) file: PathBuf,
    pub(crate) mode: u32,
    pub(crate) bytes: Vec<u8>,
}

#[derive(Default)]
struct Content {
    mode: u32,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Default)]
struct Folder {
    durable: BTreeMap<OsString, FileId>,
    pending: Vec<Naming>,
}

impl Disk {
    fn add(&mut self, mode: u32, durable: Vec<u8>) -> FileId {
        self.count += 1;
        let id = FileId(self.count);
        let pending = Vec::new();
        self.files.insert(
            id,
            Content {
                mode,
                durable,
                pending,
            },
        );
        id
    }

    /// A file that was there before.
    pub(crate) fn find(
        &mut self,
        folder: &Path,
        name: &OsStr,
        mode: u32,
        bytes: Vec<u8>,
    ) -> FileId {
        let id = self.add(mode, bytes);
        let folder = self.folders.entry(folder.to_owned()).or_default();
        folder.durable.insert(name.to_owned(), id);
        id
    }

    /// A name, perhaps another one, of a file that was there before.
    pub(crate) fn find_name(&mut self, folder: &Path, name: &OsStr, id: FileId) {
        let folder = self.folders.entry(folder.to_owned()).or_default();
        folder.durable.insert(name.to_owned(), id);
    }

    /// A file that is made now.
    pub(crate) fn create(&mut self, folder: &Path, name: &OsStr, mode: u32) -> FileId {
        let id = self.add(mode, Vec::new());
        self.rename(folder, Naming::Named(name.to_owned(), id));
        id
    }

    pub(crate) fn rename(&mut self, folder: &Path, naming: Naming) {
        let folder = self.folders.entry(folder.to_owned()).or_default();
        folder.pending.push(naming);
    }

    pub(crate) fn change(&mut self, id: FileId, change: Change) {
        if let Some(content) = self.files.get_mut(&id) {
            content.pending.push(change);
        }
    }

    pub(crate) fn flush_file(&mut self, id: FileId) {
        if let Some(content) = self.files.get_mut(&id) {
            for change in std::mem::take(&mut content.pending) {
                apply(&mut content.durable, &change);
            }
        }
    }

    pub(crate) fn flush_folder(&mut self, folder: &Path) {
        if let Some(folder) = self.folders.get_mut(folder) {
            for naming in std::mem::take(&mut folder.pending) {
                folder.apply(naming);
            }
        }
    }

    pub(crate) fn folders(&self) -> impl Iterator<Item = &Path> {
        self.folders.keys().map(PathBuf::as_path)
    }

    /// Bytes and names that a cut may take.
    pub(crate) fn at_stake(&self) -> (usize, usize) {
        let changes = self.files.values().flat_map(|it| &it.pending);
        let bytes = changes.map(|change| match change {
            Change::Write { bytes, .. } => bytes.len(),
            Change::Resize(_) => 0,
        });
        let names = self.folders.values().map(|it| it.pending.len());
        (bytes.sum(), names.sum())
    }

    /// What is found after a cut now.
    pub(crate) fn cut(mut self, chance: &mut Chance) -> Vec<Remains> {
        let mut found = BTreeMap::new();
        for (id, content) in std::mem::take(&mut self.files) {
            let mode = content.mode;
            found.insert(id, (mode, content.cut(chance)));
        }
        let mut remains = Vec::new();
        for (path, mut folder) in self.folders {
            let kept = chance.up_to(folder.pending.len());
            let pending = std::mem::take(&mut folder.pending);
            for naming in pending.into_iter().take(kept) {
                folder.apply(naming);
            }
            for (name, id) in folder.durable {
                if let Some((mode, bytes)) = found.get(&id) {
                    remains.push(Remains {
                        file: path.join(name),
                        mode: *mode,
                        bytes: bytes.clone(),
                    });
                }
            }
        }
        remains
    }
}

impl Folder {
    fn apply(&mut self, naming: Naming) {
        match naming {
            Naming::Named(name, id) => drop(self.durable.insert(name, id)),
            Naming::Renamed(from, to, id) => {
                self.durable.remove(&from);
                self.durable.insert(to, id);
            }
            Naming::Gone(name) => drop(self.durable.remove(&name)),
        }
    }
}

impl Content {
    fn cut(self, chance: &mut Chance) -> Vec<u8> {
        let mut bytes = self.durable;
        match chance.up_to(3) {
            0 => {}
            1 => self.pending.iter().for_each(|it| apply(&mut bytes, it)),
            // A beginning, of which the last write is torn.
            2 => {
                let kept = chance.up_to(self.pending.len());
                let mut pending = self.pending.iter();
                pending
                    .by_ref()
                    .take(kept)
                    .for_each(|it| apply(&mut bytes, it));
                if let Some(Change::Write { offset, bytes: new }) = pending.next() {
                    let pieces = sectors(*offset, new);
                    let whole = chance.up_to(pieces.len());
                    for (offset, piece) in pieces.into_iter().take(whole) {
                        write(&mut bytes, offset, piece);
                    }
                }
            }
            // In any order: each sector has come, or has not.
            _ => {
                for change in &self.pending {
                    match change {
                        Change::Write { offset, bytes: new } => {
                            for (offset, piece) in sectors(*offset, new) {
                                if chance.heads() {
                                    write(&mut bytes, offset, piece);
                                }
                            }
                        }
                        Change::Resize(_) if chance.heads() => apply(&mut bytes, change),
                        Change::Resize(_) => {}
                    }
                }
            }
        }
        bytes
    }
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write { offset, bytes: new } => write(bytes, *offset, new),
        Change::Resize(size) => bytes.resize(*size, 0),
    }
}

fn write(bytes: &mut Vec<u8>, offset: usize, new: &[u8]) {
    let end = offset.saturating_add(new.len());
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    if let Some(place) = bytes.get_mut(offset..end) {
        place.copy_from_slice(new);
    }
}

/// The parts of a write that lie in different sectors.
fn sectors(offset: usize, bytes: &[u8]) -> Vec<(usize, &[u8])> {
    let (mut at, mut rest, mut pieces) = (offset, bytes, Vec::new());
    while !rest.is_empty() {
        let room = SECTOR - at % SECTOR;
        let (piece, later) = rest.split_at(room.min(rest.len()));
        pieces.push((at, piece));
        at = at.saturating_add(piece.len());
        rest = later;
    }
    pieces
}

#[cfg(test)]
mod tests;
