//! A pcscd of one's own, with the vpcd driver: no systemd, no root, side by side with others.
//!
//! pcscd has no option for its socket's path, but honours socket activation: a launcher puts a
//! listening socket on file descriptor 3. Clients find it through `PCSCLITE_CSOCK_NAME`. vpcd
//! listens on all addresses without authentication, so this is for test machines only.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::error::Error;
use crate::folder_file::inaccessible;

const PCSCD: &str = "/usr/sbin/pcscd";
const DRIVER: &str = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so";
/// Below the range from which the kernel takes ports for outgoing connections, so that nobody
/// takes one between our look and pcscd's bind.
const PORT_FIRST: u16 = 20_000;
/// Pairs of ports to choose from: the driver always opens a port and the next one.
const PORT_PAIRS: u16 = 6_000;
const START_LIMIT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(10);

/// A running pcscd that ends with this value.
#[derive(Debug)]
pub struct PrivatePcscd {
    folder: TempDir,
    child: Child,
    ports: PortPair,
    reader_name: String,
}

/// Two neighbouring ports, kept from other launchers by a locked file.
#[derive(Debug)]
struct PortPair {
    first: u16,
    _lock: File,
}

impl PrivatePcscd {
    /// Starts a pcscd with a reader called `Virtual PCD` and waits until it takes cards.
    ///
    /// # Errors
    /// [`Error::ToolMissing`] when pcscd or the driver is not installed; [`Error::ToolFailed`] when
    /// pcscd does not come up.
    pub fn start() -> Result<Self, Error> {
        Self::start_with_reader("Virtual PCD")
    }

    /// Starts a pcscd with a reader of another name: some programs look at names only.
    ///
    /// # Errors
    /// As for [`PrivatePcscd::start`].
    pub fn start_with_reader(reader_name: &str) -> Result<Self, Error> {
        let mut started = Self::prepare(reader_name, true)?;
        started.wait_until_listening()?;
        Ok(started)
    }

    /// Starts a pcscd without any reader. It takes connections from the start.
    ///
    /// # Errors
    /// As for [`PrivatePcscd::start`].
    pub fn start_without_reader() -> Result<Self, Error> {
        Self::prepare("", false)
    }

    fn prepare(reader_name: &str, has_reader: bool) -> Result<Self, Error> {
        require(PCSCD, "pcscd", "pcscd")?;
        require(DRIVER, "the vpcd driver of pcscd", "vsmartcard-vpcd")?;
        let temporary = std::env::temp_dir();
        let folder = TempDir::with_prefix("pcscd-").map_err(inaccessible(&temporary))?;
        let ports = PortPair::take()?;
        let readers = readers_folder(folder.path());
        fs::create_dir(&readers).map_err(inaccessible(&readers))?;
        if has_reader {
            write_reader_file(&readers, reader_name, ports.first)?;
        }
        let child = spawn(folder.path())?;
        Ok(Self {
            folder,
            child,
            ports,
            reader_name: reader_name.to_owned(),
        })
    }

    /// The socket that clients must name in `PCSCLITE_CSOCK_NAME`.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        socket_path(self.folder.path())
    }

    /// Where a card plugs itself in.
    #[must_use]
    pub fn vpcd_address(&self) -> String {
        format!("127.0.0.1:{}", self.ports.first)
    }

    /// Where a second card plugs itself in, into the reader's second slot.
    #[must_use]
    pub fn second_vpcd_address(&self) -> String {
        format!("127.0.0.1:{}", self.ports.first + 1)
    }

    /// The name of the first slot as PC/SC shows it.
    #[must_use]
    pub fn reader_name(&self) -> String {
        format!("{} 00 00", self.reader_name)
    }

    /// A command for `program` that talks to this pcscd.
    #[must_use]
    pub fn client(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("PCSCLITE_CSOCK_NAME", self.socket());
        command
    }

    /// What pcscd has written so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(log_path(self.folder.path())).unwrap_or_default()
    }

    fn wait_until_listening(&mut self) -> Result<(), Error> {
        let failed = |reason| Error::ToolFailed {
            program: "pcscd",
            reason,
        };
        let polls = START_LIMIT.as_millis() / POLL.as_millis();
        for _ in 0..polls {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(failed(format!("it ended with {status}: {}", self.log())));
            }
            if is_listening(self.ports.first) && is_listening(self.ports.first + 1) {
                return Ok(());
            }
            thread::sleep(POLL);
        }
        Err(failed(format!(
            "its reader did not come up: {}",
            self.log()
        )))
    }
}

