//! A root folder with a Debian that was just installed, and nothing of this project.
//!
//! It is made once by debootstrap, of this machine's own release and from its own package sources,
//! and kept with the packages that were fetched; each test gets a copy. Programs run in it by
//! chroot, with a `/proc` and a `/dev` that only they see. No service manager runs there, until one
//! is started (`Machine`).

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use cardea_xtask::{install, process, workspace};

/// What makes a program of the machine look like one of the root's. `$0` is the root.
const ENTER: &str = "mount -t proc proc \"$0/proc\" && mount --rbind /dev \"$0/dev\" && \
    exec chroot \"$@\"";
/// Where package managers and the kernel keep what no package leaves behind.
const NOBODYS: [&str; 12] = [
    "proc",
    "sys",
    "dev",
    "run",
    "tmp",
    "var/cache",
    "var/lib/apt",
    "var/lib/dpkg",
    "var/lib/systemd",
    "var/log/apt",
    "var/log/journal",
    "home",
];
/// Installs what is named after it.
pub(crate) const INSTALL: [&str; 5] = [
    "apt-get",
    "install",
    "-qq",
    "--yes",
    "--no-install-recommends",
];
/// Keeps packages from starting services in the root.
const NO_SERVICES: &str = "#!/bin/sh\nexit 101\n";

/// A root folder of one test; deleted at its end, unless the test fails.
pub(crate) struct CleanRoot {
    path: PathBuf,
}

impl CleanRoot {
    /// A fresh one.
    pub(crate) fn open(name: &str) -> Result<Self> {
        let base = base()?;
        let path = folder().join(format!("{name}-{}", std::process::id()));
        remove(&path)?;
        process::run(Command::new("cp").arg("-a").args([&base, &path]))?;
        Ok(Self { path })
    }

    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.path.join(inside.trim_start_matches('/'))
    }

    pub(crate) fn read(&self, inside: &str) -> Result<String> {
        let path = self.path(inside);
        fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))
    }

    /// A program that runs there as one of the root's users, in an environment of its own.
    pub(crate) fn command(&self, user: &str, words: &[&str]) -> Command {
        enter(&self.path, user, words)
    }

    /// Runs a program there as root and gives what it printed.
    pub(crate) fn run(&self, words: &[&str]) -> Result<String> {
        process::capture(&mut self.command("root", words))
    }

    /// Installs packages, named or as files of the root, with all that they depend on.
    pub(crate) fn install(&self, packages: &[&str]) -> Result<()> {
        self.run(&[&INSTALL, packages].concat())?;
        self.keep_fetched()
    }

    /// The next test need not fetch again what this one has installed.
    pub(crate) fn keep_fetched(&self) -> Result<()> {
        let fetched = "var/cache/apt/archives/";
        let mut keep = Command::new("cp");
        keep.args(["--update", "--recursive"]);
        keep.arg(self.path(fetched).join("."));
        process::run(keep.arg(base()?.join(fetched)))
    }

    /// Every path but those that are nobody's.
    pub(crate) fn paths(&self) -> Result<BTreeSet<PathBuf>> {
        let mut found = BTreeSet::new();
        walk(&self.path, Path::new(""), &mut found)?;
        Ok(found)
    }
}

impl Drop for CleanRoot {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the root folder is kept: {}", self.path.display());
        } else {
            let _ = remove(&self.path);
        }
    }
}

fn folder() -> PathBuf {
    workspace::root().join("target/clean-root")
}

fn remove(path: &Path) -> Result<()> {
    if path.exists() {
        process::run(
            Command::new("rm")
                .args(["-rf", "--one-file-system"])
                .arg(path),
        )?;
    }
    Ok(())
}

