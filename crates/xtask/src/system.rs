//! The whole system as child processes: test PKI, card, reader, server, agent and portal.
//!
//! Everything lives in one folder with generated settings and listens on loopback ports that were
//! free; the one exception is the virtual reader's driver, which listens on all addresses and
//! offers no setting for it. When a [`System`] is dropped, or the program that holds it dies in
//! whatever way, all its processes end (see `watchdog.rs`).

mod addresses;
mod browser;
mod business_software;
mod card;
mod configuration;
mod demo_ca;
mod keys;
mod part;
mod pcscd;
mod pin_prompt;
mod port;
mod process_log;
mod watchdog;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

pub use self::addresses::{Addresses, Scheme};
pub use self::browser::{extension_folder, set_up_firefox};
pub(crate) use self::card::quoted;
pub use self::card::{Card, CardRequest};
pub use self::part::Part;
pub use self::pin_prompt::{Answer, PinPrompt};
pub use self::port::{is_listened_on, unused as unused_port};

use self::part::RunningPart;
use self::pcscd::PrivatePcscd;
use self::watchdog::Watchdog;
use crate::{process, workspace};

/// How the system is to be started.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder for everything; it is made, and must be empty or absent.
    pub folder: PathBuf,
    /// Plain HTTP on loopback, or TLS from a demo CA.
    pub scheme: Scheme,
    /// What stands behind the issuer's origin, such as `/auth/realms/esante-wallet`.
    pub issuer_path: String,
    /// Say in tokens and on pages that nobody here is real, as is true of every card of the demo.
    pub sandbox: bool,
    /// Who answers the PIN prompt.
    pub pin_prompt: PinPrompt,
    /// Take the well-known demo ports where they are free, so that addresses stay the same.
    pub prefer_demo_ports: bool,
    /// The keys of the test PKI's authorities: `p256` is made at once, `rsa2048` in seconds; the
    /// model's are `rsa4096`.
    pub authority_key: String,
    /// A file with more `[[client]]` tables for the server.
    pub clients_file: Option<PathBuf>,
    /// Let programs of this user sign in with the card as the clients of that file that are for
    /// business software.
    pub business_software: bool,
    /// More certification authorities (PEM) that the server trusts when it calls its clients.
    pub trusted_file: Option<PathBuf>,
    /// Milliseconds that the card takes for each command, to imitate a real card.
    pub card_delay_milliseconds: u32,
    /// Whether the agent listens on its port for login pages; its socket is there in any case.
    pub agent_loopback: bool,
    /// How often the PIN is asked, at the server and at the workstation.
    pub pin_policy: PinPolicy,
    /// How often the agent proves the card's presence, and how long it may be silent, in seconds.
    pub presence_seconds: (u32, u32),
}

impl Options {
    /// A system in `folder` on plain HTTP whose PIN prompt answers with the right PIN.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            scheme: Scheme::Http,
            issuer_path: String::new(),
            sandbox: true,
            pin_prompt: PinPrompt::Script(vec![Answer::Pin(DEFAULT_PIN.into())]),
            prefer_demo_ports: false,
            authority_key: "p256".into(),
            clients_file: None,
            business_software: false,
            trusted_file: None,
            card_delay_milliseconds: 0,
            agent_loopback: true,
            pin_policy: PinPolicy::Strict,
            presence_seconds: (10, 30),
        }
    }
}

/// How often the PIN is asked (docs/pin-policy.md).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PinPolicy {
    /// At each login.
    #[default]
    Strict,
    /// Once for an insertion, four hours at most.
    Pharmacy,
}

impl PinPolicy {
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Strict, Self::Pharmacy]
            .into_iter()
            .find(|policy| policy.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Pharmacy => "pharmacy",
        }
    }
}

/// The PIN of every card that is issued without a PIN of its own.
pub const DEFAULT_PIN: &str = "1234";

/// How the demo portal is known to the server.
pub const PORTAL_CLIENT_ID: &str = "demo-portal";

/// The running system.
pub struct System {
    options: Options,
    addresses: Addresses,
    card: Card,
    parts: Vec<RunningPart>,
    watchdog: Watchdog,
    pcscd_socket: PathBuf,
}

