//! Private keys in files that only their owner reads.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use cardea_jose::{Algorithm, SigningKey};
use openssl::pkey::PKey;
use zeroize::Zeroizing;

use crate::error::Error;

const KEY_BYTES: usize = 32 * 1024;
const KEY_BYTES_MAX: u64 = 32 * 1024;

/// Reads a private key; its kind decides the algorithm.
///
/// # Errors
/// `server.file_unusable`, `server.key_not_private`, `server.key_unusable`.
pub(crate) fn load_key(file: &Path) -> Result<SigningKey, Error> {
    load_key_for(file, None)
}

/// Reads a private key for an algorithm, where its kind leaves a choice (RS256 and PS256).
///
/// # Errors
/// As [`load_key`].
pub(crate) fn load_key_for(file: &Path, algorithm: Option<Algorithm>) -> Result<SigningKey, Error> {
    let unusable = |source| unusable(file, "the key cannot be read", source);
    let pem = read_private(file)?;
    let key = PKey::private_key_from_pem(&pem)
        .map_err(|_| unusable(io::Error::other("not a private key in PEM")))?;
    let refused = |source| Error::KeyUnusable {
        file: file.to_owned(),
        source,
    };
    let algorithm = Algorithm::for_public_key(&key)
        .iter()
        .copied()
        .find(|fitting| algorithm.is_none_or(|wanted| wanted == *fitting))
        .ok_or_else(|| refused(cardea_jose::Error::AlgorithmNotAllowed))?;
    SigningKey::from_private_key(algorithm, key).map_err(refused)
}

/// Reads a private file. What is checked is the opened file: a name may lead elsewhere a moment
/// later.
///
/// # Errors
/// `server.file_unusable`, `server.key_not_private`.
pub(crate) fn read_private(file: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    let unusable = |source| unusable(file, "the key cannot be read", source);
    let opened = File::open(file).map_err(unusable)?;
    let metadata = opened.metadata().map_err(unusable)?;
    check_private(file, &metadata)?;
    // Full size at once: growing would leave copies of the key behind.
    let mut content = Zeroizing::new(Vec::with_capacity(KEY_BYTES));
    opened
        .take(KEY_BYTES_MAX + 1)
        .read_to_end(&mut content)
        .map_err(unusable)?;
    if content.len() > KEY_BYTES {
        return Err(unusable(io::Error::other(
            "the file is too large for a key",
        )));
    }
    Ok(content)
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
    options.write(true).create_new(true).mode(0o600);
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
    File::create(beside)
        .and_then(|mut opened| {
            opened.write_all(content)?;
            opened.sync_all()
        })
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

fn check_private(file: &Path, metadata: &fs::Metadata) -> Result<(), Error> {
    let reason = privacy_fault(
        metadata.mode(),
        metadata.uid(),
        rustix::process::geteuid().as_raw(),
    );
    match reason {
        Some(reason) => Err(Error::KeyNotPrivate {
            file: file.to_owned(),
            reason,
        }),
        None => Ok(()),
    }
}

/// Root may own the file, as where a key is installed for a service.
fn privacy_fault(mode: u32, owner: u32, user: u32) -> Option<&'static str> {
    if owner != user && owner != 0 {
        Some("it belongs to another user, who can replace it; run `chown` on it")
    } else if mode & 0o077 != 0 {
        Some("other users can read it; run `chmod 600` on it")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use cardea_jose::Algorithm;

    use super::{create_key, load_key, privacy_fault};

    #[test]
    fn a_key_is_made_once_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key.pem");
        let made = create_key(&file, Algorithm::Es256).unwrap();
        assert_eq!(load_key(&file).unwrap().kid(), made.kid());
        let again = create_key(&file, Algorithm::Es256).unwrap_err();
        assert_eq!(again.code(), "server.file_exists");
    }

    #[test]
    fn a_key_belongs_to_this_user_or_to_root() {
        let cases = [
            ("own", 0o100_600, 1000, None),
            ("root's", 0o100_600, 0, None),
            ("another's", 0o100_600, 1001, Some("chown")),
            ("readable by the group", 0o100_640, 1000, Some("chmod")),
            ("readable by all", 0o100_604, 0, Some("chmod")),
        ];
        for (name, mode, owner, expected) in cases {
            match (privacy_fault(mode, owner, 1000), expected) {
                (None, None) => {}
                (Some(reason), Some(command)) => assert!(reason.contains(command), "{name}"),
                other => panic!("{name}: {other:?}"),
            }
        }
    }

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
