//! Ends all processes of a system, also when the program that started them is killed.
//!
//! A shell holds the list of processes and reads from a pipe whose other end only we hold. The
//! pipe closes when we say so or when we die, in whatever way; then the shell ends everything.
//! It runs in a process group of its own and ignores signals, so Ctrl-C does not reach it.

use std::fs::File;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context, Result};

/// `+PID` adds a process, `-PID` removes it, `!COMMAND` is run at the end. A process gets three
/// seconds to end by itself.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
pids=' '
at_end=':'
while IFS= read -r line; do
  word=${line#?}
  case "$line" in
    +*) pids="$pids$word " ;;
    -*) case "$pids" in *" $word "*) pids="${pids%%" $word "*} ${pids#*" $word "}" ;; esac ;;
    !*) at_end=$word ;;
  esac
done
eval "$at_end"
for pid in $pids; do kill -TERM "$pid" 2>/dev/null; done
turn=0
while [ "$turn" -lt 30 ]; do
  alive=''
  for pid in $pids; do kill -0 "$pid" 2>/dev/null && alive="$alive $pid"; done
  [ -z "$alive" ] && exit 0
  sleep 0.1
  turn=$((turn + 1))
done
for pid in $alive; do kill -KILL "$pid" 2>/dev/null; done
"#;

/// The shell that outlives us for a moment.
#[derive(Debug)]
pub(super) struct Watchdog {
    shell: Child,
    orders: Option<ChildStdin>,
}

impl Watchdog {
    /// Starts it; its complaints go to the folder's log.
    pub(super) fn start(folder: &Path) -> Result<Self> {
        let log = File::create(folder.join("logs/watchdog.log")).context("can't write a log")?;
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(log.try_clone().context("can't write a log")?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .context("can't start `sh`")?;
        let orders = shell.stdin.take();
        Ok(Self { shell, orders })
    }

    /// Ends this process with the system.
    pub(super) fn watch(&self, pid: u32) -> Result<()> {
        self.order(&format!("+{pid}"))
    }

    /// Forgets a process that has ended.
    pub(super) fn forget(&self, pid: u32) -> Result<()> {
        self.order(&format!("-{pid}"))
    }

    /// Runs a shell command before the processes are ended.
    pub(super) fn run_at_the_end(&self, command: &str) -> Result<()> {
        self.order(&format!("!{command} >/dev/null 2>&1"))
    }

    /// Lets the shell end everything.
    pub(super) fn end_all(&mut self) {
        self.orders = None;
    }

    /// Whether the shell is still at work.
    pub(super) fn is_running(&mut self) -> bool {
        matches!(self.shell.try_wait(), Ok(None))
    }

    fn order(&self, line: &str) -> Result<()> {
        let mut orders = self.orders.as_ref().context("the watchdog has ended")?;
        writeln!(orders, "{line}").context("can't reach the watchdog")
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::Watchdog;

    fn ends_all(name: &str, script: &str) {
        let folder = std::env::temp_dir().join(format!("cardea-{name}-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("logs")).unwrap();
        let mut watchdog = Watchdog::start(&folder).unwrap();
        let mut child = Command::new("sh").args(["-c", script]).spawn().unwrap();
        let mut forgotten = Command::new("sleep").arg("60").spawn().unwrap();
        watchdog.watch(forgotten.id()).unwrap();
        watchdog.watch(child.id()).unwrap();
        watchdog.forget(forgotten.id()).unwrap();
        let mark = folder.join("mark");
        watchdog
            .run_at_the_end(&format!("touch '{}'", mark.display()))
            .unwrap();
        watchdog.end_all();
        let status = child.wait().unwrap();
        assert!(!status.success());
        while watchdog.is_running() {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        assert!(mark.exists(), "the last command did not run");
        assert!(
            forgotten.try_wait().unwrap().is_none(),
            "a forgotten process was ended"
        );
        forgotten.kill().unwrap();
        forgotten.wait().unwrap();
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_process_ends_with_the_system() {
        ends_all("watchdog", "exec sleep 60");
    }

    #[test]
    fn a_process_that_ignores_the_request_is_killed() {
        ends_all(
            "watchdog-kill",
            "trap '' TERM; sleep 60 & wait; sleep 60 & wait",
        );
    }
}
