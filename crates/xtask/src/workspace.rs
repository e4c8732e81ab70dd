//! Where things are: the repository's root and the programs that Cargo built.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;

/// The programs that make up the running system.
pub const PROGRAMS: [&str; 4] = [
    "cardea",
    "cardea-agent",
    "cardea-vcard",
    "cardea-demo-portal",
];

/// The repository's root, known from where this crate was compiled.
pub fn root() -> PathBuf {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder
        .ancestors()
        .nth(2)
        .unwrap_or(crate_folder)
        .to_path_buf()
}

/// The Cargo that runs us, or the one in `PATH`.
pub fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// The folder with the programs of this build profile, found beside the program that runs now.
///
/// # Errors
/// When the system does not tell where the running program lies.
pub fn binary_folder() -> Result<PathBuf> {
    let this = std::env::current_exe().context("can't find the running program's own file")?;
    let mut folder = this.parent().unwrap_or(Path::new(".")).to_path_buf();
    // Test programs lie one folder deeper, in `deps`.
    if folder.ends_with("deps") {
        folder.pop();
    }
    Ok(folder)
}

/// The path of one of [`PROGRAMS`].
///
/// # Errors
/// When it has not been built.
pub fn binary(name: &str) -> Result<PathBuf> {
    let path = binary_folder()?.join(name);
    if !path.is_file() {
        bail!(
            "{} is not built; run `cargo xtask test` or `cargo xtask demo`",
            path.display()
        );
    }
    Ok(path)
}

/// Builds what Linux hosts ask for the card with: the helper and its PAM module.
///
/// # Errors
/// When the build fails.
pub fn build_host_login() -> Result<()> {
    let mut command = cargo();
    let packages = ["-p", "cardea-host-login", "-p", "cardea-pam"];
    process::run(command.args(["build", "--locked"]).args(packages))
}

/// Builds what stands in front of a portal's API.
///
/// # Errors
/// When the build fails.
pub fn build_guard() -> Result<()> {
    let mut command = cargo();
    process::run(command.args(["build", "--locked", "-p", "cardea-guard"]))
}

/// Builds what watches a log.
///
/// # Errors
/// When the build fails.
pub fn build_witness() -> Result<()> {
    let mut command = cargo();
    process::run(command.args(["build", "--locked", "-p", "cardea-witness"]))
}

/// Builds [`PROGRAMS`].
///
/// # Errors
/// When the build fails.
pub fn build_programs() -> Result<()> {
    let mut command = cargo();
    command.args(["build", "--locked"]);
    for program in PROGRAMS {
        command.args(["--bin", program]);
    }
    process::run(&mut command)
}
