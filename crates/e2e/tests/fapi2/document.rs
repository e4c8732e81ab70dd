//! docs/conformance.md against the tests of FAPI 2.0, which stand where the decisions are.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cardea_xtask::workspace;

/// Where the modules' tests stand.
const FOLDER: &str = "crates/provider/tests/decisions/fapi2";
const FILE: &str = "crates/server/tests/handlers/fapi2.rs";

const PREFIX: &str = "| `fapi2-security-profile-final-";

#[test]
fn every_module_of_the_document_has_its_test_and_every_test_its_row() -> Result<()> {
    let root = workspace::root();
    let document = fs::read_to_string(root.join("docs/conformance.md")).context("no document")?;
    let mut listed = BTreeSet::new();
    let mut without_test = 0;
    for row in document.lines().filter(|line| line.starts_with(PREFIX)) {
        let mut cells = row.split('|').map(str::trim).skip(1);
        let module = cells.next().context("no module")?.trim_matches('`');
        let file = cells.next().context("no file")?.trim_matches('`');
        if file == "—" {
            without_test += 1;
            continue;
        }
        let module = module.replace('-', "_").to_lowercase();
        listed.insert((module, file.to_owned()));
    }
    let mut tested = BTreeSet::new();
    for file in files(&root)? {
        let stem = file.file_stem().and_then(|stem| stem.to_str());
        let stem = stem.context("a file without a name")?;
        let stem = if file.ends_with(FILE) {
            "handlers"
        } else {
            stem
        };
        let text = fs::read_to_string(&file)?;
        let names = text
            .lines()
            .filter_map(|line| line.strip_prefix("async fn "));
        let names = names.filter_map(|rest| rest.split('(').next());
        let modules = names.filter(|name| name.starts_with("fapi2_security_profile_final_"));
        tested.extend(modules.map(|name| (name.to_owned(), stem.to_owned())));
    }
    assert_eq!(listed, tested);
    // The Security Profile's modules without those of other sectors, and those of signed requests.
    assert_eq!((listed.len(), without_test), (71, 3));
    Ok(())
}

fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut files = vec![root.join(FILE)];
    for entry in fs::read_dir(root.join(FOLDER)).context("no tests")? {
        files.push(entry?.path());
    }
    Ok(files)
}
