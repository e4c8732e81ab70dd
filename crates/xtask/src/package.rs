//! `cargo xtask package`: Debian packages of the programs that people install.
//!
//! Each is described by the section `[package.metadata.deb]` of its crate and by the crate's folder
//! `debian/`; `cargo-deb` packs it. One more package is one more entry of [`PACKAGES`] and one more
//! section. The same source, built twice, is to give the same bytes: no path of the machine in a
//! program, and every time is that of the source's last commit. `--check-reproducible` tells.

mod arguments;
mod build;
mod reproducible;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use self::arguments::Arguments;
use crate::{cargo_tool, install, output, process, workspace};

pub use self::build::stage;
pub use self::reproducible::is_same_from;

/// A package, and what Cargo builds for it.
#[derive(Clone, Copy, Debug)]
pub struct Package {
    /// The package's name.
    pub name: &'static str,
    /// The crate that describes it.
    pub crate_name: &'static str,
    /// What is in it that Cargo builds.
    pub built: &'static [Built],
}

impl Package {
    fn crate_folder(&self) -> &'static str {
        self.crate_name.trim_start_matches("cardea-")
    }
}

/// A file that Cargo builds.
#[derive(Clone, Copy, Debug)]
pub struct Built {
    /// The crate it is built from.
    pub crate_name: &'static str,
    /// Its name in Cargo's folder.
    pub file: &'static str,
}

const fn built(crate_name: &'static str, file: &'static str) -> Built {
    Built { crate_name, file }
}

/// Every package.
pub const PACKAGES: [Package; 5] = [
    Package {
        name: "cardea",
        crate_name: "cardea-server",
        built: &[built("cardea-server", "cardea")],
    },
    Package {
        name: "cardea-agent",
        crate_name: "cardea-agent",
        built: &[built("cardea-agent", "cardea-agent")],
    },
    Package {
        name: "cardea-guard",
        crate_name: "cardea-guard",
        built: &[built("cardea-guard", "cardea-guard")],
    },
    Package {
        name: "cardea-witness",
        crate_name: "cardea-witness",
        built: &[built("cardea-witness", "cardea-witness")],
    },
    Package {
        name: "cardea-host-login",
        crate_name: "cardea-host-login",
        built: &[
            built("cardea-host-login", "cardea-host-login"),
            built("cardea-pam", "libpam_cardea.so"),
        ],
    },
];

/// How programs that are built are packed.
#[derive(Clone, Debug)]
pub struct Packing<'a> {
    /// The root of the source.
    pub source: &'a Path,
    /// Cargo's folder for what it builds; the programs are in its `release`.
    pub target: &'a Path,
    /// Where the packages go.
    pub out: &'a Path,
    /// The time of everything in the packages, as [`source_date`] gives it.
    pub date: &'a str,
    /// Another version than that of the crates.
    pub version: Option<&'a str>,
    /// Compress fast rather than well.
    pub fast: bool,
}

/// Builds and packs, or packs twice and compares.
///
/// # Errors
/// When a tool is missing, a program can't be built or packed, or two packages differ.
pub fn run(words: &[&str]) -> Result<()> {
    let arguments = Arguments::parse(words)?;
    install::ensure(install::Purpose::Demo)?;
    if let Some(commit) = &arguments.check_reproducible {
        return reproducible::check(commit);
    }
    let (source, target) = (workspace::root(), workspace::root().join("target/package"));
    build::build(&source, &target)?;
    let packing = Packing {
        source: &source,
        target: &target,
        out: &arguments.out,
        date: &source_date(&source)?,
        version: None,
        fast: false,
    };
    for file in pack(&packing)? {
        output::result(&file.display().to_string());
    }
    Ok(())
}

/// Packs programs that are built, and gives the packages in the order of [`PACKAGES`].
///
/// # Errors
/// When `cargo-deb` can't be installed or fails.
pub fn pack(packing: &Packing<'_>) -> Result<Vec<PathBuf>> {
    cargo_tool::ensure("cargo-deb")?;
    std::fs::create_dir_all(packing.out)
        .with_context(|| format!("can't make {}", packing.out.display()))?;
    PACKAGES
        .into_iter()
        .map(|package| pack_one(package, packing))
        .collect()
}

fn pack_one(package: Package, packing: &Packing<'_>) -> Result<PathBuf> {
    for built in package.built {
        let file = packing.target.join("release").join(built.file);
        if !file.is_file() {
            bail!("{} is not built", file.display());
        }
    }
    let mut tool = workspace::cargo();
    // Files that a section names are looked for beside its crate, and some where it is called.
    tool.current_dir(packing.source.join("crates").join(package.crate_folder()))
        .args(["deb", "--no-build", "--strip", "--locked", "--quiet"])
        .args(["--package", package.crate_name, "--output"])
        .arg(packing.out.join(""))
        .env("CARGO_TARGET_DIR", packing.target)
        .env("SOURCE_DATE_EPOCH", packing.date);
    if let Some(version) = packing.version {
        tool.args(["--deb-version", version]);
    }
    if packing.fast {
        // Of the kinds that it knows, gz is the slower one by far.
        tool.arg("--fast");
    }
    // It prints the package's path.
    let printed = process::capture(&mut tool)?;
    let path = printed.lines().last().unwrap_or_default().trim();
    if !path.ends_with(".deb") {
        bail!(
            "cargo-deb does not say where the package of {} is",
            package.name
        );
    }
    Ok(PathBuf::from(path))
}

/// The time of the source's last commit, in seconds; what was packed yesterday and today from the
/// same source is the same.
///
/// # Errors
/// When neither git nor `SOURCE_DATE_EPOCH` tells it.
pub fn source_date(source: &Path) -> Result<String> {
    if let Some(given) = std::env::var_os("SOURCE_DATE_EPOCH") {
        return Ok(given.to_string_lossy().into_owned());
    }
    let mut git = Command::new("git");
    git.arg("-C").arg(source);
    let said = process::capture(git.args(["log", "-1", "--format=%ct"]));
    Ok(said
        .context("without git, SOURCE_DATE_EPOCH is to say the source's date")?
        .trim()
        .to_owned())
}
