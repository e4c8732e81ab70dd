//! The folder `issuers.d` beside the configuration: one file for each issuer that
//! `cardea-agent enrol` has pinned, of the same form as an `[[issuer]]` table.

use std::path::{Path, PathBuf};

use super::{invalid, raw};
use crate::Error;
use crate::protected_file::{self, Protection};

/// Most issuers of one workstation.
pub(crate) const ISSUER_FILES_MAX: usize = 64;

/// The folder of a configuration file.
pub(crate) fn folder_of(config: &Path) -> PathBuf {
    let folder = config.parent().unwrap_or(Path::new("."));
    folder.join("issuers.d")
}

/// The files, in the order of their names; none where there is no folder.
///
/// # Errors
/// [`Error::FileUnsafe`] when others could put a file there, [`Error::FileUnreadable`].
pub(crate) fn list(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let unreadable = |source| Error::FileUnreadable {
        path: folder.to_owned(),
        source,
    };
    if !folder.try_exists().unwrap_or(true) {
        return Ok(Vec::new());
    }
    protected_file::check_folder(folder)?;
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            files.push(path);
        }
        if files.len() > ISSUER_FILES_MAX {
            return Err(invalid(folder, "(folder)", "holds more than 64 issuers"));
        }
    }
    files.sort();
    Ok(files)
}

/// Every issuer of the folder, with its file.
pub(super) fn read(config: &Path) -> Result<Vec<(PathBuf, raw::Issuer)>, Error> {
    let mut issuers = Vec::new();
    for file in list(&folder_of(config))? {
        let content = protected_file::read(&file, Protection::WrittenByOwner)?;
        let text = String::from_utf8(content)
            .map_err(|_| invalid(&file, "(file)", "it is not UTF-8 text"))?;
        let issuer = raw::parse(&text, &file)?;
        issuers.push((file, issuer));
    }
    Ok(issuers)
}
