//! The programs that run, how each is started and how one sees that it is ready.

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::system::addresses::Addresses;
use crate::system::{configuration, port, process_log};
use crate::workspace;

/// How long a part may take until it answers; a loaded machine is slow.
const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a part may take to end when it is asked to.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// One program of the running system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// CRLs, issuer certificates and the OCSP responder of the test PKI.
    Pki,
    /// The private pcscd with the virtual reader.
    Reader,
    /// The server.
    Server,
    /// The agent.
    Agent,
    /// The portal.
    Portal,
}

impl Part {
    /// Every part, in the order in which they are started.
    pub const ALL: [Self; 5] = [
        Self::Pki,
        Self::Reader,
        Self::Server,
        Self::Agent,
        Self::Portal,
    ];

    /// The name in messages and of the log file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pki => "pki",
            Self::Reader => "pcscd",
            Self::Server => "server",
            Self::Agent => "agent",
            Self::Portal => "portal",
        }
    }

    pub(super) fn command(self, folder: &Path, addresses: &Addresses) -> Result<Command> {
        let settings = |program: &str, verb: &str, file: &Path| -> Result<Command> {
            let mut command = Command::new(workspace::binary(program)?);
            command.arg(verb).arg("--config").arg(file);
            Ok(command)
        };
        let mut command = match self {
            Self::Pki => {
                let mut command = Command::new(workspace::binary("cardea-vcard")?);
                command
                    .args(["pki", "serve"])
                    .arg(configuration::pki_folder(folder));
                command.args(["--listen", &addresses.pki_listen()]);
                command.args(["--ocsp-listen", &addresses.ocsp_listen()]);
                command
            }
            Self::Server => settings("cardea", "serve", &configuration::server_file(folder))?,
            Self::Agent => settings("cardea-agent", "run", &configuration::agent_file(folder))?,
            Self::Portal => settings(
                "cardea-demo-portal",
                "serve",
                &configuration::portal_file(folder),
            )?,
            Self::Reader => bail!("pcscd has its own way of being started"),
        };
        command.stdin(Stdio::null());
        Ok(command)
    }

    pub(super) fn ports(self, addresses: &Addresses) -> Vec<u16> {
        match self {
            Self::Pki => vec![addresses.pki_port(), addresses.ocsp_port()],
            Self::Reader => vec![addresses.vpcd_port()],
            Self::Server => vec![addresses.server_port()],
            Self::Agent => vec![addresses.agent_port()],
            Self::Portal => vec![addresses.portal_port()],
        }
    }
}

/// A part with its process.
#[derive(Debug)]
pub(super) struct RunningPart {
    pub(super) part: Part,
    child: Child,
}

impl RunningPart {
    pub(super) fn new(part: Part, child: Child) -> Self {
        Self { part, child }
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn exit_status(&mut self) -> Result<Option<ExitStatus>> {
        self.child
            .try_wait()
            .context("can't ask the system about a process")
    }

    /// Waits until the part listens on its ports, and on its socket, if it has one.
    pub(super) fn wait_until_ready(
        &mut self,
        mut missing: Vec<u16>,
        socket: Option<&Path>,
        folder: &Path,
    ) -> Result<()> {
        let name = self.part.name();
        let started = Instant::now();
        loop {
            missing.retain(|port| !port::is_listened_on(*port));
            if missing.is_empty() && socket.is_none_or(Path::exists) {
                return Ok(());
            }
            if let Some(status) = self.exit_status()? {
                let log = process_log::tail(folder, name);
                bail!("{name} ended while starting ({status}). The end of its log:\n{log}");
            }
            if started.elapsed() > READY_TIMEOUT {
                let log = process_log::tail(folder, name);
                let place = socket.map(Path::display);
                bail!(
                    "{name} does not listen on {missing:?} {place:?}. The end of its log:\n{log}"
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Asks the process to end, and kills it if it does not.
    pub(super) fn stop(&mut self) -> Result<()> {
        let id = self.child.id().to_string();
        Command::new("kill")
            .args(["-TERM", &id])
            .status()
            .context("can't start `kill`")?;
        let asked = Instant::now();
        while asked.elapsed() < STOP_TIMEOUT {
            if self.exit_status()?.is_some() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.child.kill().context("can't kill a process")?;
        self.child.wait().context("can't wait for a process")?;
        Ok(())
    }
}
