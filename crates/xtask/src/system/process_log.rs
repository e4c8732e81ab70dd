//! Starting a part with its output in a log file, and reading that log.

use std::collections::VecDeque;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use crate::process;

const TAIL_LINES: usize = 20;

/// Starts a program; what it writes is appended to `logs/NAME.log`.
pub(super) fn spawn(command: &mut Command, folder: &Path, name: &str) -> Result<Child> {
    let text = process::describe(command);
    let path = path(folder, name);
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .with_context(|| format!("can't write {}", path.display()))?;
    let error_log = log.try_clone().context("can't write a log")?;
    // A caller's stdin stays as it is: pcscd gets its socket there.
    command
        .stdout(Stdio::from(log))
        .stderr(Stdio::from(error_log));
    command
        .spawn()
        .with_context(|| format!("can't start `{text}`"))
}

/// The last lines of a part's log.
pub(super) fn tail(folder: &Path, name: &str) -> String {
    let text = read(folder, name);
    let mut lines = VecDeque::new();
    for line in text.lines() {
        lines.push_back(line);
        if lines.len() > TAIL_LINES {
            lines.pop_front();
        }
    }
    lines.make_contiguous().join("\n")
}

/// A part's whole log.
pub(super) fn read(folder: &Path, name: &str) -> String {
    fs::read(path(folder, name))
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}

fn path(folder: &Path, name: &str) -> PathBuf {
    folder.join("logs").join(format!("{name}.log"))
}
