//! A service's unit, read as the service manager reads it, as far as the test plays its part.

use std::fs::OpenOptions;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::clean_root::CleanRoot;

/// The lines `key=value` of an installed unit.
pub(crate) struct Unit {
    lines: Vec<(String, String)>,
}

impl Unit {
    pub(crate) fn read(root: &CleanRoot, path: &str) -> Result<Self> {
        let text = root.read(path)?;
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let lines = lines.filter_map(|line| line.split_once('='));
        Ok(Self {
            lines: lines
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
        })
    }

    /// The one value of a key.
    pub(crate) fn value(&self, key: &str) -> Result<&str> {
        let mut values = self.lines.iter().filter(|(name, _)| name == key);
        let (_, value) = values.next().with_context(|| format!("no {key}"))?;
        ensure!(values.next().is_none(), "{key} stands twice");
        Ok(value)
    }

    /// A command of the unit as its user, or as `person` for a unit of persons.
    pub(crate) fn command(&self, key: &str, root: &CleanRoot, person: &str) -> Result<Command> {
        let words: Vec<&str> = self.value(key)?.split_whitespace().collect();
        let user = self.value("User").unwrap_or(person);
        let mut command = root.command(user, &words);
        command.stdin(Stdio::null());
        Ok(command)
    }

    /// Runs what the unit has run first, and starts its program, whose log goes where it says.
    pub(crate) fn start(&self, root: &CleanRoot) -> Result<Child> {
        let before = self.command("ExecStartPre", root, "root")?.output()?;
        ensure!(before.status.success(), "{before:?}");
        let log = self.value("StandardError")?;
        let log = log.strip_prefix("append:").context("a log of its own")?;
        let log = OpenOptions::new()
            .append(true)
            .create(true)
            .open(root.path(log))?;
        let mut command = self.command("ExecStart", root, "root")?;
        Ok(command.stderr(log).spawn()?)
    }
}
