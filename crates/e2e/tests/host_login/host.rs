//! A host: accounts, PAM services, an `sshd` on the loopback, and what is taken away afterwards.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use cardea_xtask::system::{self, Options, System};
use cardea_xtask::{process, workspace};

use super::terminal::{Process, SshProcess};

/// The host's client.
pub(crate) const CLIENT_ID: &str = "db01";
pub(crate) const SECRET: &str = "a-secret-of-the-host-that-is-long-enough";
const CLIENT: &str = "[[client]]\nclient_id = \"db01\"\nname = \"Serveur db01\"\n\
    grant_types = [\"urn:ietf:params:oauth:grant-type:device_code\"]\n\
    secret = \"a-secret-of-the-host-that-is-long-enough\"\n\
    scopes = [\"openid\", \"professional\"]\n\n";
/// The number on the pharmacist's card, and somebody else's.
const HOLDER: &str = "899700000017";
const OTHER: &str = "899700000999";
const HINT: &str = "`cargo xtask install --for test` installs it";

/// Registers the host's client beside the tests' others.
pub(crate) fn register(options: &mut Options) {
    let file = options.folder.join("clients.toml");
    let others = fs::read_to_string(&file).unwrap_or_default();
    // Where it cannot be written, the server does not know the client, and the test says so.
    let _ = fs::write(&file, format!("{others}\n{CLIENT}"));
    options.clients_file = Some(file);
}

/// A host that asks the system's server.
pub(crate) struct Host {
    folder: PathBuf,
    name: String,
    users: Vec<(&'static str, String)>,
    port: u16,
    sshd: Option<Child>,
}

impl Host {
    pub(crate) fn set_up(system: &System) -> Result<Self> {
        let folder = system.folder().join("host");
        fs::create_dir_all(&folder)?;
        let name = format!("cardea-e2e-{}", std::process::id());
        let number = std::process::id();
        let users = ["alice", "bob", "carol"].map(|it| (it, format!("cardea-{it}-{number}")));
        let mut host = Self {
            folder,
            name,
            users: users.to_vec(),
            port: system::unused_port()?,
            sshd: None,
        };
        for (_, user) in &host.users {
            let mut command = Command::new("useradd");
            process::run(command.args(["--no-create-home", "--shell", "/bin/sh", user]))?;
        }
        host.write_configuration(system, "host-login.toml", 100)?;
        host.write_configuration(system, "host-login-soon.toml", 20)?;
        host.write_services()?;
        host.start_sshd()?;
        Ok(host)
    }

    /// The account's name on this machine.
    pub(crate) fn user(&self, role: &str) -> &str {
        let found = self.users.iter().find(|(known, _)| *known == role);
        found.map_or("", |(_, user)| user)
    }

    /// `ssh` to an account, asking for its name there.
    pub(crate) fn ssh(&self, role: &str) -> Result<SshProcess> {
        let mut command = Command::new("ssh");
        command.args(["-F", "none", "-p", &self.port.to_string()]);
        for option in [
            "UserKnownHostsFile=/dev/null",
            "StrictHostKeyChecking=no",
            "PreferredAuthentications=keyboard-interactive",
            "NumberOfPasswordPrompts=1",
        ] {
            command.args(["-o", option]);
        }
        command.arg(format!("{}@127.0.0.1", self.user(role)));
        command.arg("id -un");
        SshProcess::start(&self.folder, command)
    }

    /// `sudo` of an account, which becomes root.
    pub(crate) fn sudo(&self, role: &str) -> Result<Process> {
        let mut command = Command::new("runuser");
        command.args(["-u", self.user(role), "--", "sudo", "-k", "-S", "id"]);
        Process::start(command)
    }

    /// What an administrator is told who asks before anybody stands at the door.
    pub(crate) fn check_online(&self) -> Result<String> {
        let mut command = Command::new(workspace::binary("cardea-host-login")?);
        command.args(["--check", "--online", "--config"]);
        process::capture(command.arg(self.folder.join("host-login.toml")))
    }

    /// PAM asked for an account, with little time.
    pub(crate) fn pamtester(&self, role: &str) -> Result<Process> {
        // It would keep what it shows until its end, where nobody sits before it.
        let mut command = Command::new("stdbuf");
        let service = format!("{}-soon", self.name);
        command.args([
            "-o0",
            "pamtester",
            &service,
            self.user(role),
            "authenticate",
        ]);
        Process::start(command)
    }

    /// The same from a place that the service names.
    pub(crate) fn pamtester_from(&self, remote: &str, role: &str) -> Result<Process> {
        let mut command = Command::new("stdbuf");
        let item = format!("rhost={remote}");
        command.args(["-o0", "pamtester", "-I", &item, &self.name]);
        command.args([self.user(role), "authenticate"]);
        Process::start(command)
    }

