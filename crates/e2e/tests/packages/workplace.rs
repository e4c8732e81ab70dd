//! The server, the reader and the agent of the packages, configured as docs/packages.md says: the
//! server under its service manager, the agent as its unit starts it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use cardea_e2e::business_software::{API, BusinessSoftware, SOFTWARE_CLIENT};
use cardea_xtask::system::System;
use serde_json::{Value, json};

use super::clean_root::{CleanRoot, INSTALL};
use super::machine::{LoggedOn, Machine};
use super::release_before;

/// Who works there.
pub(crate) const PERSON: &str = "pharmacist";
/// What a browser names as the caller of the native messaging host.
const EXTENSION: &str = "chrome-extension://ajfkdaenajfbbnpbnjbcbepophffeanh/";
/// The server's unit and its user.
pub(crate) const SERVER: &str = "cardea";
const AGENT: &str = "cardea-agent";
const DATABASE: &str = "var/lib/cardea/cardea.sqlite";
/// A port below 1024, and nothing else of root's.
const CAPABILITIES: &str = "0000000000000400";
const SERVER_LOG: &str = "var/log/cardea/cardea.log";
/// Types the right PIN, as the person would into the window of the installed prompt.
const PIN_PROMPT: &str = "#!/bin/sh\necho 'OK ready'\nwhile read -r line; do\n\
    case \"$line\" in\nGETPIN*) printf 'D 1234\\nOK\\n' ;;\nBYE*) echo OK && exit ;;\n\
    *) echo OK ;;\nesac\ndone\n";
/// A loaded machine is slow.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Workplace<'a> {
    root: &'a CleanRoot,
    machine: &'a Machine,
    person: LoggedOn<'a>,
    system: &'a System,
}

impl<'a> Workplace<'a> {
    /// [`PERSON`] logs on.
    pub(crate) fn open(
        root: &'a CleanRoot,
        machine: &'a Machine,
        system: &'a System,
    ) -> Result<Self> {
        Ok(Self {
            root,
            machine,
            person: LoggedOn::at(machine, PERSON)?,
            system,
        })
    }

    /// Installs packages with all that they depend on. Of the graphical prompts the smallest is
    /// taken; the reader's driver is the test's own.
    pub(crate) fn install(&self, packages: &[PathBuf]) -> Result<()> {
        let mut names = vec!["pinentry-fltk".to_owned(), "vsmartcard-vpcd".to_owned()];
        for package in packages {
            let name = package.file_name().context("a file")?.to_string_lossy();
            fs::copy(package, self.root.path("tmp").join(name.as_ref()))?;
            names.push(format!("/tmp/{name}"));
        }
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        // As an administrator would: what is to be restarted is, by the machine's service manager.
        self.machine.run(&[&INSTALL[..], &names].concat())?;
        self.root.keep_fetched()
    }

    /// Completes the server's conffile and brings the keys, as the operator does.
    pub(crate) fn configure(&self) -> Result<()> {
        let file = "etc/cardea/cardea.toml";
        let issuer = self.system.addresses().issuer();
        let (_, listen) = issuer.split_once("://").context("an address")?;
        let settings = fs::read_to_string(self.system.server_settings())?;
        let hosts = settings.lines().find(|line| line.starts_with("hosts = "));
        let text = self.root.read(file)?;
        let text = text.replace("\"https://login.example\"", &format!("\"{issuer}\""));
        let text = text.replace("\"127.0.0.1:8080\"", &format!("\"{listen}\""));
        let text = text.replace(
            "[database]",
            "clients_file = [\"/etc/cardea/clients.toml\"]\n\n[database]",
        );
        ensure!(
            text.contains(&issuer) && text.contains("clients_file"),
            "{text}"
        );
        let more = format!(
            "\n[[trust_anchor]]\nname = \"test-cards\"\n\
             anchors = \"/etc/cardea/anchors/roots.pem\"\n\
             intermediates = \"/etc/cardea/anchors/intermediates.pem\"\nprofile = \"cps\"\n\
             test_cards = \"require\"\n[trust_anchor.revocation]\n{}\n",
            hosts.context("no hosts")?
        );
        fs::write(self.root.path(file), text + &more)?;
        let (keys, pki) = (
            self.system.folder().join("keys"),
            self.system.card().pki_folder(),
        );
        for (from, to) in [
            (keys.join("challenge-key.pem"), "keys/challenge-key.pem"),
            (keys.join("challenge-keys.jws"), "keys/challenge-keys.jws"),
            (keys.join("enrolment.jws"), "keys/enrolment.jws"),
            (pki.join("card-anchors.pem"), "anchors/roots.pem"),
            (pki.join("intermediates.pem"), "anchors/intermediates.pem"),
            (self.system.folder().join("clients.toml"), "clients.toml"),
        ] {
            fs::copy(&from, self.root.path("tmp/brought"))?;
            let to = format!("/etc/cardea/{to}");
            let (owner, mode) = match to.ends_with("challenge-key.pem") {
                true => ("cardea", "0600"),
                false => ("root", "0640"),
            };
            let install = ["install", "-D", "-o", owner, "-g", "cardea", "-m", mode];
            self.root
                .run(&[&install[..], &["/tmp/brought", &to]].concat())?;
        }
        Ok(())
    }

