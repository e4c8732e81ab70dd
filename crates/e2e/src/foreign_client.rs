//! Programs on OpenID Connect libraries that others wrote (`clients/`), started beside a system.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use cardea_xtask::system::{self, Options, System};
use cardea_xtask::{install, process, workspace};
use serde_json::Value;

const READY_TIMEOUT: Duration = Duration::from_secs(60);
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// One such program; it ends when this is dropped, or with the system.
pub struct ForeignClient {
    child: Child,
    log: PathBuf,
}

impl ForeignClient {
    /// A program on Node.js: `clients/node/SCRIPT`, with the packages of its lock file.
    ///
    /// # Errors
    /// When Node.js or a package is missing; the message says how to install it.
    pub fn node(system: &System, script: &str) -> Result<Command> {
        let mut command = Self::node_in(&system.folder().join("node"), script)?;
        command.env("ISSUER", system.addresses().issuer());
        if let Some(ca_file) = system.ca_file() {
            command.env("NODE_EXTRA_CA_CERTS", ca_file);
        }
        Ok(command)
    }

    /// As [`ForeignClient::node`], without a system, and in a folder that is made if need be.
    ///
    /// # Errors
    /// As for [`ForeignClient::node`].
    pub fn node_in(folder: &Path, script: &str) -> Result<Command> {
        if !folder.exists() {
            copy_files(&sources().join("node"), folder, "mjs")?;
            // Node.js looks for packages beside the file that imports them, and nowhere else.
            let modules = install::node_clients()?.join("node_modules");
            std::os::unix::fs::symlink(modules, folder.join("node_modules"))
                .context("can't link the packages")?;
        }
        let mut command = Command::new(install::node_program()?);
        command.arg(folder.join(script));
        Ok(command)
    }

    /// A program on Python: `clients/python/SCRIPT`, with the packages of its requirements file.
    ///
    /// # Errors
    /// When Python or a package is missing; the message says how to install it.
    pub fn python(system: &System, script: &str) -> Result<Command> {
        let mut command = Command::new(install::python_program()?);
        command.arg("-B").arg(sources().join("python").join(script));
        command.env("ISSUER", system.addresses().issuer());
        if let Some(ca_file) = system.ca_file() {
            command.env("REQUESTS_CA_BUNDLE", ca_file);
        }
        Ok(command)
    }

    /// Starts a portal, and waits until it listens on its port.
    ///
    /// # Errors
    /// When it ends at once or does not listen in time; the message has its log.
    pub fn serve(system: &System, mut command: Command, name: &str, port: u16) -> Result<Self> {
        let log = system.folder().join("logs").join(format!("{name}.log"));
        let file = File::create(&log).context("can't write a log")?;
        let child = command
            .env("PORT", port.to_string())
            .env("PORTAL_URL", format!("http://127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .stdout(file.try_clone().context("can't write a log")?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("can't start {name}"))?;
        system.adopt(&child)?;
        let mut client = Self { child, log };
        client.wait_until_ready(name, port)?;
        Ok(client)
    }

    /// Waits until it has written a line that is a JSON document with a member of this name.
    ///
    /// # Errors
    /// When it does not come in time; the message has what was written instead.
    pub async fn wait_for_document(&mut self, member: &str) -> Result<Value> {
        let started = Instant::now();
        loop {
            // Asked first: what it wrote before its end is read after it.
            let is_over = self.child.try_wait()?.is_some() || started.elapsed() > READY_TIMEOUT;
            let log = self.log();
            let documents = log
                .lines()
                .filter_map(|line| serde_json::from_str(line).ok());
            let found = documents
                .rev()
                .find(|value: &Value| value.get(member).is_some());
            match found {
                Some(found) => return Ok(found),
                None if is_over => bail!("no {member}; it wrote:\n{log}"),
                None => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// What it has written so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn wait_until_ready(&mut self, name: &str, port: u16) -> Result<()> {
        let started = Instant::now();
        while !system::is_listened_on(port) {
            if let Some(status) = self.child.try_wait()? {
                bail!("{name} ended while starting ({status}):\n{}", self.log());
            }
            if started.elapsed() > READY_TIMEOUT {
                bail!("{name} does not listen:\n{}", self.log());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl ForeignClient {
    /// Asks it to end, and waits; one with workers of its own ends them too.
    pub fn stop(mut self) {
        let id = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).status();
        let asked = Instant::now();
        while asked.elapsed() < STOP_TIMEOUT && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for ForeignClient {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}

/// Registers the clients of `clients/clients.toml` with the server that a test is about to start.
///
/// `urls` has pairs of an address in that file and the address that the portal will really have;
/// `secret` is everybody's who has one, and `keys` is everybody's who has none.
///
/// # Errors
/// When a file can't be read or written.
pub fn register(
    options: &mut Options,
    urls: &[(&str, &str)],
    secret: &str,
    keys: Option<&Value>,
) -> Result<()> {
    let known = fs::read_to_string(sources().join("clients.toml")).context("no clients")?;
    let digest = sha256_hexadecimal(secret)?;
    let mut clients = known.replace("\"DIGEST\"", &format!("\"{digest}\""));
    for (example, real) in urls {
        clients = clients.replace(example, real);
    }
    let file = options.folder.join("clients.toml");
    let others = fs::read_to_string(&file).unwrap_or_default();
    fs::write(&file, format!("{others}\n{clients}")).context("can't write the test's clients")?;
    let keys = keys.map_or_else(|| UNUSED_KEYS.to_owned(), Value::to_string);
    for name in ["strict-portal", "records-service"] {
        let path = options.folder.join(format!("{name}.jwks.json"));
        fs::write(path, &keys).context("can't write a client's keys")?;
    }
    options.clients_file = Some(file);
    Ok(())
}

/// The example key of RFC 7517, appendix A.1: nobody signs with it.
const UNUSED_KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"1","use":"sig","alg":"ES256",
    "x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#;

fn sha256_hexadecimal(text: &str) -> Result<String> {
    let digest = process::capture(Command::new("sh").args([
        "-c",
        "printf %s \"$1\" | sha256sum",
        "sh",
        text,
    ]))?;
    let digest = digest.split(' ').next().unwrap_or_default();
    Ok(digest.to_owned())
}

/// Where the clients' sources lie.
#[must_use]
pub fn sources() -> PathBuf {
    workspace::root().join("crates/e2e/clients")
}

fn copy_files(from: &Path, to: &Path, extension: &str) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("can't make {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("can't read {}", from.display()))? {
        let path = entry?.path();
        if path.extension() == Some(OsStr::new(extension)) {
            let name = path.file_name().context("a file without a name")?;
            fs::copy(&path, to.join(name)).context("can't copy a client's file")?;
        }
    }
    Ok(())
}
