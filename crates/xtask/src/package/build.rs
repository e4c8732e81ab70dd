//! Building what is packed, so that nothing of the machine gets into it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{Built, PACKAGES};
use crate::{output, process, workspace};

/// Where the source and the crates of others are said to lie.
const SOURCE: &str = "/usr/src/cardea";
const CRATES: &str = "/usr/src/cargo";

/// Builds the programs of all packages from `source` into the `release` of `target`.
pub(super) fn build(source: &Path, target: &Path) -> Result<()> {
    output::step(&format!(
        "building the programs of the packages in {}",
        target.display()
    ));
    let everything = PACKAGES.iter().flat_map(|package| package.built);
    process::run(&mut command(source, target, everything)?)
}

/// What builds these from `source` into the `release` of `target`.
pub(super) fn command<'a>(
    source: &Path,
    target: &Path,
    wanted: impl IntoIterator<Item = &'a Built>,
) -> Result<Command> {
    let mut command = workspace::cargo();
    command
        .current_dir(source)
        .args(["build", "--release", "--locked", "--quiet"])
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_ENCODED_RUSTFLAGS", rust_flags(source, target)?)
        // SQLite is C, and names its file in its messages.
        .env("CFLAGS", c_flags(source, target)?);
    // Of these crates everything but tests and benches: the PAM module is a library.
    for built in wanted {
        command.args(["--package", built.crate_name]);
    }
    Ok(command)
}

/// Copies programs that are built in some other profile to where [`super::pack`] takes them from,
/// without what a debugger reads: what a test packs is then packed in seconds.
///
/// # Errors
/// When one is missing or can't be copied.
pub fn stage(programs: &Path, target: &Path) -> Result<()> {
    let release = target.join("release");
    std::fs::create_dir_all(&release)
        .with_context(|| format!("can't make {}", release.display()))?;
    for built in PACKAGES.iter().flat_map(|package| package.built) {
        let mut strip = Command::new("strip");
        strip.arg("-o").arg(release.join(built.file));
        process::run(strip.arg(programs.join(built.file)))?;
    }
    Ok(())
}

/// The longest first: the target's folder mostly lies within the source's.
fn renamed(source: &Path, target: &Path) -> Result<[(PathBuf, String); 3]> {
    let crates = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let crates = crates
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")))
        .context("neither CARGO_HOME nor HOME is set")?;
    Ok([
        (crates, CRATES.to_owned()),
        (source.to_owned(), SOURCE.to_owned()),
        // The last that fits is taken.
        (target.to_owned(), format!("{SOURCE}/target")),
    ])
}

fn rust_flags(source: &Path, target: &Path) -> Result<String> {
    let flags = renamed(source, target)?
        .map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()));
    Ok(flags.join("\u{1f}"))
}

fn c_flags(source: &Path, target: &Path) -> Result<String> {
    let flags = renamed(source, target)?
        .map(|(from, to)| format!("-ffile-prefix-map={}={to}", from.display()));
    Ok(flags.join(" "))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{c_flags, rust_flags};

    #[test]
    fn the_folders_of_this_machine_are_called_otherwise() {
        let (source, target) = (
            Path::new("/home/a/cardea"),
            Path::new("/home/a/cardea/target"),
        );
        let flags = rust_flags(source, target).unwrap();
        assert!(flags.contains("--remap-path-prefix=/home/a/cardea=/usr/src/cardea\u{1f}"));
        assert!(flags.ends_with("=/home/a/cardea/target=/usr/src/cardea/target"));
        let flags = c_flags(source, target).unwrap();
        assert!(flags.contains("-ffile-prefix-map=/home/a/cardea=/usr/src/cardea "));
    }
}
