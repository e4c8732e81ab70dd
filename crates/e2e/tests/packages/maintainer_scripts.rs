//! What the scripts that run as root do where somebody got there first.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::clean_root::CleanRoot;

/// A package with a system user and a log of its own.
pub(crate) struct Service {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
}

pub(crate) const SERVICES: [Service; 2] = [
    Service {
        name: "cardea",
        unit: "usr/lib/systemd/system/cardea.service",
    },
    Service {
        name: "cardea-guard",
        unit: "usr/lib/systemd/system/cardea-guard.service",
    },
];

impl Service {
    fn log_folder(&self) -> String {
        format!("var/log/{}", self.name)
    }

    fn configure(&self, root: &CleanRoot) -> Result<String> {
        let script = format!("/var/lib/dpkg/info/{}.postinst", self.name);
        root.run(&[&script, "configure"])
    }

    /// A person's account of the service's name is refused, and a purge leaves it.
    pub(crate) fn leaves_a_person_alone(&self, root: &CleanRoot, package: &PathBuf) -> Result<()> {
        let Self { name, .. } = self;
        let inside = format!("/tmp/{name}.deb");
        fs::copy(package, root.path(&inside))?;
        let before = [root.read("etc/passwd")?, root.read("etc/group")?];
        for (make, gone) in [
            (["useradd", name], "userdel"),
            (["groupadd", name], "groupdel"),
        ] {
            root.run(&make)?;
            let made = [root.read("etc/passwd")?, root.read("etc/group")?];
            // Refused by the script; what apt installed for it stays, for the next try.
            ensure!(root.install(&[&inside]).is_err(), "{make:?} was taken over");
            let state = format!("var/lib/{name}");
            ensure!(!root.path(&state).exists(), "{state} was made");
            root.run(&["dpkg", "--purge", name])?;
            let left = [root.read("etc/passwd")?, root.read("etc/group")?];
            ensure!(left == made, "{left:?}");
            root.run(&[gone, name])?;
        }
        let after = [root.read("etc/passwd")?, root.read("etc/group")?];
        ensure!(before == after, "{after:?}");
        root.install(&[&inside])
    }

    /// A folder of the log's name is no log, and no less kept.
    fn moves_a_folder_aside(&self, root: &CleanRoot, log: &Path) -> Result<()> {
        fs::remove_file(log)?;
        fs::create_dir(log)?;
        fs::write(log.join("more"), "")?;
        self.configure(root)?;
        let aside = log.with_added_extension("folder");
        ensure!(log.is_file() && aside.join("more").is_file());
        Ok(fs::remove_dir_all(aside)?)
    }

    /// The file that the service manager opens as root, in a folder that it does not make.
    fn log(&self, root: &CleanRoot) -> Result<PathBuf> {
        let unit = root.read(self.unit)?;
        let log = unit
            .lines()
            .find_map(|line| line.strip_prefix("StandardError=append:"));
        let log = log.context("no log")?.trim_start_matches('/').to_owned();
        ensure!(log.starts_with(&self.log_folder()), "{log}");
        ensure!(
            !unit.lines().any(|line| line.starts_with("LogsDirectory")),
            "{unit}"
        );
        Ok(root.path(&log))
    }

    /// Puts there what a service that was taken over would, and an operator's archives, which are
    /// no plant.
    fn plant(&self, root: &CleanRoot, log: &Path, victim: &Path) -> Result<()> {
        let (name, folder) = (self.name, root.path(&self.log_folder()));
        let theirs = format!("/{}", self.log_folder());
        root.run(&["chown", &format!("{name}:adm"), &theirs])?;
        fs::remove_file(log)?;
        symlink("/root/victim", log)?;
        symlink("/root/victim", folder.join("rotated.1"))?;
        fs::hard_link(victim, folder.join("rotated.2"))?;
        let archives = folder.join("archives");
        fs::create_dir(&archives)?;
        fs::write(archives.join("2025.gz"), "kept for the auditors")?;
        symlink("/root/victim", archives.join("planted"))?;
        fs::hard_link(victim, archives.join("linked"))?;
        root.run(&["chown", "-hR", name, &format!("{theirs}/archives")])?;
        root.run(&["chown", "root:root", "/root/victim"])?;
        Ok(fs::write(folder.join("rotated.4"), "a real log")?)
    }

    /// What a service that was taken over left in its log folder, as an earlier version made it,
    /// leads root nowhere; and from then on nobody but root puts anything there.
    pub(crate) fn is_not_led_elsewhere(&self, root: &CleanRoot) -> Result<()> {
        let log = self.log(root)?;
        let victim = root.path("root/victim");
        fs::write(&victim, "root's")?;
        fs::set_permissions(&victim, fs::Permissions::from_mode(0o600))?;
        self.plant(root, &log, &victim)?;
        self.configure(root)?;

        let folder = root.path(&self.log_folder());
        let mut left: Vec<_> = fs::read_dir(&folder)?
            .flatten()
            .map(|it| it.path())
            .collect();
        left.sort();
        // The archives stay, and nobody but root reaches into them.
        let archives = folder.join("archives");
        let archive = archives.join("2025.gz");
        ensure!(
            left == [archives.clone(), log.clone(), folder.join("rotated.4")],
            "{left:?}"
        );
        ensure!(fs::read_to_string(&archive)? == "kept for the auditors");
        ensure!(fs::symlink_metadata(archives.join("planted")).is_err());
        for path in [
            &folder,
            &archives,
            &archive,
            &log,
            &folder.join("rotated.4"),
        ] {
            let found = fs::symlink_metadata(path)?;
            let mode = if found.is_dir() { 0o750 } else { 0o640 };
            ensure!(
                !found.is_symlink() && found.uid() == 0,
                "{}",
                path.display()
            );
            ensure!(
                found.mode() & 0o7777 == mode,
                "{}: {:o}",
                path.display(),
                found.mode()
            );
        }
        let kept = fs::metadata(&victim)?;
        ensure!(fs::read_to_string(&victim)? == "root's" && kept.mode() & 0o777 == 0o600);
        for path in [&log, &folder.join("rotated.5"), &archives.join("planted")] {
            let path = path.strip_prefix(root.path(""))?.display().to_string();
            let mut plant = root.command(
                self.name,
                &["ln", "-sf", "/root/victim", &format!("/{path}")],
            );
            ensure!(!plant.output()?.status.success(), "{path} was planted");
        }
        self.moves_a_folder_aside(root, &log)?;
        fs::remove_dir_all(&archives)?;
        fs::remove_file(victim)?;
        Ok(())
    }
}
