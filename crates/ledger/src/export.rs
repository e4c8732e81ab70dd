//! The files by which others check the log, without server and database (docs/ledger.md).

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use cardea_storage::Store;
use cardea_storage::ledger::{
    PlacedEntry, list_details_behind, list_entries, newest_checkpoint, newest_cosigned,
};
use cardea_transparency::{
    ERASURE_KIND, EXPORTED_ENTRY_BYTES_MAX, ExportedEntry, Hash, PublicPart, Rest, VerifierKey,
    exported_erasure, named_places,
};

use crate::entry::{parse_leaf, shown_as_it_stands, shown_by};
use crate::tree::leaves_at;
use crate::{Error, SignedCheckpoint};

const PAGE: u32 = 500;
/// Erasures that the checkpoint does not cover: those of the time since it was cosigned.
const ERASURES_MAX: u32 = 10_000;

/// What was exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Entries: as many as the checkpoint covers.
    pub size: u64,
}

/// Writes the newest checkpoint that so many witnesses have cosigned (or where there is none yet,
/// the newest), the log's key, and every entry that the checkpoint covers into a new folder that
/// its owner alone can read: the entries hold personal data.
///
/// An entry that does not fit its leaf is written as it stands: whoever checks the files finds it.
///
/// # Errors
/// [`Error::CheckpointMissing`], [`Error::ExportFailed`], [`Error::Transparency`] where the
/// checkpoint is not signed by this key, [`Error::Storage`].
pub async fn export(
    store: &Store,
    origin: &str,
    key: &VerifierKey,
    cosignatures_min: u32,
    folder: &Path,
) -> Result<Exported, Error> {
    let mut reading = store.begin_read().await?;
    let cosigned = match cosignatures_min {
        0 => None,
        count => newest_cosigned(&mut reading, count).await?,
    };
    let newest = match cosigned {
        None => newest_checkpoint(&mut reading).await?,
        cosigned => cosigned,
    };
    drop(reading);
    let newest = newest.ok_or(Error::CheckpointMissing)?;
    let checkpoint = SignedCheckpoint::read(&newest.note, origin, key)?;
    let failed = |source| Error::ExportFailed { source };
    DirBuilder::new()
        .mode(0o700)
        .create(folder)
        .map_err(failed)?;
    write(folder, "log.vkey", format!("{key}\n").as_bytes())?;
    let mut entries = BufWriter::new(create(folder, "entries.jsonl")?);
    let mut size = 0;
    while size < checkpoint.size {
        let mut reading = store.begin_read().await?;
        let page = list_entries(&mut reading, size, PAGE).await?;
        drop(reading);
        let before = size;
        for placed in page {
            // What is missing or doubled is for the verifier to find.
            size = placed.leaf.index + 1;
            if placed.leaf.index < checkpoint.size {
                let line = line_of(&placed)?;
                writeln!(entries, "{line}").map_err(failed)?;
            }
        }
        if size == before {
            break;
        }
    }
    let file = entries
        .into_inner()
        .map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(failed)?;
    write_erasures(store, checkpoint.size, folder).await?;
    // Last: a folder without it is no export.
    write(folder, "checkpoint", newest.note.as_bytes())?;
    Ok(Exported {
        size: checkpoint.size,
    })
}

/// What was erased of the entries while they were written, or since the checkpoint was made, is on
/// record behind it. The records are signed, so that they need no place in the tree.
async fn write_erasures(store: &Store, size: u64, folder: &Path) -> Result<(), Error> {
    let mut reading = store.begin_read().await?;
    let waiting = list_details_behind(&mut reading, ERASURE_KIND, size, ERASURES_MAX).await?;
    let mut lines = String::new();
    for details in &waiting {
        // One may have taken older entries and some that stand behind the checkpoint at once.
        let behind = named_places(details).into_iter().filter(|it| *it >= size);
        let leaves = leaves_at(&mut reading, behind.collect()).await?;
        if let Some(line) = exported_erasure(details, size, |it| leaves.get(&it).copied()) {
            lines.push_str(&line);
            lines.push('\n');
        }
    }
    drop(reading);
    write(folder, "erasures.jsonl", lines.as_bytes())
}

fn line_of(placed: &PlacedEntry) -> Result<String, Error> {
    let leaf = parse_leaf(&placed.leaf)?;
    let rest = match &placed.entry {
        Some(row) => shown_by(row).unwrap_or_else(|| shown_as_it_stands(row)),
        None if placed.is_unreadable => unreadable(),
        None => Rest::Forgotten(leaf.entry),
    };
    let index = placed.leaf.index;
    let line = ExportedEntry {
        index,
        flags: leaf.flags,
        hash: leaf.hash(),
        rest,
    };
    let line = line.to_line()?;
    if line.len() > EXPORTED_ENTRY_BYTES_MAX {
        let reason = format!("the event of place {index} is longer than any that is read again");
        let source = io::Error::new(io::ErrorKind::InvalidData, reason);
        return Err(Error::ExportFailed { source });
    }
    Ok(line)
}

/// In the place of a row that cannot be read: it fits no leaf, and does not pass for forgotten.
fn unreadable() -> Rest {
    let public = PublicPart {
        id: "unreadable".to_owned(),
        kind: "unreadable".to_owned(),
        occurred_at: 0,
    };
    Rest::Erased(public, Hash([0; 32]))
}

fn create(folder: &Path, name: &str) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let created = options.open(folder.join(name));
    created.map_err(|source| Error::ExportFailed { source })
}

fn write(folder: &Path, name: &str, content: &[u8]) -> Result<(), Error> {
    let mut file = create(folder, name)?;
    file.write_all(content)
        .and_then(|()| file.sync_all())
        .map_err(|source| Error::ExportFailed { source })
}
