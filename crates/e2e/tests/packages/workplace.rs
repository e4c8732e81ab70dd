//! The server, the reader and the agent of the packages, each as its unit starts it, configured as
//! docs/packages.md says.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use cardea_e2e::business_software::{API, BusinessSoftware, SOFTWARE_CLIENT};
use cardea_xtask::process;
use cardea_xtask::system::System;
use serde_json::{Value, json};

use super::clean_root::CleanRoot;
use super::unit::Unit;

/// Who works there.
pub(crate) const PERSON: &str = "pharmacist";
/// What a browser names as the caller of the native messaging host.
const EXTENSION: &str = "chrome-extension://ajfkdaenajfbbnpbnjbcbepophffeanh/";
const SERVER_UNIT: &str = "usr/lib/systemd/system/cardea.service";
const AGENT_UNIT: &str = "usr/lib/systemd/user/cardea-agent.service";
const SERVER_LOG: &str = "var/log/cardea/cardea.log";
/// Types the right PIN, as the person would into the window of the installed prompt.
const PIN_PROMPT: &str = "#!/bin/sh\necho 'OK ready'\nwhile read -r line; do\n\
    case \"$line\" in\nGETPIN*) printf 'D 1234\\nOK\\n' ;;\nBYE*) echo OK && exit ;;\n\
    *) echo OK ;;\nesac\ndone\n";
/// A loaded machine is slow.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Workplace<'a> {
    root: &'a CleanRoot,
    system: &'a System,
}

impl<'a> Workplace<'a> {
    pub(crate) fn new(root: &'a CleanRoot, system: &'a System) -> Self {
        Self { root, system }
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
        self.root
            .install(&names.iter().map(String::as_str).collect::<Vec<_>>())
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

    /// Starts the server as its unit says.
    pub(crate) async fn start_server(&self) -> Result<Child> {
        let server = Unit::read(self.root, SERVER_UNIT)?.start(self.root)?;
        self.system.adopt(&server)?;
        self.wait_for("the server", || {
            Ok(self.server_log()?.contains("\"ready\""))
        })
        .await?;
        Ok(server)
    }

    /// Stops the server and starts the one that is installed now, as the service manager does when
    /// the package's script asks it to.
    pub(crate) async fn restart_server(&self, server: Child) -> Result<Child> {
        self.stop(server)?;
        // The log of the new one alone.
        fs::write(self.root.path(SERVER_LOG), "")?;
        self.start_server().await
    }

    pub(crate) fn server_log(&self) -> Result<String> {
        self.root.read(SERVER_LOG)
    }

    /// The agent of the session has found the server that runs now.
    pub(crate) async fn wait_until_reconnected(&self) -> Result<()> {
        let back = || Ok(self.server_log()?.contains("an agent came back"));
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
        let words = ["pcscd", "--foreground", "--error"];
        let log = fs::File::create(self.system.folder().join("logs/packaged-pcscd.log"))?;
        let mut command = self.root.command("root", &words);
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        self.system.adopt(&child)?;
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

    /// Configures the workstation, starts the agent as the person's unit says, and asks it by the
    /// host that each browser is told of.
    pub(crate) async fn start_agent(&self) -> Result<Child> {
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
        let mut command =
            Unit::read(self.root, AGENT_UNIT)?.command("ExecStart", self.root, PERSON)?;
        let log = fs::File::create(self.system.folder().join("logs/packaged-agent.log"))?;
        let agent = command.stderr(log).spawn()?;
        self.system.adopt(&agent)?;
        let running = || {
            let mut status = self
                .root
                .command(PERSON, &["cardea-agent", "status", "--json"]);
            Ok(status.output()?.status.success())
        };
        self.wait_for("the agent", running).await?;
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
        Ok(agent)
    }

    /// What the host of a manifest answers to the extension that asks for the login pages.
    fn ask_host(&self, manifest: &str) -> Result<String> {
        let manifest: Value = serde_json::from_str(&self.root.read(manifest)?)?;
        let path = manifest
            .get("path")
            .and_then(Value::as_str)
            .context("no path")?;
        let mut host = self.root.command(PERSON, &[path, EXTENSION]);
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
        BusinessSoftware::sign_in_by(self.system, &mut self.root.command(PERSON, &words))
    }

    /// Ends a program as the service manager does.
    pub(crate) fn stop(&self, mut child: Child) -> Result<()> {
        process::run(Command::new("kill").arg(child.id().to_string()))?;
        let status = child.wait()?;
        ensure!(status.success(), "{status}");
        Ok(())
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
