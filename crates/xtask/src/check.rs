//! `cargo xtask check`: the fast half of what the build server runs.

use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::install::{self, Purpose};
use crate::{fixtures, output, process, tidy, workspace};

/// Formatting, lints, documentation, repository rules and licences, in this order.
///
/// # Errors
/// The first step that fails.
pub fn run() -> Result<()> {
    install::ensure(Purpose::Demo)?;
    output::step("format (cargo fmt --check)");
    process::run(workspace::cargo().args(["fmt", "--all", "--check"]))
        .context("run `cargo fmt --all`")?;
    output::step("tidy (cargo xtask tidy)");
    tidy::run()?;
    output::step("fixtures are current (cargo xtask fixtures --check)");
    fixtures::run(fixtures::Mode::Check)?;
    output::step("lint (cargo clippy)");
    let mut clippy = workspace::cargo();
    clippy.args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--quiet",
    ]);
    process::run(clippy.args(["--", "-D", "warnings"]))?;
    output::step("documentation (cargo doc)");
    let mut doc = workspace::cargo();
    doc.args(["doc", "--workspace", "--no-deps", "--locked", "--quiet"]);
    process::run(doc.env("RUSTDOCFLAGS", "-D warnings"))?;
    output::step("licences, bans and sources (cargo deny; advisories need their database)");
    install_cargo_deny()?;
    let mut deny = workspace::cargo();
    deny.args([
        "deny",
        "--config",
        ".deny.toml",
        "check",
        "bans",
        "licenses",
        "sources",
    ]);
    process::run(&mut deny)
}

/// Only `check` needs it, so it is not part of what `test` installs.
fn install_cargo_deny() -> Result<()> {
    let mut ask = Command::new("cargo-deny");
    let there = ask
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if there.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    output::step("cargo-deny is missing: installing it once, which takes some minutes");
    process::run(workspace::cargo().args(["install", "--locked", "--quiet", "cargo-deny"]))
}
