//! Installs the system packages that a command needs, and says plainly when it can't.
//!
//! A requirement is checked by looking for the thing itself (the program, the library, the file),
//! not for a package, so a self-built one counts and the check works on every system.

mod foreign_clients;
mod no_service_start;
mod requirement;

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::install::no_service_start::NoServiceStart;
use crate::install::requirement::Requirement;
use crate::{output, process};

pub use crate::install::foreign_clients::{
    apache_modules, ensure_oidc_provider, node_clients, node_program, python_program,
};

/// What the packages are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Building the project and running the whole system on this machine.
    Demo,
    /// Everything of the demo, and the other programs that the tests drive.
    Test,
}

/// Installs what is missing for `purpose`; does nothing when all is there.
///
/// # Errors
/// When something is missing and can't be installed from here: the message has the exact command
/// for Debian, or the packages' names on other systems.
pub fn ensure(purpose: Purpose) -> Result<()> {
    ensure_packages(purpose)?;
    if purpose == Purpose::Test {
        foreign_clients::ensure()?;
    }
    Ok(())
}

fn ensure_packages(purpose: Purpose) -> Result<()> {
    let missing = missing(purpose);
    if missing.is_empty() {
        return Ok(());
    }
    let packages = debian_packages(&missing);
    if process::find_program("apt-get").is_none() {
        bail!("{}", elsewhere(&missing));
    }
    if !is_root()? {
        bail!(
            "this machine lacks: {}\nInstall it, then run the same command again:\n\n    \
             sudo apt-get update && sudo apt-get install -y --no-install-recommends {}",
            names(&missing),
            packages.join(" ")
        );
    }
    output::step(&format!("installing {}", packages.join(" ")));
    apt_install(&packages)?;
    let still = self::missing(purpose);
    if !still.is_empty() {
        bail!(
            "apt-get installed the packages, but this is still missing: {}",
            names(&still)
        );
    }
    Ok(())
}

/// The sentence that tests print when a program they drive is not there.
pub fn hint(what: &str) -> String {
    format!("{what} is not installed; `cargo xtask install --for test` installs it")
}

/// Whether a window can be opened in this session.
pub fn has_display() -> bool {
    requirement::has_display()
}

/// Where the virtual reader's driver lies.
pub fn vpcd_driver() -> Option<&'static str> {
    requirement::VPCD_DRIVERS
        .into_iter()
        .find(|path| std::path::Path::new(path).exists())
}

/// The library that lies to a program about the time.
///
/// # Errors
/// When it is not there; the message says how to install it.
pub fn faketime_library() -> Result<&'static str> {
    requirement::FAKETIME_LIBRARIES
        .into_iter()
        .find(|path| std::path::Path::new(path).exists())
        .with_context(|| hint("libfaketime"))
}

fn missing(purpose: Purpose) -> Vec<Requirement> {
    requirement::all(purpose)
        .into_iter()
        .filter(|needed| !needed.is_present())
        .collect()
}

fn names(missing: &[Requirement]) -> String {
    missing
        .iter()
        .map(|needed| needed.what)
        .collect::<Vec<_>>()
        .join(", ")
}

fn debian_packages(missing: &[Requirement]) -> Vec<&'static str> {
    let mut packages: Vec<&str> = missing.iter().map(|needed| needed.debian).collect();
    packages.sort_unstable();
    packages.dedup();
    packages
}

fn elsewhere(missing: &[Requirement]) -> String {
    let list = |name: fn(&Requirement) -> &'static str| {
        let mut names: Vec<&str> = missing.iter().map(name).collect();
        names.sort_unstable();
        names.dedup();
        names.join(" ")
    };
    format!(
        "this machine lacks: {}\nOnly Debian's apt-get is used automatically. The packages are \
         called\n    Fedora: {}\n    Arch:   {}\n    Debian: {}\nInstall them, then run the same \
         command again.",
        names(missing),
        list(|needed| needed.fedora),
        list(|needed| needed.arch),
        list(|needed| needed.debian),
    )
}

fn is_root() -> Result<bool> {
    Ok(process::capture(Command::new("id").arg("-u"))?.trim() == "0")
}

fn apt_install(packages: &[&str]) -> Result<()> {
    let _no_start = NoServiceStart::begin()?;
    let apt = || {
        let mut command = Command::new("apt-get");
        // Wait for another package manager instead of failing at once.
        command.args(["-q", "-o", "DPkg::Lock::Timeout=300"]);
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    process::run(apt().arg("update")).context("can't refresh the package lists")?;
    leave_unconfigured(packages)?;
    process::run(
        apt()
            .args(["install", "-y", "--no-install-recommends"])
            .args(packages),
    )
}

/// Answers that keep a package from setting a service of its own up, for debconf(7).
///
/// Unasked, slapd makes a directory that listens on every address from the next start of the
/// machine on. The tests bring a configuration of their own.
const UNCONFIGURED: [(&str, &str); 1] = [("slapd", "slapd slapd/no_configuration boolean true")];

fn leave_unconfigured(packages: &[&str]) -> Result<()> {
    let wanted = UNCONFIGURED
        .iter()
        .filter(|(name, _)| packages.contains(name));
    let answers: String = wanted.map(|(_, answer)| format!("{answer}\n")).collect();
    if answers.is_empty() || process::find_program("debconf-set-selections").is_none() {
        return Ok(());
    }
    let mut child = Command::new("debconf-set-selections")
        .stdin(Stdio::piped())
        .spawn()
        .context("can't start debconf-set-selections")?;
    let mut stdin = child
        .stdin
        .take()
        .context("debconf-set-selections has no stdin")?;
    stdin.write_all(answers.as_bytes())?;
    drop(stdin);
    if !child.wait()?.success() {
        bail!("debconf-set-selections did not take: {answers}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_with_answers_is_one_that_gets_installed() {
        let all = debian_packages(&requirement::all(Purpose::Test));
        for (package, answer) in UNCONFIGURED {
            assert!(all.contains(&package), "{package}");
            assert!(
                answer.starts_with(&format!("{package} {package}/")),
                "{answer}"
            );
        }
    }

    #[test]
    fn every_requirement_names_a_package_for_each_system() {
        for needed in requirement::all(Purpose::Test) {
            for name in [needed.debian, needed.fedora, needed.arch] {
                assert!(!name.is_empty(), "{} has no package name", needed.what);
            }
        }
    }

    #[test]
    fn the_demo_needs_less_than_the_tests() {
        let demo = requirement::all(Purpose::Demo).len();
        assert!(demo < requirement::all(Purpose::Test).len());
    }

    #[test]
    fn other_systems_get_the_names_of_their_packages() {
        let text = elsewhere(&requirement::all(Purpose::Demo));
        assert!(text.contains("Fedora: "), "{text}");
        assert!(text.contains("openssl-devel"), "{text}");
    }
}
