//! Whether two builds of the same source give the same bytes.
//!
//! Both start from nothing, in clones of one commit at two places whose paths differ in length,
//! under another time zone, another language and in another order: whatever of a path, of a clock
//! or of an order gets into a package is found. One after the other: each takes the disk that the
//! other has given back.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use super::{Built, PACKAGES, Packing, build, pack, source_date};
use crate::{output, process, workspace};

/// One of the two builds, and what is otherwise there.
struct Place {
    folder: &'static str,
    /// What the surroundings say.
    environment: [(&'static str, &'static str); 2],
    /// Compilers at once: another number has them end in another order.
    jobs: &'static str,
}

const PLACES: [Place; 2] = [
    Place {
        folder: "first",
        environment: [("TZ", "UTC"), ("LC_ALL", "C.UTF-8")],
        jobs: "2",
    },
    Place {
        folder: "a-second-place-with-a-longer-name",
        environment: [("TZ", "Pacific/Noumea"), ("LC_ALL", "C")],
        jobs: "3",
    },
];

/// Builds and packs at both places, and compares.
pub(super) fn check(commit: &str) -> Result<()> {
    let mut git = Command::new("git");
    git.arg("-C").arg(workspace::root());
    let commit = process::capture(git.args(["rev-parse", "--verify", commit]))?;
    let folder = workspace::root().join("target/reproducible");
    if folder.exists() {
        fs::remove_dir_all(&folder).context("can't take the last comparison away")?;
    }
    let [first, second] = PLACES;
    let first = at(&folder, &first, commit.trim())?;
    let second = at(&folder, &second, commit.trim())?;
    let mut different = Vec::new();
    for (one, other) in first.iter().zip(&second) {
        different.extend(difference(one, other)?);
    }
    if !different.is_empty() {
        bail!(
            "the builds differ; their packages are in {}:\n{}",
            folder.display(),
            different.join("\n")
        );
    }
    fs::remove_dir_all(&folder).context("can't take the comparison away")?;
    output::result("both builds gave the same bytes");
    Ok(())
}

fn at(folder: &Path, place: &Place, commit: &str) -> Result<Vec<PathBuf>> {
    let begun = Instant::now();
    let folder = folder.join(place.folder);
    let (source, target) = (folder.join("source"), folder.join("target"));
    let mut git = Command::new("git");
    git.args(["clone", "--quiet"]).arg(workspace::root());
    process::run(git.arg(&source))?;
    let mut git = Command::new("git");
    git.args(["checkout", "--quiet", "--detach", commit]);
    process::run(git.current_dir(&source))?;
    let everything = PACKAGES.iter().flat_map(|package| package.built);
    let mut building = build::command(&source, &target, everything)?;
    building.args(["--jobs", place.jobs]);
    process::run(building.envs(place.environment))?;
    let packages = pack(&Packing {
        source: &source,
        target: &target,
        out: &folder.join("out"),
        date: &source_date(&source)?,
        version: None,
        fast: false,
    })?;
    // What Cargo built is large, and has served.
    fs::remove_dir_all(&target).context("can't take away what was built")?;
    output::step(&format!(
        "{}: built and packed in {} minutes",
        place.folder,
        begun.elapsed().as_secs().div_ceil(60)
    ));
    Ok(packages)
}

/// Builds one library or program alone, which takes seconds where the rest takes an hour, from
/// sources at two places; whether it is the same, byte by byte.
///
/// # Errors
/// When it can't be built or read.
pub fn is_same_from(built: &Built, sources: [&Path; 2]) -> Result<bool> {
    let mut files = Vec::new();
    for source in sources {
        let target = source.join("target");
        process::run(&mut build::command(source, &target, [built])?)?;
        let file = target.join("release").join(built.file);
        files.push(fs::read(&file).with_context(|| format!("can't read {}", file.display()))?);
    }
    Ok(files.windows(2).all(|pair| pair.first() == pair.last()))
}

/// What two packages differ in, if they do.
fn difference(one: &Path, other: &Path) -> Result<Option<String>> {
    let read =
        |path: &Path| fs::read(path).with_context(|| format!("can't read {}", path.display()));
    let name = one.file_name().unwrap_or_default().to_string_lossy();
    if read(one)? == read(other)? {
        output::result(&format!("{name}: {}", digest(one)?));
        return Ok(None);
    }
    let unpacked = [unpack(one)?, unpack(other)?];
    let mut diff = Command::new("diff");
    let said = diff
        .args(["--recursive", "--brief"])
        .args(unpacked)
        .output();
    let said = said.context("can't start diff")?.stdout;
    let mut said = String::from_utf8_lossy(&said).into_owned();
    if said.is_empty() {
        "only in how they are packed: order, times, owners or modes\n".clone_into(&mut said);
    }
    Ok(Some(format!("{name}:\n{said}")))
}

/// Unpacks a package beside itself.
fn unpack(package: &Path) -> Result<PathBuf> {
    let folder = package.with_extension("unpacked");
    let mut unpack = Command::new("dpkg-deb");
    process::run(unpack.arg("--raw-extract").arg(package).arg(&folder))?;
    Ok(folder)
}

fn digest(file: &Path) -> Result<String> {
    let said = process::capture(Command::new("sha256sum").arg(file))?;
    Ok(said
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_owned())
}
