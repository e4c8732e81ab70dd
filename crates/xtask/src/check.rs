//! `cargo xtask check`: the fast half of what the build server runs.

use anyhow::{Context, Result};

use crate::install::{self, Purpose};
use crate::{cargo_tool, fixtures, output, process, tidy, workspace};

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
    // Only `check` needs it, so it is not part of what `test` installs.
    cargo_tool::ensure("cargo-deny")?;
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
