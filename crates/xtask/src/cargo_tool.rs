//! Programs of Cargo's that single commands need, built once from the registry.

use std::process::{Command, Stdio};

use anyhow::Result;

use crate::{output, process, workspace};

/// Installs `name`, such as `cargo-deny`, unless it is there.
///
/// # Errors
/// When it can't be built.
pub fn ensure(name: &str) -> Result<()> {
    let mut ask = Command::new(name);
    let there = ask
        // As Cargo calls it: not every one answers by itself.
        .args([name.trim_start_matches("cargo-"), "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if there.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    output::step(&format!(
        "{name} is missing: installing it once, which takes some minutes"
    ));
    process::run(workspace::cargo().args(["install", "--locked", "--quiet", name]))
}
