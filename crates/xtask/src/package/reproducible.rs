//! Whether two builds of the same source give the same bytes.
//!
//! Both start from nothing, in clones of the last commit at two places, whose paths differ in
//! length: whatever of a path, of a clock or of an order of folders gets into a package is found.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};

use super::{Packing, build, pack, source_date};
use crate::{output, process, workspace};

/// Two places.
const PLACES: [&str; 2] = ["first", "a-second-place-with-a-longer-name"];

/// Builds and packs at both places, and compares.
pub(super) fn check() -> Result<()> {
    let folder = workspace::root().join("target/reproducible");
    if folder.exists() {
        fs::remove_dir_all(&folder).context("can't take the last comparison away")?;
    }
    let [first, second] = PLACES.map(|place| folder.join(place));
    // Side by side, so that their steps also come in another order.
    let (first, second) = std::thread::scope(|scope| {
        let second = scope.spawn(|| at(&second));
        (at(&first), second.join())
    });
    let second = second.map_err(|_| anyhow!("the second build was lost"))?;
    for (one, other) in first?.iter().zip(&second?) {
        compare(one, other)?;
    }
    output::result("both builds gave the same bytes");
    Ok(())
}

fn at(place: &Path) -> Result<Vec<PathBuf>> {
    let (source, target, out) = (
        place.join("source"),
        place.join("target"),
        place.join("out"),
    );
    let mut git = Command::new("git");
    git.args(["clone", "--quiet"]).arg(workspace::root());
    process::run(git.arg(&source))?;
    build::build(&source, &target)?;
    let packages = pack(&Packing {
        source: &source,
        target: &target,
        out: &out,
        date: &source_date(&source)?,
        version: None,
        fast: false,
    })?;
    // What Cargo built is large, and has served.
    fs::remove_dir_all(&target).context("can't take away what was built")?;
    Ok(packages)
}

/// Says that two packages are the same, byte by byte.
fn compare(one: &Path, other: &Path) -> Result<()> {
    let read =
        |path: &Path| fs::read(path).with_context(|| format!("can't read {}", path.display()));
    if read(one)? != read(other)? {
        bail!("{} and {} differ", one.display(), other.display());
    }
    let name = one.file_name().unwrap_or_default().to_string_lossy();
    output::result(&format!("{name}: {}", digest(one)?));
    Ok(())
}

fn digest(file: &Path) -> Result<String> {
    let said = process::capture(Command::new("sha256sum").arg(file))?;
    Ok(said
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_owned())
}
