//! docs/conformance.md against the tests that there are.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result};
use cardea_xtask::workspace;

#[test]
fn every_module_of_the_document_has_its_test_and_every_test_its_row() -> Result<()> {
    let root = workspace::root();
    let document = fs::read_to_string(root.join("docs/conformance.md")).context("no document")?;
    let listed: BTreeSet<String> = document
        .lines()
        .filter_map(|line| line.strip_prefix("| `oidcc-"))
        .filter_map(|row| row.split('`').next())
        .map(|module| format!("oidcc_{}", module.replace('-', "_")))
        .collect();
    let mut tested = BTreeSet::new();
    for entry in fs::read_dir(root.join("crates/e2e/tests/oidcc")).context("no tests")? {
        let text = fs::read_to_string(entry?.path())?;
        let names = text
            .lines()
            .filter_map(|line| line.strip_prefix("async fn oidcc_"));
        tested.extend(names.filter_map(|rest| Some(format!("oidcc_{}", rest.split('(').next()?))));
    }
    assert_eq!(listed, tested);
    // 38 of the Basic plan, 1 of the Config plan, 11 and 2 of the logout plans.
    assert_eq!(listed.len(), 52);
    Ok(())
}