impl Drop for PrivatePcscd {
    fn drop(&mut self) {
        let asked = i32::try_from(self.child.id())
            .ok()
            .and_then(Pid::from_raw)
            .map(|process| kill_process(process, Signal::TERM));
        let mut ended = false;
        if let Some(Ok(())) = asked {
            for _ in 0..300 {
                ended = !matches!(self.child.try_wait(), Ok(None));
                if ended {
                    break;
                }
                thread::sleep(POLL);
            }
        }
        if !ended {
            let _already_ended = self.child.kill();
            let _status = self.child.wait();
        }
    }
}

impl PortPair {
    /// Finds a free pair. The lock keeps other launchers away from it until this value is gone.
    fn take() -> Result<Self, Error> {
        let folder = std::env::temp_dir().join("cardea-vpcd-ports");
        fs::create_dir_all(&folder).map_err(inaccessible(&folder))?;
        // Launchers that start together begin at different places.
        let offset = u16::try_from(std::process::id() % u32::from(PORT_PAIRS)).unwrap_or(0);
        for step in 0..PORT_PAIRS {
            let first = PORT_FIRST + 2 * ((offset + step) % PORT_PAIRS);
            let path = folder.join(first.to_string());
            let mut options = File::options();
            let options = options.create(true).write(true).truncate(false);
            // Another user's file cannot be opened: that pair is not ours to take.
            let Ok(lock) = options.open(&path) else {
                continue;
            };
            let locked = flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok();
            if locked && is_free(first) && is_free(first + 1) {
                return Ok(Self { first, _lock: lock });
            }
        }
        let reason = "no two neighbouring ports are free".to_owned();
        Err(Error::ToolFailed {
            program: "pcscd",
            reason,
        })
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("0.0.0.0", port)).is_ok()
}

/// Looks into the kernel's table: a connection made to find out would be taken for a card.
fn is_listening(port: u16) -> bool {
    let address_end = format!(":{port:04X}");
    ["/proc/net/tcp", "/proc/net/tcp6"].iter().any(|table| {
        fs::read_to_string(table)
            .unwrap_or_default()
            .lines()
            .any(|line| {
                let mut columns = line.split_whitespace().skip(1);
                let local = columns.next().unwrap_or_default();
                let state = columns.nth(1).unwrap_or_default();
                // 0A is LISTEN.
                local.ends_with(&address_end) && state == "0A"
            })
    })
}

fn require(path: &str, program: &'static str, package: &'static str) -> Result<(), Error> {
    if Path::new(path).exists() {
        Ok(())
    } else {
        Err(Error::ToolMissing { program, package })
    }
}

fn socket_path(folder: &Path) -> PathBuf {
    folder.join("pcscd.comm")
}

fn log_path(folder: &Path) -> PathBuf {
    folder.join("pcscd.log")
}

fn readers_folder(folder: &Path) -> PathBuf {
    folder.join("readers")
}

fn write_reader_file(readers: &Path, reader_name: &str, port: u16) -> Result<(), Error> {
    let file = readers.join("vpcd");
    let text = format!(
        "FRIENDLYNAME \"{reader_name}\"\nDEVICENAME   /dev/null:0x{port:04X}\n\
         LIBPATH      {DRIVER}\nCHANNELID    0x{port:04X}\n"
    );
    fs::write(&file, text).map_err(inaccessible(&file))
}

/// Socket activation without systemd: the shell moves the socket to descriptor 3, says so with its
/// own process number, and becomes pcscd.
fn spawn(folder: &Path) -> Result<Child, Error> {
    let socket = socket_path(folder);
    let listener = UnixListener::bind(&socket).map_err(inaccessible(&socket))?;
    let log_path = log_path(folder);
    let log = File::create(&log_path).map_err(inaccessible(&log_path))?;
    let log_again = log.try_clone().map_err(inaccessible(&log_path))?;
    let script = "exec 3<&0 </dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; \
                  exec \"$0\" --foreground --config \"$1\" --error";
    Command::new("sh")
        .args(["-c", script, PCSCD])
        .arg(readers_folder(folder))
        .stdin(Stdio::from(OwnedFd::from(listener)))
        .stdout(Stdio::from(log))
        .stderr(Stdio::from(log_again))
        .spawn()
        .map_err(|source| Error::ToolFailed {
            program: "pcscd",
            reason: source.to_string(),
        })
}
