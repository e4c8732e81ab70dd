//! Files that nobody but the agent's own user (or root) may have written.
//!
//! The configuration pins roots and origins, so whoever can change it can make the agent sign for
//! a page of theirs. Ownership and mode are checked on the opened file, not on its name.

use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

use crate::Error;

/// Longest configuration, key or certificate file, in bytes.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// Who but the owner may do what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protection {
    /// Others may read, nobody else may write: configuration, certificates.
    WrittenByOwner,
    /// Nobody else may even read: private keys.
    ReadByOwner,
}

/// Reads a file after checking who owns it and who may touch it.
///
/// # Errors
/// [`Error::FileUnreadable`], [`Error::FileUnsafe`].
pub(crate) fn read(path: &Path, protection: Protection) -> Result<Vec<u8>, Error> {
    let unreadable = |source| Error::FileUnreadable {
        path: path.to_owned(),
        source,
    };
    let mut options = OpenOptions::new();
    options.read(true);
    if protection == Protection::ReadByOwner {
        // A link could point to a file that someone else swaps after the check.
        options.custom_flags(i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default());
    }
    let file = options.open(path).map_err(unreadable)?;
    check(&file, path, protection)?;
    let mut content = Vec::new();
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut content)
        .map_err(unreadable)?;
    if u64::try_from(content.len()).unwrap_or(u64::MAX) > FILE_BYTES_MAX {
        return Err(unsafe_file(path, "it is longer than 256 KiB"));
    }
    Ok(content)
}

