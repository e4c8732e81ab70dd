//! The clean root as a machine that runs: systemd is its first process, in namespaces of its own,
//! and starts the packages' units as it does anywhere.
//!
//! The network is this machine's, so that a test reaches what runs there. Only what every service
//! needs is started: no timer has a package manager of its own run beside the test.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::clean_root::CleanRoot;

/// `$0` is the root, `$1` a group of processes of its own, `$2` what goes on.
const GATHER: &str = "set -e
mount -t cgroup2 cgroup2 \"$0/mnt\"
mkdir -p \"$0/mnt/$1\"
echo $$ > \"$0/mnt/$1/cgroup.procs\"
umount \"$0/mnt\"
exec unshare --mount --pid --fork --kill-child --cgroup --uts --ipc sh -c \"$2\" \"$0\"";
/// Makes the root the only one, with devices and settings of the kernel that nothing there changes.
const BECOME: &str = "set -e
mount --bind \"$0\" \"$0\"
cd \"$0\"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
cp -a /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty dev/
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
pivot_root . mnt
exec env -i container=cardea-test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    sh -c 'umount -l /mnt && exec /lib/systemd/systemd --system --unit=sysinit.target'";
/// Takes the empty groups away again.
const DISPERSE: &str = "mount -t cgroup2 cgroup2 \"$0/mnt\" && \
    find \"$0/mnt/$1\" -depth -type d -exec rmdir {} +";
/// Looks at what is waited for, a tenth of a second apart.
const LOOKS_MAX: u32 = 600;
const PAUSE: Duration = Duration::from_millis(100);

/// A root with a service manager in it; it ends with this.
pub(crate) struct Machine {
    manager: Child,
    /// Its first process, as this machine counts.
    leader: String,
    group: String,
    root: PathBuf,
}

impl Machine {
    /// Installs systemd in the root, and starts it.
    pub(crate) fn boot(root: &CleanRoot) -> Result<Self> {
        root.install(&["systemd"])?;
        // From now on packages start what they start anywhere.
        fs::remove_file(root.path("usr/sbin/policy-rc.d"))?;
        let group = format!("cardea-test-{}", std::process::id());
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c", GATHER]);
        command.arg(root.path("")).args([group.as_str(), BECOME]);
        let mut machine = Self {
            manager: command.stdin(Stdio::null()).spawn()?,
            leader: String::new(),
            group,
            root: root.path(""),
        };
        machine.leader = leader_of(&mut machine.manager)?;
        machine.wait_for("systemd", || {
            let mut state = machine.command(&["systemctl", "is-system-running"]);
            let state = String::from_utf8(state.output()?.stdout)?;
            Ok(["running", "degraded"].contains(&state.trim()))
        })?;
        Ok(machine)
    }

    /// The process by which all of it ends.
    pub(crate) fn manager(&self) -> &Child {
        &self.manager
    }

    /// A program that root runs there.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.leader, "--mount", "--pid", "--cgroup"]);
        command.args(["--ipc", "--uts", "--root", "--wd"]);
        command.args(["env", "-i", "HOME=/root", "LANG=C.UTF-8"]);
        command.arg("DEBIAN_FRONTEND=noninteractive");
        command.arg("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.args(words).stdin(Stdio::null());
        command
    }

    /// Runs a program there as root and gives what it printed.
    pub(crate) fn run(&self, words: &[&str]) -> Result<String> {
        cardea_xtask::process::capture(&mut self.command(words))
    }

    /// One property of a unit.
    pub(crate) fn property(&self, unit: &str, name: &str) -> Result<String> {
        let name = format!("--property={name}");
        let said = self.run(&["systemctl", "show", "--value", &name, unit])?;
        Ok(said.trim().to_owned())
    }

    /// What the journal has of a unit.
    pub(crate) fn journal(&self, unit: &str) -> Result<String> {
        self.run(&["journalctl", "--no-pager", "--output=cat", "--unit", unit])
    }

    pub(crate) fn wait_for(
        &self,
        what: &str,
        mut there: impl FnMut() -> Result<bool>,
    ) -> Result<()> {
        for _ in 0..LOOKS_MAX {
            if there()? {
                return Ok(());
            }
            std::thread::sleep(PAUSE);
        }
        let units = self.run(&["systemctl", "--no-pager", "list-units", "--failed"]);
        bail!("{what} is not there; {units:?}")
    }

