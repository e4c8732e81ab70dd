//! Where the socket stands: a folder that is this user's alone, opened once and never looked up by
//! its name again.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{
    DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _,
};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, OFlags};

use super::unavailable;
use crate::Error;

/// A socket's folder, checked, and its name there.
#[derive(Debug)]
pub(super) struct Place {
    folder: File,
    name: OsString,
    path: PathBuf,
}

/// A place that this process alone may put a socket at.
#[derive(Debug)]
pub(super) struct LockedPlace {
    place: Place,
    lock: File,
}

impl Place {
    /// Makes the folder if need be, where that takes nothing from anybody.
    pub(super) fn prepare(path: &Path) -> Result<Self, Error> {
        if let Some(folder) = path.parent() {
            make_below_own_folder(folder).map_err(|error| unavailable(path, error))?;
        }
        Self::find(path)
    }

    /// Finds a folder that is there; [`Error::NotRunning`] when there is none.
    pub(super) fn find(path: &Path) -> Result<Self, Error> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(unavailable(path, ErrorKind::InvalidInput.into()));
        };
        // Not through a link: its target could be exchanged by whoever owns the link.
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW;
        let folder = std::fs::OpenOptions::new()
            .read(true)
            .custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
            .open(parent)
            .map_err(|error| match error.kind() {
                ErrorKind::NotFound => Error::NotRunning,
                ErrorKind::PermissionDenied => not_safe(parent, "it belongs to another user"),
                ErrorKind::NotADirectory => not_safe(parent, "it is not a folder"),
                _ => unavailable(path, error),
            })?;
        let metadata = folder
            .metadata()
            .map_err(|error| unavailable(path, error))?;
        if metadata.uid() != rustix::process::geteuid().as_raw() {
            return Err(not_safe(parent, "it belongs to another user"));
        }
        if metadata.mode() & 0o077 != 0 {
            // Never that its mode be changed: it may be /tmp.
            let reason = "others can look into it; choose a folder of its own for the socket";
            return Err(not_safe(parent, reason));
        }
        Ok(Self {
            folder,
            name: name.to_owned(),
            path: path.to_owned(),
        })
    }

    /// The socket's address: through the open folder, so that nothing on the way to it can be
    /// exchanged any more, and so that a long path fits (unix(7) has 108 bytes for it).
    pub(super) fn address(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.folder.as_raw_fd())).join(&self.name)
    }

    /// Keeps every other agent of this user away until it is dropped.
    pub(super) fn lock(self) -> Result<LockedPlace, Error> {
        let mut name = self.name.clone();
        name.push(OsStr::new(".lock"));
        let flags = OFlags::CREATE | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let lock = rustix::fs::openat(&self.folder, name, flags, 0o600.into())
            .map_err(|error| unavailable(&self.path, error.into()))?;
        let lock = File::from(lock);
        if lock.try_lock().is_err() {
            return Err(unavailable(&self.path, ErrorKind::AddrInUse.into()));
        }
        Ok(LockedPlace { place: self, lock })
    }
}

impl LockedPlace {
    /// Takes away the socket of an agent that died: nobody else's, and nothing but a socket.
    pub(super) fn clear(&self) -> Result<(), Error> {
        let found = match std::fs::symlink_metadata(self.address()) {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(unavailable(self.path(), error)),
        };
        if !found.file_type().is_socket() {
            return Err(not_safe(self.path(), "it is not a socket; take it away"));
        }
        if found.uid() != rustix::process::geteuid().as_raw() {
            return Err(not_safe(self.path(), "it belongs to another user"));
        }
        self.remove()
            .map_err(|error| unavailable(self.path(), error))
    }

    pub(super) fn address(&self) -> PathBuf {
        self.place.address()
    }

    pub(super) fn path(&self) -> &Path {
        &self.place.path
    }

    /// Takes the socket away that this process put there, or found dead.
    pub(super) fn remove(&self) -> std::io::Result<()> {
        let Place { folder, name, .. } = &self.place;
        Ok(rustix::fs::unlinkat(folder, name, AtFlags::empty())?)
    }
}

impl Drop for LockedPlace {
    fn drop(&mut self) {
        // Not by closing alone: a program that is being started may hold a copy for a moment.
        let _ = self.lock.unlock();
    }
}

/// Makes a folder that is missing, and nothing above it: only below one that this user alone can
/// enter, such as `$XDG_RUNTIME_DIR`. Elsewhere it may have been left out on purpose, or be a slip.
fn make_below_own_folder(folder: &Path) -> std::io::Result<()> {
    match std::fs::symlink_metadata(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        // What it is, and whose, is looked at once it is open.
        Ok(_) | Err(_) => return Ok(()),
    }
    let above = folder.parent().map(|above| {
        // What lies above a single name is the folder that the agent was started in.
        let here = above.as_os_str().is_empty();
        std::fs::symlink_metadata(if here { Path::new(".") } else { above })
    });
    let is_own = above.and_then(Result::ok).is_some_and(|above| {
        above.is_dir()
            && above.uid() == rustix::process::geteuid().as_raw()
            && above.mode() & 0o077 == 0
    });
    if !is_own {
        let advice = format!(
            "its folder {} is missing, and is made only below one that you alone can enter; make \
             it with mode 0700, or choose one below $XDG_RUNTIME_DIR",
            folder.display()
        );
        return Err(std::io::Error::new(ErrorKind::NotFound, advice));
    }
    match std::fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn not_safe(path: &Path, reason: &'static str) -> Error {
    Error::FileUnsafe {
        path: path.to_owned(),
        reason,
    }
}