/// Makes the folder if need be, and checks that it is its owner's alone.
///
/// # Errors
/// [`Error::StateUnusable`], [`Error::FileUnsafe`].
pub(crate) fn prepare_private_folder(path: &Path) -> Result<(), Error> {
    let unusable = |error: std::io::Error| Error::StateUnusable {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(unusable)?;
    let metadata = std::fs::symlink_metadata(path).map_err(unusable)?;
    if !metadata.is_dir() {
        return Err(unsafe_file(path, "it is not a folder"));
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(unsafe_file(path, "it belongs to another user"));
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(unsafe_file(
            path,
            "others can look into it; set its mode to 0700",
        ));
    }
    Ok(())
}

/// Checks that nobody but its owner, this user or root, can put files into a folder.
///
/// # Errors
/// [`Error::FileUnreadable`], [`Error::FileUnsafe`].
pub(crate) fn check_folder(path: &Path) -> Result<(), Error> {
    let metadata = std::fs::metadata(path).map_err(|source| Error::FileUnreadable {
        path: path.to_owned(),
        source,
    })?;
    if !metadata.is_dir() {
        return Err(unsafe_file(path, "it is not a folder"));
    }
    let own = rustix::process::geteuid().as_raw();
    if metadata.uid() != own && metadata.uid() != 0 {
        return Err(unsafe_file(path, "it belongs to another user"));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(unsafe_file(
            path,
            "others can write to it; take away their write permission",
        ));
    }
    Ok(())
}

/// Replaces a file in one step, so that a crash leaves the old content or the new one.
///
/// # Errors
/// [`Error::StateUnusable`].
pub(crate) fn replace(path: &Path, content: &[u8]) -> Result<(), Error> {
    write_beside(path, content)
        .and_then(|beside| std::fs::rename(beside, path))
        .and_then(|()| sync_folder(path))
        .map_err(|error| Error::StateUnusable {
            path: path.to_owned(),
            reason: error.to_string(),
        })
}

/// Makes a file unless there is one already; `false` tells that there is.
///
/// # Errors
/// [`Error::StateUnusable`].
pub(crate) fn create_once(path: &Path, content: &[u8]) -> Result<bool, Error> {
    let attempt = || {
        let beside = write_beside(path, content)?;
        // A hard link fails where the name exists, so two starting agents agree on one file.
        let linked = std::fs::hard_link(&beside, path);
        std::fs::remove_file(&beside)?;
        match linked {
            Ok(()) => sync_folder(path).map(|()| true),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    };
    attempt().map_err(|error| Error::StateUnusable {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

fn write_beside(path: &Path, content: &[u8]) -> std::io::Result<std::path::PathBuf> {
    use std::io::Write as _;
    let beside = path.with_extension(format!("new-{}", std::process::id()));
    // Left over from a crash of a process with the same id; nobody else writes into this folder.
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    Ok(beside)
}

fn sync_folder(path: &Path) -> std::io::Result<()> {
    path.parent()
        .map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

fn check(file: &File, path: &Path, protection: Protection) -> Result<(), Error> {
    let metadata = file.metadata().map_err(|source| Error::FileUnreadable {
        path: path.to_owned(),
        source,
    })?;
    if !metadata.is_file() {
        return Err(unsafe_file(path, "it is not a regular file"));
    }
    let own = rustix::process::geteuid().as_raw();
    let owned = match protection {
        Protection::WrittenByOwner => metadata.uid() == own || metadata.uid() == 0,
        Protection::ReadByOwner => metadata.uid() == own,
    };
    if !owned {
        return Err(unsafe_file(path, "it belongs to another user"));
    }
    match protection {
        Protection::WrittenByOwner if metadata.mode() & 0o022 != 0 => Err(unsafe_file(
            path,
            "others can write to it; take away their write permission",
        )),
        Protection::ReadByOwner if metadata.mode() & 0o077 != 0 => {
            Err(unsafe_file(path, "others can use it; set its mode to 0600"))
        }
        Protection::WrittenByOwner | Protection::ReadByOwner => Ok(()),
    }
}

pub(crate) fn unsafe_file(path: &Path, reason: &'static str) -> Error {
    Error::FileUnsafe {
        path: path.to_owned(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn modes_that_let_others_in_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "x").unwrap();
        let cases = [
            (0o600, Protection::ReadByOwner, None),
            (0o640, Protection::ReadByOwner, Some("agent.file_unsafe")),
            (0o604, Protection::ReadByOwner, Some("agent.file_unsafe")),
            (0o644, Protection::WrittenByOwner, None),
            (0o664, Protection::WrittenByOwner, Some("agent.file_unsafe")),
            (0o646, Protection::WrittenByOwner, Some("agent.file_unsafe")),
        ];
        for (mode, protection, code) in cases {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let found = read(&path, protection).map_err(|error| error.code()).err();
            assert_eq!(found, code, "{mode:o} {protection:?}");
        }
    }

    #[test]
    fn a_file_of_another_user_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "x").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        // Giving a file away is only possible as root, as which the test machine runs.
        if std::os::unix::fs::chown(&path, Some(4711), None).is_ok() {
            for protection in [Protection::ReadByOwner, Protection::WrittenByOwner] {
                let code = read(&path, protection).unwrap_err().code();
                assert_eq!(code, "agent.file_unsafe");
            }
        }
    }

    #[test]
    fn links_folders_and_long_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("file"), folder.path().join("link"));
        std::fs::write(&path, vec![b'x'; 300 * 1024]).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let code = |path: &Path| read(path, Protection::ReadByOwner).unwrap_err().code();
        assert_eq!(code(&path), "agent.file_unsafe");
        assert_eq!(code(&link), "agent.file_unreadable");
        assert_eq!(code(folder.path()), "agent.file_unsafe");
        assert_eq!(code(&folder.path().join("none")), "agent.file_unreadable");
    }

    #[test]
    fn private_folders_are_made_private_and_open_ones_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        prepare_private_folder(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o750)).unwrap();
        let code = prepare_private_folder(&path).unwrap_err().code();
        assert_eq!(code, "agent.file_unsafe");
    }

    #[test]
    fn files_are_replaced_whole_and_created_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        assert!(create_once(&path, b"one").unwrap());
        assert!(!create_once(&path, b"two").unwrap());
        assert_eq!(read(&path, Protection::ReadByOwner).unwrap(), b"one");
        replace(&path, b"three").unwrap();
        assert_eq!(read(&path, Protection::ReadByOwner).unwrap(), b"three");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
