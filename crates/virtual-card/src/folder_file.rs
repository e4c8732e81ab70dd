//! Files of a card or PKI folder: read whole, replaced whole.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use openssl::pkey::{PKey, Private};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Its owner alone: keys and PINs.
    Owner,
    /// Everybody.
    Public,
}

/// Names the file in an I/O error.
pub(crate) fn inaccessible(path: &Path) -> impl Fn(std::io::Error) -> Error + '_ {
    |source| Error::FileInaccessible {
        path: path.to_owned(),
        source,
    }
}

pub(crate) fn malformed(path: &Path, reason: impl ToString) -> Error {
    Error::FileMalformed {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

pub(crate) fn create_folder(path: &Path) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(inaccessible(path))
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(inaccessible(path))
}

pub(crate) fn read_text(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(inaccessible(path))
}

/// Replaces a file in one step, so that a reader never sees half of it.
pub(crate) fn replace(path: &Path, content: &[u8], access: Access) -> Result<(), Error> {
    let mode = match access {
        Access::Owner => 0o600,
        Access::Public => 0o644,
    };
    let draft = draft_path(path);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(mode);
    let mut file = options.open(&draft).map_err(inaccessible(&draft))?;
    file.write_all(content).map_err(inaccessible(&draft))?;
    drop(file);
    fs::rename(&draft, path).map_err(inaccessible(path))
}

/// A name beside `path` that no other process uses.
fn draft_path(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.draft", std::process::id()));
    path.with_file_name(name)
}

pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    serde_json::from_slice(&read(path)?).map_err(|error| malformed(path, error))
}

pub(crate) fn replace_json(
    path: &Path,
    value: &impl Serialize,
    access: Access,
) -> Result<(), Error> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|error| malformed(path, error))?;
    text.push(b'\n');
    replace(path, &text, access)
}

pub(crate) fn read_key(path: &Path) -> Result<PKey<Private>, Error> {
    PKey::private_key_from_pem(&read(path)?).map_err(|error| malformed(path, error))
}

pub(crate) fn replace_key(path: &Path, key: &openssl::pkey::PKeyRef<Private>) -> Result<(), Error> {
    replace(path, &key.private_key_to_pem_pkcs8()?, Access::Owner)
}

pub(crate) fn read_certificate(path: &Path) -> Result<Vec<u8>, Error> {
    let certificate = openssl::x509::X509::from_pem(&read(path)?);
    let certificate = certificate.map_err(|error| malformed(path, error))?;
    Ok(certificate.to_der()?)
}
