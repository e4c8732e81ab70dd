//! The keys of the demo's adapter, made anew in its folder.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::random::token;

/// The file that portal and guard share, and the portal's own for pseudonyms.
pub(super) fn make(folder: &Path) -> Result<(PathBuf, PathBuf), Error> {
    let (keys, pseudonyms) = (folder.join("statement.keys"), folder.join("pseudonym.key"));
    write(&keys, &format!("demo {}\n", token()?))?;
    write(&pseudonyms, &format!("{}\n", token()?))?;
    Ok((keys, pseudonyms))
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    let mut options = std::fs::OpenOptions::new();
    let file = options
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| Error::LookUp {
            reason: format!("{}: {error}", path.display()),
        })
}