    /// A server that is not configured does not start, and the journal says why.
    pub(crate) fn refuses_to_start_unconfigured(&self) -> Result<()> {
        let mut start = self.machine.command(&["systemctl", "start", SERVER]);
        ensure!(!start.output()?.status.success(), "it started");
        let said = self.machine.journal(SERVER)?;
        ensure!(said.contains("/etc/cardea/cardea.toml"), "{said}");
        // It would have been tried again.
        self.machine.run(&["systemctl", "stop", SERVER])?;
        Ok(())
    }

    /// Starts the server as docs/packages.md says.
    pub(crate) async fn start_server(&self) -> Result<()> {
        let enable = ["systemctl", "enable", "--quiet", "--now", SERVER];
        self.starts_once_more(&enable).await?;
        self.machine.keeps_in_bounds(SERVER, CAPABILITIES)
    }

    /// Runs what has a server start, and waits until that one is ready.
    pub(crate) async fn starts_once_more(&self, words: &[&str]) -> Result<()> {
        let before = self.starts()?;
        self.machine.run(words)?;
        let ready = || Ok(self.starts()? > before);
        self.wait_for("the server", ready).await
    }

    /// How often a server was ready so far.
    fn starts(&self) -> Result<usize> {
        Ok(self.server_log()?.matches("\"ready\"").count())
    }

    /// It takes up its configuration when it is told to, and comes back when it was killed.
    pub(crate) async fn is_looked_after(&self) -> Result<()> {
        self.machine.run(&["systemctl", "reload", SERVER])?;
        let read = || Ok(self.server_log()?.contains("read anew"));
        self.wait_for("what was read anew", read).await?;
        let kill = ["systemctl", "kill", "--signal=KILL", SERVER];
        self.starts_once_more(&kill).await
    }

    /// Upgrades from the release before: the older programs stop, and leave the database that they
    /// had; the newer ones bring it up to date.
    pub(crate) async fn upgrade(&self, newer: &[PathBuf]) -> Result<()> {
        let file = self.root.path(DATABASE);
        self.machine.run(&["systemctl", "stop", SERVER])?;
        let newest = release_before::migrations_seen(&file).await?;
        release_before::take_back(&file).await?;
        ensure!(release_before::migrations_seen(&file).await? < newest);
        self.install(newer)?;
        // It did not run, so the package left it so.
        ensure!(self.machine.property(SERVER, "ActiveState")? == "inactive");
        self.starts_once_more(&["systemctl", "start", SERVER])
            .await?;
        ensure!(release_before::migrations_seen(&file).await? == newest);
        Ok(())
    }

    /// A package that is installed while its service runs has it start anew.
    pub(crate) async fn is_restarted_by(&self, package: &Path) -> Result<()> {
        let before = self.machine.property(SERVER, "MainPID")?;
        let name = package.file_name().context("a file")?.to_string_lossy();
        // It lies there since it was installed.
        let install = ["dpkg", "--install", &format!("/tmp/{name}")];
        self.starts_once_more(&install).await?;
        ensure!(self.machine.property(SERVER, "MainPID")? != before);
        Ok(())
    }

