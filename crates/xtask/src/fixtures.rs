//! `cargo xtask fixtures`: makes test inputs anew from the recipes beside them.
//!
//! A folder of `fixtures/` with an executable `recipe` is a generated one: `recipe FOLDER` writes
//! its files into `FOLDER`, the same bytes each time. Folders without a recipe hold what others
//! published, with its origin in their README.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{output, process, workspace};

const RECIPE: &str = "recipe";

/// Whether files are written or only compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Replace the files with what the recipes give now.
    Write,
    /// Fail when a recipe gives something else than what is there.
    Check,
}

/// Runs every recipe.
///
/// # Errors
/// When a recipe fails, or in [`Mode::Check`] when a file is not what its recipe gives.
pub fn run(mode: Mode) -> Result<()> {
    let folders = with_recipe(&workspace::root().join("fixtures"))?;
    let mut stale = Vec::new();
    for folder in &folders {
        output::step(&format!("{}", folder.display()));
        stale.extend(cook(folder, mode)?);
    }
    output::note(&format!("{} recipes", folders.len()));
    if !stale.is_empty() {
        let names: Vec<String> = stale
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        bail!(
            "not what their recipes give: {}; run `cargo xtask fixtures`",
            names.join(", ")
        );
    }
    Ok(())
}

fn with_recipe(fixtures: &Path) -> Result<Vec<PathBuf>> {
    let Ok(entries) = fs::read_dir(fixtures) else {
        return Ok(Vec::new());
    };
    let mut folders = Vec::new();
    for entry in entries {
        let path = entry.context("can't read the folder of fixtures")?.path();
        if path.join(RECIPE).is_file() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

/// Runs one recipe in a scratch folder, and gives the files that differ from it.
fn cook(folder: &Path, mode: Mode) -> Result<Vec<PathBuf>> {
    let scratch = std::env::temp_dir().join(format!("cardea-recipe-{}", std::process::id()));
    let _ = fs::remove_dir_all(&scratch);
    fs::create_dir_all(&scratch).context("can't make a scratch folder")?;
    process::run(
        Command::new(folder.join(RECIPE))
            .arg(&scratch)
            .current_dir(folder),
    )?;
    let mut differing = Vec::new();
    for entry in fs::read_dir(&scratch).context("can't read the scratch folder")? {
        let entry = entry.context("can't read the scratch folder")?;
        let (made, kept) = (entry.path(), folder.join(entry.file_name()));
        if fs::read(&made).ok() == fs::read(&kept).ok() {
            continue;
        }
        match mode {
            Mode::Check => differing.push(kept),
            Mode::Write => {
                fs::copy(&made, &kept)
                    .with_context(|| format!("can't write {}", kept.display()))?;
            }
        }
    }
    fs::remove_dir_all(&scratch).context("can't delete the scratch folder")?;
    Ok(differing)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::{Mode, cook, with_recipe};

    #[test]
    fn a_stale_file_is_found_and_made_anew() {
        let fixtures = std::env::temp_dir().join(format!("cardea-fixtures-{}", std::process::id()));
        let folder = fixtures.join("letters");
        fs::create_dir_all(&folder).unwrap();
        let recipe = folder.join("recipe");
        fs::write(&recipe, "#!/bin/sh\nprintf a >\"$1/a.txt\"\n").unwrap();
        fs::set_permissions(&recipe, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(with_recipe(&fixtures).unwrap().len(), 1);

        assert_eq!(cook(&folder, Mode::Check).unwrap(), [folder.join("a.txt")]);
        assert_eq!(
            cook(&folder, Mode::Write).unwrap(),
            [] as [std::path::PathBuf; 0]
        );
        assert_eq!(
            cook(&folder, Mode::Check).unwrap(),
            [] as [std::path::PathBuf; 0]
        );
        assert_eq!(fs::read(folder.join("a.txt")).unwrap(), b"a");
        fs::remove_dir_all(&fixtures).unwrap();
    }
}
