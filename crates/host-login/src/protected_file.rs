//! Files that nobody but root (or this program's own user) may have written.

use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

use crate::Error;

const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Who but the owner may do what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protection {
    /// Others may read, nobody else may write.
    WrittenByOwner,
    /// Nobody else may even read.
    ReadByOwner,
}

/// Reads a file after checking on the opened one, not on its name, who may touch it.
pub(crate) fn read(path: &Path, protection: Protection) -> Result<String, Error> {
    let unusable = |reason: String| Error::FileUnusable {
        path: path.to_owned(),
        reason,
    };
    let no_follow = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(no_follow)
        .open(path)
        .map_err(|error| unusable(error.to_string()))?;
    check(&file, protection).map_err(|reason| unusable(reason.to_owned()))?;
    let mut content = String::new();
    let mut bounded = file.take(FILE_BYTES_MAX + 1);
    let bytes = bounded
        .read_to_string(&mut content)
        .map_err(|error| unusable(error.to_string()))?;
    if u64::try_from(bytes).unwrap_or(u64::MAX) > FILE_BYTES_MAX {
        return Err(unusable("it is longer than 64 KiB".to_owned()));
    }
    Ok(content)
}

fn check(file: &File, protection: Protection) -> Result<(), &'static str> {
    let metadata = file.metadata().map_err(|_| "its owner cannot be read")?;
    if !metadata.is_file() {
        return Err("it is no plain file");
    }
    if metadata.uid() != 0 && metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err("it does not belong to root");
    }
    let (others, advice) = match protection {
        Protection::WrittenByOwner => (0o022, "others can write to it: set its mode to 0644"),
        Protection::ReadByOwner => (0o077, "others can read it: set its mode to 0600"),
    };
    if metadata.mode() & others == 0 {
        Ok(())
    } else {
        Err(advice)
    }
}