    pub(crate) fn server_log(&self) -> Result<String> {
        self.root.read(SERVER_LOG)
    }

    /// The agent of the session has found the server that runs now.
    pub(crate) async fn wait_until_reconnected(&self) -> Result<()> {
        let log = self.server_log()?;
        let last = log.rfind("\"ready\"").unwrap_or_default();
        let back = || {
            let log = self.server_log()?;
            Ok(log
                .get(last..)
                .is_some_and(|log| log.contains("an agent came back")))
        };
        self.wait_for("the agent at the new server", back).await
    }

    /// Starts the pcscd that came with the agent, with a virtual reader.
    pub(crate) async fn start_reader(&self) -> Result<()> {
        let port = self.system.addresses().vpcd_port();
        let folder = self.root.path("etc/reader.conf.d");
        for entry in fs::read_dir(&folder)?.flatten() {
            fs::remove_file(entry.path())?;
        }
        let driver = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so";
        let reader = format!(
            "FRIENDLYNAME \"Virtual PCD\"\nDEVICENAME   /dev/null:0x{port:04X}\n\
             LIBPATH      {driver}\nCHANNELID    0x{port:04X}\n"
        );
        fs::write(folder.join("vpcd"), reader)?;
        // Else the first program that asks for it starts it; the reader is to be there before.
        self.machine.run(&["systemctl", "restart", "pcscd"])?;
        let ready = || Ok(cardea_xtask::system::is_listened_on(port));
        self.wait_for("the reader", ready).await
    }

    /// Enrols the workstation for everybody, by the fingerprints that the issuer's own command
    /// prints; the browsers' policies follow.
    pub(crate) fn enrol(&self) -> Result<()> {
        let shown = [
            "cardea",
            "keys",
            "show-enrolment",
            "/etc/cardea/keys/enrolment.jws",
        ];
        let shown = self.root.run(&shown)?;
        let fingerprints: Vec<String> = shown.lines().filter_map(fingerprint).collect();
        ensure!(fingerprints.len() == 2, "two root keys: {shown}");
        let issuer = self.system.addresses().issuer();
        let mut words = vec!["cardea-agent", "enrol", &issuer, "--accept-warnings"];
        for fingerprint in &fingerprints {
            words.extend(["--fingerprint", fingerprint]);
        }
        self.root.run(&words)?;
        for folder in ["chromium", "opt/chrome", "opt/edge"] {
            let file = format!("etc/{folder}/policies/managed/10-cardea-agent.json");
            let policies: Value = serde_json::from_str(&self.root.read(&file)?)?;
            let allowed = policies.get("LocalNetworkAccessAllowedForUrls");
            ensure!(allowed == Some(&json!([issuer])), "{file}: {policies}");
        }
        Ok(())
    }

    /// Configures the workstation, has the person's service manager start the agent, and asks it by
    /// the host that each browser is told of.
    pub(crate) async fn start_agent(&self) -> Result<()> {
        let prompt = self.root.path("usr/local/bin/pinentry-of-the-test");
        fs::write(&prompt, PIN_PROMPT)?;
        fs::set_permissions(&prompt, fs::Permissions::from_mode(0o755))?;
        let file = self.root.path("etc/cardea-agent/agent.toml");
        let settings = format!(
            "port = {}\npinentry = \"/usr/local/bin/pinentry-of-the-test\"\n\
             [business_software]\nenabled = true\n[[business_software.client]]\n\
             client_id = \"{SOFTWARE_CLIENT}\"\naddresses = [\"{API}/\"]\n",
            self.system.addresses().agent_port()
        );
        fs::write(&file, fs::read_to_string(&file)? + &settings)?;
        // The package has it start with the desktop, which is not there.
        let enabled = ["systemctl", "--user", "is-enabled", AGENT];
        ensure!(self.person.run(&enabled)?.trim() == "enabled");
        self.run_agent("start").await?;
        let issuer = self.system.addresses().issuer();
        for manifest in [
            "etc/chromium/native-messaging-hosts/cardea.agent.json",
            "etc/opt/chrome/native-messaging-hosts/cardea.agent.json",
            "etc/opt/edge/native-messaging-hosts/cardea.agent.json",
            "usr/lib/mozilla/native-messaging-hosts/cardea.agent.json",
        ] {
            let answer = self.ask_host(manifest)?;
            ensure!(answer.contains(&issuer), "{manifest}: {answer}");
        }
        Ok(())
    }

