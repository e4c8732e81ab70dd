//! How a browser finds the agent: manifests of the native messaging host, in folders of the
//! system's own, and Cardea's extension as it stands in the source tree.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::configuration::agent_file;
use crate::{process, workspace};

/// The extension, which has no build step.
pub fn extension_folder() -> PathBuf {
    workspace::root().join("crates/agent/extension")
}

/// The profile (`--user-data-dir`) of a Chromium that is to find the agent.
pub(super) fn profile_folder(system: &Path) -> PathBuf {
    system.join("browser")
}

/// Writes the manifest for Chromium into the profile.
pub(super) fn set_up(system: &Path) -> Result<()> {
    let mut command = browser_setup(system)?;
    command.arg("--profile").arg(profile_folder(system));
    process::capture(&mut command).map(drop)
}

/// Writes the manifest for a Firefox whose home folder is `home`.
///
/// # Errors
/// When `cardea-agent browser-setup` fails.
pub fn set_up_firefox(system: &Path, home: &Path) -> Result<()> {
    let mut command = browser_setup(system)?;
    command.args(["--browser", "firefox"]).env("HOME", home);
    process::capture(&mut command).map(drop)
}

fn browser_setup(system: &Path) -> Result<Command> {
    let mut command = Command::new(workspace::binary("cardea-agent")?);
    command
        .arg("browser-setup")
        .arg("--config")
        .arg(agent_file(system));
    Ok(command)
}