fn enter(root: &Path, user: &str, words: &[&str]) -> Command {
    let home = match user {
        "root" => "HOME=/root".to_owned(),
        user => format!("HOME=/home/{user}"),
    };
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", ENTER]);
    command
        .arg(root)
        .arg(format!("--userspec={user}"))
        .arg(root);
    command.args([
        "env",
        "-i",
        &home,
        "LANG=C.UTF-8",
        "DEBIAN_FRONTEND=noninteractive",
    ]);
    command.arg("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    command.args(words);
    command
}

/// The root that is copied.
fn base() -> Result<PathBuf> {
    let base = folder().join("base");
    let stamp = base.with_extension("made");
    fs::create_dir_all(folder())?;
    // Two tests that start together must not make it twice.
    let lock = fs::File::create(folder().join("lock"))?;
    lock.lock()?;
    if stamp.exists() {
        return Ok(base);
    }
    remove(&base)?;
    make(&base)?;
    fs::write(stamp, "")?;
    Ok(base)
}

fn make(base: &Path) -> Result<()> {
    let debootstrap =
        process::find_program("debootstrap").with_context(|| install::hint("debootstrap"))?;
    let mut command = Command::new(debootstrap);
    command.args(["--variant=minbase", &release()?]).arg(base);
    process::run(command.arg(mirror()?))?;
    // The machine's own ways to packages, without what would throw fetched packages away.
    let apt = base.join("etc/apt");
    let _ = fs::remove_file(apt.join("sources.list"));
    for path in package_sources()? {
        fs::copy(&path, base.join(path.strip_prefix("/")?))?;
    }
    for entry in fs::read_dir("/etc/apt/apt.conf.d")?.flatten() {
        let text = fs::read_to_string(entry.path()).unwrap_or_default();
        if text.contains("Acquire") && !text.contains("Invoke") {
            fs::copy(entry.path(), apt.join("apt.conf.d").join(entry.file_name()))?;
        }
    }
    for file in [
        "etc/resolv.conf",
        "etc/hosts",
        "etc/ssl/certs/ca-certificates.crt",
    ] {
        let from = Path::new("/").join(file);
        if from.exists() {
            fs::create_dir_all(base.join(file).parent().context("a folder")?)?;
            fs::copy(from, base.join(file))?;
        }
    }
    let mut keys = Command::new("cp");
    keys.args(["-a", "/usr/share/keyrings/."]);
    process::run(keys.arg(base.join("usr/share/keyrings")))?;
    let policy = base.join("usr/sbin/policy-rc.d");
    fs::write(&policy, NO_SERVICES)?;
    process::run(Command::new("chmod").arg("0755").arg(&policy).arg(base))?;
    // What the package lists are made from is fetched once.
    process::run(&mut enter(base, "root", &["apt-get", "update", "-qq"]))
}

/// This machine's release of Debian: the programs were built with its libraries.
fn release() -> Result<String> {
    let text = fs::read_to_string("/etc/os-release")?;
    let name = text
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    let name = name.context("/etc/os-release names no release: run this test on Debian")?;
    Ok(name.trim_matches('"').to_owned())
}

/// The files in which this machine names Debian's own packages, and nobody else's.
fn package_sources() -> Result<Vec<PathBuf>> {
    let lists = fs::read_dir("/etc/apt/sources.list.d")?.flatten();
    let mut files: Vec<_> = lists.map(|entry| entry.path()).collect();
    files.push("/etc/apt/sources.list".into());
    let release = release()?;
    files.retain(|path| {
        let text = fs::read_to_string(path).unwrap_or_default();
        let suites = text.split_whitespace().any(|word| word == release);
        suites && (text.contains("debian-archive-keyring") || path.ends_with("sources.list"))
    });
    ensure!(!files.is_empty(), "apt's sources name nothing of {release}");
    Ok(files)
}

/// Where this machine gets Debian's packages from.
fn mirror() -> Result<String> {
    for file in package_sources()? {
        for line in fs::read_to_string(file)?.lines() {
            let of_stanza = line.strip_prefix("URIs:");
            let of_line = line.strip_prefix("deb ");
            let words = of_stanza.or(of_line).unwrap_or_default().split_whitespace();
            if let Some(address) = words.into_iter().find(|word| word.contains("://")) {
                return Ok(address.to_owned());
            }
        }
    }
    anyhow::bail!("apt's sources have no address")
}

fn walk(root: &Path, inside: &Path, found: &mut BTreeSet<PathBuf>) -> Result<()> {
    let folder = root.join(inside);
    for entry in
        fs::read_dir(&folder).with_context(|| format!("can't read {}", folder.display()))?
    {
        let entry = entry?;
        let path = inside.join(entry.file_name());
        if NOBODYS.iter().any(|nobodys| path == Path::new(nobodys)) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            walk(root, &path, found)?;
        }
        found.insert(path);
    }
    Ok(())
}
