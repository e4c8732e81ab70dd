//! A pcscd of our own with the virtual reader, beside whatever runs on the machine.
//!
//! pcscd has no option for its socket, but it takes one over as systemd hands it (file descriptor
//! 3, `LISTEN_FDS` and `LISTEN_PID`, sd_listen_fds(3)). No systemd is needed for that.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use crate::install;
use crate::process;
use crate::system::process_log;

/// The longest path that fits a Unix socket's address on Linux (unix(7)), with its final zero.
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// Moves the socket from stdin to descriptor 3 and becomes pcscd, whose process id must be the one
/// in `LISTEN_PID`.
const LAUNCHER: &str = "exec 3<&0 </dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; \
    exec \"$1\" --foreground --config \"$2\" --error";

/// What a private pcscd needs.
pub(super) struct PrivatePcscd<'a> {
    pub(super) folder: &'a Path,
    pub(super) socket: &'a Path,
    pub(super) port: u16,
}

impl PrivatePcscd<'_> {
    pub(super) fn spawn(&self) -> Result<Child> {
        let program = process::find_program("pcscd").with_context(|| install::hint("pcscd"))?;
        let readers = self.folder.join("readers");
        fs::create_dir_all(&readers).context("can't make the reader's folder")?;
        fs::write(readers.join("vpcd"), self.reader_file()?)
            .context("can't describe the reader")?;
        let _ = fs::remove_file(self.socket);
        let listener = UnixListener::bind(self.socket)
            .with_context(|| format!("can't listen on {}", self.socket.display()))?;
        let mut command = Command::new("sh");
        command
            .args(["-c", LAUNCHER, "pcscd"])
            .arg(program)
            .arg(&readers);
        command.stdin(Stdio::from(OwnedFd::from(listener)));
        process_log::spawn(&mut command, self.folder, "pcscd")
    }

    fn reader_file(&self) -> Result<String> {
        let driver = install::vpcd_driver().with_context(|| install::hint("vsmartcard-vpcd"))?;
        let port = self.port;
        Ok(format!(
            "FRIENDLYNAME \"Virtual PCD\"\nDEVICENAME   /dev/null:0x{port:04X}\n\
             LIBPATH      {driver}\nCHANNELID    0x{port:04X}\n"
        ))
    }
}

/// Where the socket lies: in the folder, or in the system's temporary folder if that is too deep.
pub(super) fn socket_path(folder: &Path) -> PathBuf {
    let inside = folder.join("pcscd.comm");
    if inside.as_os_str().len() <= SOCKET_PATH_BYTES_MAX {
        return inside;
    }
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    std::env::temp_dir().join(format!("cardea-{name}-{}.comm", std::process::id()))
}