    /// The service runs as its unit would have it: without rights, and with little in sight.
    pub(crate) fn keeps_in_bounds(&self, service: &str, capabilities: &str) -> Result<()> {
        let process = self.property(service, "MainPID")?;
        let status = self.run(&["cat", &format!("/proc/{process}/status")])?;
        let user = self.run(&["id", "--user", service])?;
        let user = user.trim();
        for line in [
            format!("Uid:\t{user}\t{user}\t{user}\t{user}"),
            format!("CapEff:\t{capabilities}"),
            format!("CapBnd:\t{capabilities}"),
            "NoNewPrivs:\t1".to_owned(),
            "Seccomp:\t2".to_owned(),
        ] {
            ensure!(status.lines().any(|it| it == line), "no {line} in {status}");
        }
        // Not even root could, where the service is.
        let sees = |script: &str| {
            let there = self.command(&[
                "nsenter", "--target", &process, "--mount", "sh", "-c", script,
            ]);
            Ok::<_, anyhow::Error>({ there }.output()?.status.success())
        };
        let own = format!("/var/lib/{service}/of-the-test");
        ensure!(sees(&format!("touch {own} && rm {own}"))?, "{own}");
        let settings = format!("touch /etc/{service}/of-the-test");
        for out_of_reach in [
            "touch /usr/of-the-test",
            "touch /var/log/of-the-test",
            settings.as_str(),
            "ls /home/* || ls /root/.bashrc",
            "test -e /proc/meminfo",
        ] {
            ensure!(!sees(out_of_reach)?, "{service}: {out_of_reach}");
        }
        Ok(())
    }
}

/// A person who has logged on there: a service manager of her own runs, as at a desktop, with what
/// does not need one.
pub(crate) struct LoggedOn<'a> {
    machine: &'a Machine,
    name: &'static str,
    runtime_folder: String,
}

impl<'a> LoggedOn<'a> {
    /// Logs her on. Nobody does it through PAM and logind, which need the system bus.
    pub(crate) fn at(machine: &'a Machine, name: &'static str) -> Result<Self> {
        let id = machine.run(&["id", "--user", name])?;
        let runtime_folder = format!("/run/user/{}", id.trim());
        let make = ["install", "-d", "-o", name, "-m", "0700", &runtime_folder];
        machine.run(&make)?;
        let unit = format!("--unit=session-of-{name}");
        let user = format!("--uid={name}");
        let runtime = format!("--setenv=XDG_RUNTIME_DIR={runtime_folder}");
        let home = format!("--setenv=HOME=/home/{name}");
        machine.run(&[
            "systemd-run",
            "--quiet",
            &unit,
            &user,
            "--property=Delegate=yes",
            "--property=Type=notify",
            &runtime,
            &home,
            "/lib/systemd/systemd",
            "--user",
            "--unit=basic.target",
        ])?;
        Ok(Self {
            machine,
            name,
            runtime_folder,
        })
    }

    /// A program that she runs.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let home = format!("HOME=/home/{}", self.name);
        let runtime = format!("XDG_RUNTIME_DIR={}", self.runtime_folder);
        let as_her = ["runuser", "-u", self.name, "--", "env", &home, &runtime];
        self.machine.command(&[&as_her[..], words].concat())
    }

    /// Runs a program as she would, and gives what it printed.
    pub(crate) fn run(&self, words: &[&str]) -> Result<String> {
        cardea_xtask::process::capture(&mut self.command(words))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.manager.kill();
        let _ = self.manager.wait();
        let mut disperse = Command::new("unshare");
        disperse.args(["--mount", "--propagation", "private", "sh", "-c", DISPERSE]);
        disperse.arg(&self.root).arg(&self.group);
        disperse.stderr(Stdio::null());
        // What ran there takes a moment to end.
        for _ in 0..LOOKS_MAX {
            if disperse.status().is_ok_and(|status| status.success()) {
                break;
            }
            std::thread::sleep(PAUSE);
        }
    }
}

/// The one child of the program that makes the namespaces.
fn leader_of(manager: &mut Child) -> Result<String> {
    let children = format!("/proc/{0}/task/{0}/children", manager.id());
    for _ in 0..LOOKS_MAX {
        if let Some(status) = manager.try_wait()? {
            bail!("the machine ended ({status})");
        }
        let found = fs::read_to_string(&children).context("the kernel does not name children")?;
        // Others prepare its place before it.
        let is_systemd = |pid: &&str| {
            fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|it| it.trim() == "systemd")
        };
        if let Some(leader) = found.split_whitespace().find(is_systemd) {
            return Ok(leader.to_owned());
        }
        std::thread::sleep(PAUSE);
    }
    bail!("the machine does not start")
}
