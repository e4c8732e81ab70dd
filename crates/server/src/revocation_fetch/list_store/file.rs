//! Reading and replacing single files.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::OFlags;
use time::OffsetDateTime;

/// What a file is called before it takes its place.
const UNFINISHED_EXTENSION: &str = "new";

/// Puts `parts` in the place of a file in one step that outlasts a loss of power.
pub(super) fn replace(
    place: &Path,
    parts: &[&[u8]],
    modified: Option<OffsetDateTime>,
) -> io::Result<()> {
    static SEQUENCE: AtomicU64 = AtomicU64::new(0);
    let sequence = SEQUENCE.fetch_add(1, Ordering::Relaxed);
    let unfinished = place.with_extension(format!(
        "{}-{sequence}.{UNFINISHED_EXTENSION}",
        std::process::id()
    ));
    let written = write(&unfinished, parts, modified)
        .and_then(|()| fs::rename(&unfinished, place))
        .and_then(|()| sync_folder_of(place));
    if written.is_err() {
        // A full disk must not stay full of halves.
        let _ = fs::remove_file(&unfinished);
    }
    written
}

fn write(path: &Path, parts: &[&[u8]], modified: Option<OffsetDateTime>) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    for part in parts {
        file.write_all(part)?;
    }
    if let Some(modified) = modified {
        file.set_modified(modified.into())?;
    }
    file.sync_all()
}

fn sync_folder_of(place: &Path) -> io::Result<()> {
    match place.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// A plain file's content and its time of modification.
pub(super) fn read(path: &Path, bytes_max: usize) -> io::Result<(Vec<u8>, OffsetDateTime)> {
    // Not blocked by a pipe, not led elsewhere by a link.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(i32::from_ne_bytes(flags.bits().to_ne_bytes()))
        .open(path)?;
    let metadata = file.metadata()?;
    let length = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
    if !metadata.is_file() || length > bytes_max {
        return Err(io::Error::other("it is not a plain file of a list's size"));
    }
    let mut bytes = Vec::with_capacity(length);
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    file.take(limit).read_to_end(&mut bytes)?;
    Ok((bytes, metadata.modified()?.into()))
}

/// Removes what a crash left half-written.
pub(super) fn remove_leftovers(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == UNFINISHED_EXTENSION)
        {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}
