//! The process that holds a card in a reader, told apart from every other one before it is ended.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use cardea_virtual_card::CardDirectory;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// What the kernel adds to the name of a program whose file was replaced while it ran (proc(5)).
const REPLACED: &str = " (deleted)";

/// A running `cardea-vcard insert` of one card.
#[derive(Debug)]
pub(crate) struct CardProcess {
    id: i32,
    handle: OwnedFd,
}

impl CardProcess {
    /// The process that the card's folder names, if it still runs and holds this very card.
    pub(crate) fn find(directory: &CardDirectory) -> Option<Self> {
        let id = directory.process_id()?;
        // The number may belong to another program by now. The handle is opened first: what is
        // found out below is then about the process that it stands for, or that process is over.
        let handle = pidfd_open(Pid::from_raw(id)?, PidfdFlags::empty()).ok()?;
        let process = PathBuf::from(format!("/proc/{id}"));
        let ours = runs_this_program(&process) && inserts(&process, directory.path());
        ours.then_some(Self { id, handle })
    }

    /// Its number.
    pub(crate) fn id(&self) -> i32 {
        self.id
    }

    /// Asks it to let go of the card.
    ///
    /// # Errors
    /// When it has ended already.
    pub(crate) fn end(&self) -> rustix::io::Result<()> {
        pidfd_send_signal(&self.handle, Signal::TERM)
    }
}

/// Another build of this program, or one that has been replaced since, is still this program.
fn runs_this_program(process: &Path) -> bool {
    let name = |program: PathBuf| {
        let name = program.file_name()?.to_str()?;
        Some(name.strip_suffix(REPLACED).unwrap_or(name).to_owned())
    };
    let theirs = fs::read_link(process.join("exe")).ok().and_then(name);
    let ours = std::env::current_exe().ok().and_then(name);
    theirs.is_some() && theirs == ours
}

/// Whether the process was told to insert the card of this folder, by whatever path.
fn inserts(process: &Path, folder: &Path) -> bool {
    let command_line = fs::read(process.join("cmdline")).unwrap_or_default();
    let mut arguments = command_line.split(|byte| *byte == 0).skip(1);
    let Ok(folder) = folder.canonicalize() else {
        return false;
    };
    // A relative path starts at that process's own working folder.
    let here = process.join("cwd");
    arguments.next() == Some(b"insert")
        && arguments
            .map(|argument| here.join(std::ffi::OsStr::from_bytes(argument)))
            .any(|path| path.canonicalize().is_ok_and(|path| path == folder))
}
