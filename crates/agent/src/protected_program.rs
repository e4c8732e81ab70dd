//! Programs and modules that are given the person's PIN, or run in the agent itself.
//!
//! Whoever can change such a file, or put another in its place, gets the PIN (attack D16). So the
//! file must be its owner's alone, and so must every folder that its name leads through, those of
//! the links on the way too. A link that only root can change, as of Debian's alternatives, is as
//! good as what it names.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use crate::Error;
use crate::protected_file::{self, Protection, unsafe_file};

/// As many links as Linux follows (path_resolution(7)).
const LINKS_MAX: usize = 40;

const OTHERS_WRITE: &str = "others can write to it; take away their write permission";
const FOREIGN: &str = "it belongs to another user";

/// The program that a path or a name names, once it is sure that nobody else could have put it
/// there; none where there is none. A name is looked up in `PATH`.
///
/// # Errors
/// [`Error::FileUnsafe`], [`Error::FileUnreadable`].
pub(crate) fn find(program: &Path) -> Result<Option<PathBuf>, Error> {
    find_in(program, std::env::var_os("PATH").as_deref())
}

fn find_in(program: &Path, search: Option<&OsStr>) -> Result<Option<PathBuf>, Error> {
    let found = if program.components().count() > 1 {
        Some(program.to_owned()).filter(|path| is_executable(path))
    } else {
        let folders = std::env::split_paths(search.unwrap_or_default());
        // What a relative folder holds depends on where the agent was started.
        let mut candidates = folders
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(program));
        candidates.find(|candidate| is_executable(candidate))
    };
    if let Some(path) = &found {
        check(path)?;
    }
    Ok(found)
}

pub(crate) fn is_executable(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.mode() & 0o111 != 0)
}

/// Checks a file, and all that its name leads through.
///
/// # Errors
/// [`Error::FileUnsafe`] with the file, folder or link that others can change;
/// [`Error::FileUnreadable`] when it is not there.
pub(crate) fn check(file: &Path) -> Result<(), Error> {
    let mut walk = Walk::of(file)?;
    let reached = walk.go_on()?;
    let Some((path, metadata)) = reached.filter(|(_, metadata)| metadata.is_file()) else {
        return Err(unsafe_file(file, "it is not a regular file"));
    };
    if others_write(&metadata) {
        return Err(unsafe_file(&path, OTHERS_WRITE));
    }
    walk.check_last_folder()
}

/// Reads a secret as [`protected_file::read`] does, from folders in which nobody else could have
/// put another in its place.
///
/// # Errors
/// As [`protected_file::read`].
pub(crate) fn read_secret(file: &Path) -> Result<Vec<u8>, Error> {
    let mut walk = Walk::of(file.parent().unwrap_or(Path::new("/")))?;
    if let Some((path, _)) = walk.go_on()? {
        return Err(unsafe_file(&path, "it is not a folder"));
    }
    walk.check_last_folder()?;
    protected_file::read(file, Protection::ReadByOwner)
}

/// The way of a name through folders and links, each of them looked at.
struct Walk {
    /// Without links.
    folder: PathBuf,
    metadata: Metadata,
    ahead: VecDeque<OsString>,
    links: usize,
}

impl Walk {
    fn of(path: &Path) -> Result<Self, Error> {
        let absolute = std::path::absolute(path).map_err(|source| unreadable(path, source))?;
        let folder = PathBuf::from("/");
        Ok(Self {
            metadata: look_at(&folder)?,
            folder,
            ahead: names(&absolute),
            links: 0,
        })
    }

    /// Goes on to the end, or to the first that is neither folder nor link, and returns that.
    fn go_on(&mut self) -> Result<Option<(PathBuf, Metadata)>, Error> {
        while let Some(name) = self.ahead.pop_front() {
            if name == ".." {
                self.folder.pop();
                self.metadata = look_at(&self.folder)?;
                continue;
            }
            let path = self.folder.join(&name);
            let metadata = look_at(&path)?;
            if metadata.is_symlink() {
                self.follow(&path)?;
            } else if metadata.is_dir() {
                // In a folder for all, such as /tmp, nobody takes away what is another's.
                if others_write(&metadata) && metadata.mode() & 0o1000 == 0 {
                    return Err(unsafe_file(&path, OTHERS_WRITE));
                }
                (self.folder, self.metadata) = (path, metadata);
            } else if self.ahead.is_empty() {
                return Ok(Some((path, metadata)));
            } else {
                return Err(unsafe_file(&path, "it is not a folder"));
            }
        }
        Ok(None)
    }

    fn follow(&mut self, link: &Path) -> Result<(), Error> {
        self.links += 1;
        if self.links > LINKS_MAX {
            return Err(unsafe_file(link, "too many links lead to it"));
        }
        let target = std::fs::read_link(link).map_err(|source| unreadable(link, source))?;
        if target.has_root() {
            self.folder = PathBuf::from("/");
            self.metadata = look_at(&self.folder)?;
        }
        for name in names(&target).into_iter().rev() {
            self.ahead.push_front(name);
        }
        Ok(())
    }

    /// Beside the file even a folder for all will not do: whatever is loaded with it may lie there.
    fn check_last_folder(&self) -> Result<(), Error> {
        if others_write(&self.metadata) {
            return Err(unsafe_file(&self.folder, OTHERS_WRITE));
        }
        Ok(())
    }
}

