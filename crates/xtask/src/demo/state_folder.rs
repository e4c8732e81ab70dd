//! The demo's folder under `target`: emptied at each start, held by a lock while in use.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::workspace;

/// Demos that may run side by side.
const FOLDERS_MAX: usize = 20;

/// A folder that no other demo uses.
#[derive(Debug)]
pub(super) struct StateFolder {
    path: PathBuf,
    /// The lock; it goes with the process, however that ends.
    _lock: File,
}

impl StateFolder {
    /// Takes `target/demo`, or `target/demo-2` and so on while others run.
    pub(super) fn take() -> Result<Self> {
        let target = workspace::root().join("target");
        for number in 1..=FOLDERS_MAX {
            let name = if number == 1 {
                "demo".to_owned()
            } else {
                format!("demo-{number}")
            };
            if let Some(folder) = Self::try_take(&target.join(name))? {
                return Ok(folder);
            }
        }
        bail!("{FOLDERS_MAX} demos are running already")
    }

    fn try_take(path: &Path) -> Result<Option<Self>> {
        let parent = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(parent).with_context(|| format!("can't make {}", parent.display()))?;
        let lock = File::create(path.with_extension("lock")).context("can't write a lock file")?;
        if lock.try_lock().is_err() {
            return Ok(None);
        }
        if path.exists() {
            fs::remove_dir_all(path).with_context(|| format!("can't empty {}", path.display()))?;
        }
        fs::create_dir_all(path).with_context(|| format!("can't make {}", path.display()))?;
        Ok(Some(Self {
            path: path.to_path_buf(),
            _lock: lock,
        }))
    }

    /// Whether this is the demo that may have the well-known ports: only one at a time is, so that
    /// two that start together don't choose the same.
    pub(super) fn has_demo_ports(&self) -> bool {
        self.path.ends_with("demo")
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::StateFolder;

    #[test]
    fn a_folder_in_use_is_not_taken_twice() {
        let path = std::env::temp_dir().join(format!("cardea-state-{}", std::process::id()));
        let first = StateFolder::try_take(&path).unwrap().unwrap();
        assert!(StateFolder::try_take(&path).unwrap().is_none());
        drop(first);
        // Another test may be starting a program just now, which has our lock until its exec.
        let taken = (0..100).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            StateFolder::try_take(&path).unwrap().is_some()
        });
        assert!(taken, "the folder is free again");
        std::fs::remove_dir_all(&path).unwrap();
        std::fs::remove_file(path.with_extension("lock")).unwrap();
    }
}
