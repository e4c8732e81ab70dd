//! Private keys in files that only their owner reads.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use cardea_jose::{Algorithm, SigningKey};
use openssl::pkey::PKey;
use zeroize::Zeroizing;

use crate::error::Error;

const KEY_BYTES_MAX: u64 = 32 * 1024;

/// Reads a private key; its kind decides the algorithm.
///
/// # Errors
/// `server.file_unusable`, `server.key_not_private`, `server.key_unusable`.
pub(crate) fn load_key(file: &Path) -> Result<SigningKey, Error> {
    let unusable = |source| unusable(file, "the key cannot be read", source);
    let metadata = fs::metadata(file).map_err(unusable)?;
    check_private(file, &metadata)?;
    if metadata.len() > KEY_BYTES_MAX {
        return Err(unusable(io::Error::other(
            "the file is too large for a key",
        )));
    }
    let pem = Zeroizing::new(fs::read(file).map_err(unusable)?);
    let key = PKey::private_key_from_pem(&pem)
        .map_err(|_| unusable(io::Error::other("not a private key in PEM")))?;
    let refused = |source| Error::KeyUnusable {
        file: file.to_owned(),
        source,
    };
    let algorithm = Algorithm::for_public_key(&key)
        .first()
        .copied()
        .ok_or_else(|| refused(cardea_jose::Error::AlgorithmNotAllowed))?;
    SigningKey::from_private_key(algorithm, key).map_err(refused)
}

/// Makes a private key in a new file with mode 0600.
///
/// # Errors
/// `server.file_exists`, `server.file_unusable`, `server.key_unusable`.
pub(crate) fn create_key(file: &Path, algorithm: Algorithm) -> Result<SigningKey, Error> {
    let refused = |source| Error::KeyUnusable {
        file: file.to_owned(),
        source,
    };
    let key = SigningKey::generate(algorithm).map_err(refused)?;
    let pem = key.to_pem().map_err(refused)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut opened = options.open(file).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => Error::FileExists {
            file: file.to_owned(),
        },
        _ => unusable(file, "the key cannot be written", source),
    })?;
    opened
        .write_all(&pem)
        .and_then(|()| opened.sync_all())
        .map_err(|source| unusable(file, "the key cannot be written", source))?;
    Ok(key)
}

/// Writes a public file in one step: readers see the old one or the new one.
///
/// # Errors
/// `server.file_unusable`.
pub(crate) fn write_public(file: &Path, content: &[u8]) -> Result<(), Error> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(".new");
    let beside = Path::new(&beside);
    fs::write(beside, content)
        .and_then(|()| fs::rename(beside, file))
        .map_err(|source| unusable(file, "the file cannot be written", source))
}

pub(crate) fn unusable(file: &Path, action: &'static str, source: io::Error) -> Error {
    Error::FileUnusable {
        file: file.to_owned(),
        action,
        source,
    }
}

#[cfg(unix)]
fn check_private(file: &Path, metadata: &fs::Metadata) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt;
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(Error::KeyNotPrivate {
            file: file.to_owned(),
        });
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_private(_file: &Path, _metadata: &fs::Metadata) -> Result<(), Error> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use cardea_jose::Algorithm;

    use super::{create_key, load_key};

    #[test]
    fn a_key_is_made_once_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key.pem");
        let made = create_key(&file, Algorithm::Es256).unwrap();
        assert_eq!(load_key(&file).unwrap().kid(), made.kid());
        let again = create_key(&file, Algorithm::Es256).unwrap_err();
        assert_eq!(again.code(), "server.file_exists");
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key.pem");
        create_key(&file, Algorithm::Es256).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(
            load_key(&file).unwrap_err().code(),
            "server.key_not_private"
        );
    }

    #[test]
    fn other_content_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key.pem");
        create_key(&file, Algorithm::Es256).unwrap();
        std::fs::write(&file, "not a key").unwrap();
        assert_eq!(load_key(&file).unwrap_err().code(), "server.file_unusable");
    }
}
