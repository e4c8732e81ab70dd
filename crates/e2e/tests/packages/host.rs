//! The sign-in to a Linux host by the package's module, which PAM finds by its name alone.

use std::fs;

use anyhow::{Result, ensure};

use super::clean_root::CleanRoot;
use super::workplace::PERSON;

const SETTINGS: &str = "etc/cardea/host-login.toml";
const COMMON: &str = "etc/pam.d/common-auth";
const SERVICE: &str = "etc/pam.d/cardea-test";

/// Installed and not configured it asks nobody; configured, it is found, asks, and lets nobody in
/// who was not asked for.
pub(crate) fn asks_for_the_card(root: &CleanRoot) -> Result<()> {
    let check = "/usr/libexec/cardea/cardea-host-login";
    ensure!(!root.read(COMMON)?.contains("pam_cardea"), "on by itself");
    let mode = root.run(&["stat", "--format=%a %U", "/etc/cardea/host-login.secret"])?;
    ensure!(mode.trim() == "600 root", "{mode}");
    ensure!(
        root.run(&[check, "--check"]).is_err(),
        "an empty secret is taken"
    );

    let text = root
        .read(SETTINGS)?
        .replace("https://login.example", "http://127.0.0.1:1");
    let person = format!("{PERSON} = [{{ claim = \"sub\", value = \"somebody\" }}]\n");
    fs::write(root.path(SETTINGS), text + &person)?;
    fs::write(root.path("etc/cardea/host-login.secret"), "secret")?;
    root.run(&[check, "--check"])?;

    root.install(&["pamtester"])?;
    fs::write(root.path(SERVICE), "auth required pam_cardea.so\n")?;
    // The issuer does not answer: PAM hears so from the helper, and nobody is let in.
    let mut tried = root.command(
        "root",
        &["pamtester", "cardea-test", PERSON, "authenticate"],
    );
    let tried = tried.output()?;
    let said = String::from_utf8_lossy(&tried.stderr).into_owned();
    let unasked = said.contains("cannot retrieve authentication info");
    ensure!(!tried.status.success() && unasked, "{tried:?}");
    fs::remove_file(root.path(SERVICE))?;
    root.run(&["apt-get", "-qq", "--yes", "purge", "pamtester"])?;

    // The profile is there for who wants it; the removal has to take it out again.
    root.run(&["pam-auth-update", "--enable", "cardea"])?;
    let common = root.read(COMMON)?;
    let line = common.lines().find(|line| line.contains("pam_cardea.so"));
    ensure!(
        line.is_some_and(|line| line.contains("default=die")),
        "{common}"
    );
    Ok(())
}

/// After the removal every service asks as it did before.
pub(crate) fn is_as_before(root: &CleanRoot) -> Result<()> {
    let common = root.read(COMMON)?;
    ensure!(
        !common.contains("pam_cardea") && common.contains("pam_unix"),
        "{common}"
    );
    Ok(())
}
