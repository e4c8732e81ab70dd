//! The files by which others check the log, without server and database (docs/ledger.md).

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use cardea_storage::Store;
use cardea_storage::ledger::{PlacedEntry, list_entries, newest_checkpoint};
use cardea_transparency::{ExportedEntry, Rest, VerifierKey};

use crate::entry::{parse_leaf, shown_by};
use crate::{Error, SignedCheckpoint};

const PAGE: u32 = 500;

/// What was exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Entries: as many as the checkpoint covers.
    pub size: u64,
}

/// Writes the newest checkpoint, the log's key, and every entry that the checkpoint covers into a
/// new folder that its owner alone can read: the entries hold personal data.
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
    folder: &Path,
) -> Result<Exported, Error> {
    let mut reading = store.begin_read().await?;
    let newest = newest_checkpoint(&mut reading).await?;
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
                let line = line_of(placed)?;
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
    // Last: a folder without it is no export.
    write(folder, "checkpoint", newest.note.as_bytes())?;
    Ok(Exported {
        size: checkpoint.size,
    })
}

fn line_of(placed: PlacedEntry) -> Result<String, Error> {
    let leaf = parse_leaf(&placed.leaf)?;
    let shown = placed.entry.and_then(shown_by);
    let line = ExportedEntry {
        index: placed.leaf.index,
        flags: leaf.flags,
        hash: leaf.hash(),
        rest: shown.unwrap_or(Rest::Forgotten(leaf.entry)),
    };
    Ok(line.to_line()?)
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