impl System {
    /// Prepares the folder, starts every part and waits until all of them answer.
    ///
    /// # Errors
    /// When a program is missing, a step fails, or a part does not come up in time; the message
    /// holds the last lines of that part's log.
    pub fn start(options: Options) -> Result<Self> {
        let mut system = Self::prepare(options)?;
        system.start_parts()?;
        Ok(system)
    }

    /// Starts every part of a prepared system and inserts the card.
    ///
    /// # Errors
    /// As for [`System::start`].
    pub fn start_parts(&mut self) -> Result<()> {
        for part in Part::ALL {
            self.start_part(part)?;
        }
        self.card.insert()
    }

    /// Makes keys, card and settings, and starts nothing yet.
    ///
    /// # Errors
    /// As for [`System::start`].
    pub fn prepare(options: Options) -> Result<Self> {
        let folder = &options.folder;
        std::fs::create_dir_all(folder.join("logs"))
            .with_context(|| format!("can't make {}", folder.display()))?;
        let addresses = Addresses::choose(
            options.scheme,
            &options.issuer_path,
            options.prefer_demo_ports,
        )?;
        let watchdog = Watchdog::start(folder)?;
        card::make_pki(folder, &addresses, &options.authority_key)?;
        let card = Card::new(folder, &addresses, options.card_delay_milliseconds)?;
        card.issue(&CardRequest::default())?;
        let roots = keys::make_keys(folder, &addresses)?;
        if options.scheme == Scheme::Https {
            demo_ca::make_certificates(folder)?;
        }
        let prompt = options.pin_prompt.install(folder)?;
        configuration::write_all(&options, &addresses, &roots, &prompt)?;
        browser::set_up(folder)?;
        watchdog.run_at_the_end(&card.remove_command())?;
        let pcscd_socket = pcscd::socket_path(folder);
        Ok(Self {
            options,
            addresses,
            card,
            parts: Vec::new(),
            watchdog,
            pcscd_socket,
        })
    }

    /// Starts one part and waits until it answers.
    ///
    /// # Errors
    /// When it ends at once or does not answer in time.
    pub fn start_part(&mut self, part: Part) -> Result<()> {
        let folder = &self.options.folder;
        let child = match part {
            Part::Reader => {
                let port = self.addresses.vpcd_port();
                PrivatePcscd {
                    folder,
                    socket: &self.pcscd_socket,
                    port,
                }
                .spawn()?
            }
            _ => {
                let mut command = part.command(folder, &self.addresses)?;
                command.env("PCSCLITE_CSOCK_NAME", &self.pcscd_socket);
                self.options.pin_prompt.set_environment(&mut command);
                if let (Part::Server, Some(file)) = (part, self.write_trusted()?) {
                    command.env("SSL_CERT_FILE", file);
                }
                process_log::spawn(&mut command, folder, part.name())?
            }
        };
        self.watchdog.watch(child.id())?;
        let mut running = RunningPart::new(part, child);
        let (ports, socket) = match part {
            Part::Agent if !self.options.agent_loopback => (Vec::new(), true),
            _ => (part.ports(&self.addresses), part == Part::Agent),
        };
        let socket = socket.then(|| configuration::agent_socket(folder));
        let outcome = running.wait_until_ready(ports, socket.as_deref(), folder);
        self.parts.push(running);
        outcome
    }

    /// Ends one part, if it runs.
    ///
    /// # Errors
    /// When the process can't be ended.
    pub fn stop_part(&mut self, part: Part) -> Result<()> {
        if let Some(index) = self.parts.iter().position(|running| running.part == part) {
            let mut running = self.parts.remove(index);
            running.stop()?;
            self.watchdog.forget(running.id())?;
        }
        Ok(())
    }

    /// The process of a part that runs.
    pub fn process_of(&self, part: Part) -> Option<u32> {
        let running = self.parts.iter().find(|running| running.part == part);
        running.map(RunningPart::id)
    }

