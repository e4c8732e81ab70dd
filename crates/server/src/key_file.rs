//! Private keys in files that only their owner reads.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use cardea_jose::{Algorithm, SigningKey, random_base64url};
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

/// Refuses a place that has a file already.
///
/// # Errors
/// `server.file_exists`.
pub(crate) fn check_absent(file: &Path) -> Result<(), Error> {
    if fs::symlink_metadata(file).is_ok() {
        let file = file.to_owned();
        return Err(Error::FileExists { file });
    }
    Ok(())
}

/// Writes a public file in one step: readers see the old one or the new one.
///
/// # Errors
/// `server.file_unusable`.
pub(crate) fn write_public(file: &Path, content: &[u8]) -> Result<(), Error> {
    let failed = |source| unusable(file, "the file cannot be written", source);
    // Nobody can have put a file or a link there.
    let random = random_base64url(12).map_err(|_| failed(io::Error::other("no random bytes")))?;
    let mut beside = file.as_os_str().to_owned();
    beside.push(format!(".new-{random}"));
    let beside = Path::new(&beside);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o644);
    let written = options.open(beside).and_then(|mut opened| {
        opened.write_all(content)?;
        opened.sync_all()?;
        fs::rename(beside, file)
    });
    if written.is_err() {
        let _ = fs::remove_file(beside);
    }
    written
        .and_then(|()| File::open(folder_of(file))?.sync_all())
        .map_err(failed)
}

/// Where a file is.
pub(crate) fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
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

    use super::{create_key, load_key, privacy_fault, write_public};

    /// Whoever may write into the folder cannot have another file written in the place of ours.
    #[test]
    fn a_public_file_is_replaced_by_way_of_a_name_that_nobody_knows() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("victim"), "untouched").unwrap();
        std::os::unix::fs::symlink(at("victim"), at("list.jws.new")).unwrap();
        std::fs::write(at("list.jws"), "before").unwrap();
        write_public(&at("list.jws"), b"after").unwrap();
        assert_eq!(std::fs::read(at("list.jws")).unwrap(), b"after");
        assert_eq!(std::fs::read(at("victim")).unwrap(), b"untouched");
        assert!(!at("list.jws").is_symlink());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
        let error = write_public(&at("none/list.jws"), b"after").unwrap_err();
        assert_eq!(error.code(), "server.file_unusable");
        // Nothing is left of one that cannot be put in its place.
        std::fs::create_dir(at("folder")).unwrap();
        assert!(write_public(&at("folder"), b"after").is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 4);
    }

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