    /// PAM asked with a helper that ends while Enter is waited for, and has said why.
    pub(crate) fn pamtester_whose_helper_ends(&self) -> Result<Process> {
        let helper = self.folder.join("ends");
        let script = "#!/bin/sh\necho 'P Entrée : '\necho 'I said at the end'\nexit 1\n";
        write(&helper, script, 0o755)?;
        let module = workspace::binary("libpam_cardea.so")?;
        let text = format!(
            "auth required {} helper={}\n",
            module.display(),
            helper.display()
        );
        write(&self.service_file("-ends"), &text, 0o644)?;
        let mut command = Command::new("stdbuf");
        let service = format!("{}-ends", self.name);
        command.args([
            "-o0",
            "pamtester",
            &service,
            self.user("alice"),
            "authenticate",
        ]);
        Process::start(command)
    }

    /// The helpers that run for this host.
    pub(crate) fn helpers(&self) -> Result<usize> {
        let folder = self.folder.display().to_string();
        let mut count = 0;
        for entry in fs::read_dir("/proc")? {
            let line = fs::read(entry?.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line);
            let is_helper = line.contains("cardea-host-login") && line.contains("--config");
            count += usize::from(is_helper && line.contains(&folder));
        }
        Ok(count)
    }

    fn write_configuration(&self, system: &System, name: &str, seconds: u32) -> Result<()> {
        let secret = self.folder.join("secret");
        write(&secret, SECRET, 0o600)?;
        let text = format!(
            "issuer = \"{}\"\nclient_id = \"db01\"\nclient_secret_file = \"{}\"\n\
             time_limit_seconds = {seconds}\nlock_folder = \"{}\"\n[users]\n\
             {} = [{{ claim = \"subject_id\", value = \"{HOLDER}\" }}]\n\
             {} = [{{ claim = \"subject_id\", value = \"{OTHER}\" }}]\n",
            system.addresses().issuer(),
            secret.display(),
            self.folder.join("places").display(),
            self.user("alice"),
            self.user("bob"),
        );
        write(&self.folder.join(name), &text, 0o644)
    }

    fn write_services(&self) -> Result<()> {
        let module = workspace::binary("libpam_cardea.so")?;
        let helper = workspace::binary("cardea-host-login")?;
        for (service, config) in [("", "host-login.toml"), ("-soon", "host-login-soon.toml")] {
            let text = format!(
                "auth required {} helper={} config={}\naccount required pam_permit.so\n\
                 session required pam_permit.so\n",
                module.display(),
                helper.display(),
                self.folder.join(config).display(),
            );
            write(&self.service_file(service), &text, 0o644)?;
        }
        let alice = self.user("alice");
        let rule = format!(
            "Defaults:{alice} pam_service={}, timestamp_timeout=0\n{alice} ALL=(ALL:ALL) ALL\n",
            self.name
        );
        write(&self.sudo_rule(), &rule, 0o440)
    }

    /// The service is named after the program, which is called by a name of its own.
    fn start_sshd(&mut self) -> Result<()> {
        let program = self.folder.join(&self.name);
        std::os::unix::fs::symlink("/usr/sbin/sshd", &program)?;
        fs::create_dir_all("/run/sshd").context("sshd needs its folder")?;
        let key = self.folder.join("host_key");
        let mut keygen = Command::new("ssh-keygen");
        process::run(
            keygen
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(&key),
        )?;
        let config = self.folder.join("sshd_config");
        let text = format!(
            "Port {}\nListenAddress 127.0.0.1\nHostKey {}\nPidFile none\nUsePAM yes\n\
             KbdInteractiveAuthentication yes\nPasswordAuthentication no\n\
             PubkeyAuthentication no\nAuthenticationMethods keyboard-interactive\n",
            self.port,
            key.display()
        );
        write(&config, &text, 0o600)?;
        let log = fs::File::create(self.folder.join("sshd.log"))?;
        let mut command = Command::new(&program);
        command.args(["-D", "-e", "-f"]).arg(&config);
        let child = command.stdin(Stdio::null()).stderr(log).spawn();
        let child = child.with_context(|| format!("no sshd: {HINT}"))?;
        self.sshd = Some(child);
        for _ in 0..200 {
            if system::is_listened_on(self.port) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        bail!("sshd does not listen");
    }

    fn service_file(&self, more: &str) -> PathBuf {
        Path::new("/etc/pam.d").join(format!("{}{more}", self.name))
    }

    fn sudo_rule(&self) -> PathBuf {
        // sudo leaves out names with a dot or a tilde; this has none.
        Path::new("/etc/sudoers.d").join(&self.name)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(sshd) = &mut self.sshd {
            let _ = sshd.kill();
            let _ = sshd.wait();
        }
        for file in [
            self.service_file(""),
            self.service_file("-soon"),
            self.service_file("-ends"),
            self.sudo_rule(),
        ] {
            let _ = fs::remove_file(file);
        }
        for (_, user) in &self.users {
            let _ = process::run(Command::new("userdel").arg(user));
        }
    }
}

fn write(path: &Path, text: &str, mode: u32) -> Result<()> {
    fs::write(path, text).with_context(|| format!("can't write {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    Ok(())
}