    async fn run_agent(&self, verb: &str) -> Result<()> {
        self.person.run(&["systemctl", "--user", verb, AGENT])?;
        let running = || {
            let mut status = self.person.command(&["cardea-agent", "status", "--json"]);
            Ok(status.output()?.status.success())
        };
        self.wait_for("the agent", running).await
    }

    /// The agent of the session is still the one that the newer package replaced; at the person's
    /// next logon the newer one takes its place, and is enrolled as before.
    pub(crate) async fn next_logon(&self) -> Result<()> {
        let process = [
            "systemctl",
            "--user",
            "show",
            "--value",
            "--property=MainPID",
            AGENT,
        ];
        let process = self.person.run(&process)?;
        let program = format!("/proc/{}/exe", process.trim());
        let program = self.machine.run(&["readlink", &program])?;
        ensure!(
            program.trim() == "/usr/bin/cardea-agent (deleted)",
            "{program}"
        );
        self.person.run(&["systemctl", "--user", "daemon-reload"])?;
        self.run_agent("restart").await?;
        let status = self.person.run(&["cardea-agent", "status", "--json"])?;
        let status: Value = serde_json::from_str(&status)?;
        let issuers = status.get("issuers").and_then(Value::as_array);
        ensure!(issuers.is_some_and(|it| it.len() == 1), "{status}");
        self.person.run(&["systemctl", "--user", "stop", AGENT])?;
        Ok(())
    }

    /// What the host of a manifest answers to the extension that asks for the login pages.
    fn ask_host(&self, manifest: &str) -> Result<String> {
        let manifest: Value = serde_json::from_str(&self.root.read(manifest)?)?;
        let path = manifest
            .get("path")
            .and_then(Value::as_str)
            .context("no path")?;
        let mut host = self.person.command(&[path, EXTENSION]);
        let mut host = host.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let request = json!({"type": "origins"}).to_string();
        let mut input = host.stdin.take().context("no input")?;
        input.write_all(&u32::try_from(request.len())?.to_ne_bytes())?;
        input.write_all(request.as_bytes())?;
        input.flush()?;
        let mut output = host.stdout.take().context("no output")?;
        let mut answer = Vec::new();
        output.read_to_end(&mut answer)?;
        host.wait()?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    /// Signs business software in by the installed agent program.
    pub(crate) fn sign_in(&self) -> Result<(BusinessSoftware, Value)> {
        let issuer = self.system.addresses().issuer();
        let mut words = vec!["cardea-agent", "sign-in", "--issuer", &issuer];
        words.extend(["--client", SOFTWARE_CLIENT, "--scope", "openid profile"]);
        words.extend(["--json", "--proofs"]);
        BusinessSoftware::sign_in_by(self.system, &mut self.person.command(&words))
    }

    async fn wait_for(&self, what: &str, mut there: impl FnMut() -> Result<bool>) -> Result<()> {
        let until = tokio::time::Instant::now() + PATIENCE;
        while tokio::time::Instant::now() < until {
            if there()? {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let log = self.server_log().unwrap_or_default();
        bail!("{what} is not there; the server's log:\n{log}")
    }
}

/// A line that is a fingerprint: groups of four hexadecimal digits.
fn fingerprint(line: &str) -> Option<String> {
    let is_group =
        |word: &&str| word.len() == 4 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let groups: Vec<&str> = line.split_whitespace().filter(is_group).collect();
    (groups.len() >= 8).then(|| groups.join(" "))
}