    /// Says which part has ended although nobody stopped it.
    ///
    /// # Errors
    /// When a part has ended: its name, how it ended and the last lines of its log.
    pub fn check_all_running(&mut self) -> Result<()> {
        for running in &mut self.parts {
            if let Some(status) = running.exit_status()? {
                let name = running.part.name();
                let log = process_log::tail(&self.options.folder, name);
                bail!("{name} has ended by itself ({status}). The end of its log:\n{log}");
            }
        }
        Ok(())
    }

    /// The addresses of all parts.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// The card that belongs to this system.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// The folder of this system.
    pub fn folder(&self) -> &Path {
        &self.options.folder
    }

    /// The demo CA's certificate, when the system speaks TLS.
    pub fn ca_file(&self) -> Option<PathBuf> {
        (self.options.scheme == Scheme::Https).then(|| demo_ca::ca_file(self.folder()))
    }

    /// Whom the server trusts when it calls its clients: the demo CA, whose certificate the portal
    /// has, and those of the options.
    fn write_trusted(&self) -> Result<Option<PathBuf>> {
        let files: Vec<_> = self.ca_file().into_iter().collect();
        let files: Vec<_> = files.iter().chain(&self.options.trusted_file).collect();
        if files.is_empty() {
            return Ok(None);
        }
        let mut all = String::new();
        for file in files {
            let text = std::fs::read_to_string(file);
            all.push_str(&text.with_context(|| format!("can't read {}", file.display()))?);
            all.push('\n');
        }
        let file = self.folder().join("trusted.pem");
        std::fs::write(&file, all).with_context(|| format!("can't write {}", file.display()))?;
        Ok(Some(file))
    }

    /// The settings of the portal, for its scripted login.
    pub fn portal_settings(&self) -> PathBuf {
        configuration::portal_file(self.folder())
    }

    /// The settings of the server.
    pub fn server_settings(&self) -> PathBuf {
        configuration::server_file(self.folder())
    }

    /// The settings of the agent.
    pub fn agent_settings(&self) -> PathBuf {
        configuration::agent_file(self.folder())
    }

    /// A profile of Chromium's whose browser finds the agent through its extension.
    pub fn browser_profile(&self) -> PathBuf {
        browser::profile_folder(self.folder())
    }

    /// The socket on which the agent serves programs of its user.
    pub fn agent_socket(&self) -> PathBuf {
        configuration::agent_socket(self.folder())
    }

    /// The socket of the private pcscd (`PCSCLITE_CSOCK_NAME`).
    pub fn pcscd_socket(&self) -> &Path {
        &self.pcscd_socket
    }

    /// Ends a process of a test's own, such as a portal, together with the system.
    ///
    /// # Errors
    /// When the watchdog is gone.
    pub fn adopt(&self, child: &std::process::Child) -> Result<()> {
        self.watchdog.watch(child.id())
    }

    /// What a part has written to its log so far.
    pub fn log_of(&self, part: Part) -> String {
        process_log::read(self.folder(), part.name())
    }

    /// Does one scripted login through the portal program, and gives its JSON document.
    ///
    /// # Errors
    /// When the login is refused; the message is the program's.
    pub fn sign_in_once(&self) -> Result<String> {
        let mut command = std::process::Command::new(workspace::binary("cardea-demo-portal")?);
        command
            .arg("once")
            .arg("--config")
            .arg(self.portal_settings());
        process::capture(&mut command)
    }

    /// Changes the answers of the scripted PIN prompt from the next prompt on.
    ///
    /// # Errors
    /// When the script can't be written.
    pub fn script_pin_prompt(&self, answers: &[Answer]) -> Result<()> {
        pin_prompt::write_script(self.folder(), answers)
    }

    /// What the scripted PIN prompt was shown so far: one JSON document a line.
    pub fn pin_prompt_log(&self) -> String {
        std::fs::read_to_string(pin_prompt::log_file(self.folder())).unwrap_or_default()
    }
}

impl Drop for System {
    fn drop(&mut self) {
        self.watchdog.end_all();
        // Reap the processes, so that the watchdog sees them gone.
        while self.watchdog.is_running() {
            for running in &mut self.parts {
                let _ = running.exit_status();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
