//! `cargo xtask tidy`: the repository's rules as a test whose messages say what to write instead.

mod attack_list;
mod attribute;
mod dependency_edge;
mod file_name;
mod file_size;
mod function_size;
mod line;
mod source_text;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::tidy::source_text::SourceText;
use crate::{output, process, workspace};

/// One broken rule: where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Complaint {
    path: PathBuf,
    /// The line, counted from one; zero for the whole file.
    line: usize,
    advice: String,
}

/// A file of the repository.
struct SourceFile {
    /// Relative to the repository's root.
    path: PathBuf,
    text: String,
}

impl SourceFile {
    fn complain(&self, line: usize, advice: impl Into<String>) -> Complaint {
        Complaint {
            path: self.path.clone(),
            line,
            advice: advice.into(),
        }
    }

    fn extension(&self) -> &str {
        self.path
            .extension()
            .and_then(|extension| extension.to_str())
            .unwrap_or_default()
    }
}

/// Checks everything and prints each complaint.
///
/// # Errors
/// When there is a complaint, or a file can't be read.
pub fn run() -> Result<()> {
    let root = workspace::root();
    let mut complaints = Vec::new();
    for folder in ["crates", "migrations", "docs", "fixtures", ".ci"] {
        let folder = root.join(folder);
        if folder.is_dir() {
            check_folder(&root, &folder, &mut complaints)?;
        }
    }
    complaints.extend(check_attack_list(&root)?);
    let mut metadata = workspace::cargo();
    metadata.args(["metadata", "--format-version", "1", "--no-deps"]);
    complaints.extend(dependency_edge::check(&process::capture(&mut metadata)?)?);
    for complaint in &complaints {
        let path = complaint.path.display();
        output::note(&format!("{path}:{}: {}", complaint.line, complaint.advice));
    }
    if !complaints.is_empty() {
        bail!("{} rules are broken", complaints.len());
    }
    Ok(())
}

fn check_attack_list(root: &Path) -> Result<Vec<Complaint>> {
    let path = PathBuf::from(attack_list::FILE);
    let text = fs::read_to_string(root.join(&path));
    let text = text.with_context(|| format!("can't read {}", path.display()))?;
    let read = |file: &Path| fs::read_to_string(root.join(file)).ok();
    Ok(attack_list::check(&SourceFile { path, text }, read))
}

fn check_folder(root: &Path, folder: &Path, complaints: &mut Vec<Complaint>) -> Result<()> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("can't read {}", folder.display()))?;
    for entry in entries {
        let entry = entry.context("can't read a folder")?;
        let path = entry.path();
        if path.is_dir() {
            // What others wrote, what was built, and what a fuzzer found is not ours to format.
            let is_ours = ["node_modules", "target", "corpus"]
                .iter()
                .all(|foreign| entry.file_name() != *foreign);
            if is_ours {
                check_folder(root, &path, complaints)?;
            }
            continue;
        }
        // What is no text has no lines.
        if let Ok(text) = fs::read_to_string(&path) {
            let path = path.strip_prefix(root).unwrap_or(&path).to_path_buf();
            complaints.extend(check_file(&SourceFile { path, text }));
        }
    }
    Ok(())
}

fn check_file(file: &SourceFile) -> Vec<Complaint> {
    let mut complaints = line::check_endings(file);
    complaints.extend(line::check_columns(file));
    if file.extension() != "rs" {
        return complaints;
    }
    complaints.extend(file_name::check(file));
    let source = SourceText::read(&file.text);
    complaints.extend(line::check_todo(file, &source));
    complaints.extend(attribute::check(file, &source));
    complaints.extend(file_size::check(file, &source));
    complaints.extend(function_size::check(file, &source));
    complaints
}