fn names(path: &Path) -> VecDeque<OsString> {
    let names = path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::Prefix(_) | Component::RootDir | Component::CurDir => None,
    });
    names.collect()
}

/// What stands there itself, links not followed; its owner is looked at.
fn look_at(path: &Path) -> Result<Metadata, Error> {
    let metadata = std::fs::symlink_metadata(path).map_err(|source| unreadable(path, source))?;
    let own = rustix::process::geteuid().as_raw();
    if metadata.uid() != own && metadata.uid() != 0 {
        return Err(unsafe_file(path, FOREIGN));
    }
    Ok(metadata)
}

fn others_write(metadata: &Metadata) -> bool {
    metadata.mode() & 0o022 != 0
}

fn unreadable(path: &Path, source: std::io::Error) -> Error {
    Error::FileUnreadable {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, create_dir, write};
    use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

    use super::*;

    fn set_mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    /// A program two folders down.
    fn program() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("bin");
        create_dir(&inner).unwrap();
        let program = inner.join("prompt");
        write(&program, "#!/bin/sh\n").unwrap();
        for path in [&inner, &program] {
            set_mode(path, 0o755);
        }
        (folder, program)
    }

    fn refused(path: &Path) -> Option<PathBuf> {
        match check(path) {
            Ok(()) => None,
            Err(Error::FileUnsafe { path, .. }) => Some(path),
            Err(other) => panic!("{other}"),
        }
    }

    /// Attack D16.
    #[test]
    fn a_program_that_others_can_change_or_replace_is_refused() {
        let (folder, program) = program();
        let folder = folder.path().canonicalize().unwrap();
        let program = folder.join("bin").join(program.file_name().unwrap());
        assert_eq!(refused(&program), None);
        for path in [program.as_path(), program.parent().unwrap(), &folder] {
            let usual = path.metadata().unwrap().mode() & 0o777;
            for open in [usual | 0o020, usual | 0o002] {
                set_mode(path, open);
                assert_eq!(refused(&program).as_deref(), Some(path), "{open:o}");
            }
            set_mode(path, usual);
            // Giving a file away is only possible as root, as which the test machine runs.
            let own = path.metadata().unwrap().uid();
            if chown(path, Some(4711), None).is_ok() {
                assert_eq!(refused(&program).as_deref(), Some(path));
                chown(path, Some(own), None).unwrap();
            }
        }
        // A folder for all will do above, not around the program itself.
        set_mode(&folder, 0o1777);
        assert_eq!(refused(&program), None);
        let inner = program.parent().unwrap();
        set_mode(inner, 0o1777);
        assert_eq!(refused(&program).as_deref(), Some(inner));
    }

    /// Attack D16, by a link that another user can turn elsewhere.
    #[test]
    fn links_count_with_the_folders_that_they_stand_in_and_lead_through() {
        let (folder, program) = program();
        let links = folder.path().join("links");
        create_dir(&links).unwrap();
        set_mode(&links, 0o755);
        symlink("../bin/prompt", links.join("second")).unwrap();
        symlink(links.join("second"), folder.path().join("first")).unwrap();
        let first = folder.path().join("first");
        assert_eq!(refused(&first), None);
        for path in [&links, &program, &program.parent().unwrap().to_owned()] {
            set_mode(path, 0o777);
            let named = refused(&first).unwrap();
            assert_eq!(named.file_name(), path.file_name());
            set_mode(path, 0o755);
        }
        symlink("round", folder.path().join("round")).unwrap();
        assert!(refused(&folder.path().join("round")).is_some());
        let missing = check(&folder.path().join("none")).unwrap_err();
        assert_eq!(missing.code(), "agent.file_unreadable");
    }

    #[test]
    fn a_name_is_found_in_path_and_checked_there() {
        let (folder, program) = program();
        let inner = program.parent().unwrap();
        let search = std::env::join_paths([Path::new("."), folder.path(), inner]).unwrap();
        let find = |name: &str| find_in(Path::new(name), Some(&search));
        assert_eq!(find("prompt").unwrap(), Some(program.clone()));
        assert_eq!(find("no-such-program").unwrap(), None);
        assert_eq!(find_in(Path::new("prompt"), None).unwrap(), None);
        set_mode(inner, 0o775);
        assert_eq!(find("prompt").unwrap_err().code(), "agent.file_unsafe");
        set_mode(inner, 0o755);
        set_mode(&program, 0o644);
        assert_eq!(find("prompt").unwrap(), None);
        // What the system has installed passes, through whichever links.
        assert!(
            find_in(Path::new("sh"), Some(OsStr::new("/usr/bin:/bin")))
                .unwrap()
                .is_some()
        );
    }

    /// Attack D16.
    #[test]
    fn a_secret_is_read_only_from_folders_that_nobody_else_can_change() {
        let (_folder, secret) = program();
        let inner = secret.parent().unwrap();
        set_mode(&secret, 0o600);
        assert!(read_secret(&secret).is_ok());
        for open in [0o775, 0o757, 0o1777] {
            set_mode(inner, open);
            assert_eq!(
                read_secret(&secret).unwrap_err().code(),
                "agent.file_unsafe"
            );
        }
        set_mode(inner, 0o755);
        set_mode(&secret, 0o640);
        assert_eq!(
            read_secret(&secret).unwrap_err().code(),
            "agent.file_unsafe"
        );
    }
}
