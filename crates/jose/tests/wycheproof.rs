//! Project Wycheproof's vectors, read from `../shared/data/wycheproof` beside this project
//! (attacks C6, C7 and G7).
//!
//! Every file of the index stands in `plan::PLAN` with what is done with it, and every vector of
//! a file that is run has its verdict asserted. "Acceptable" vectors must be refused here: the
//! only ones are RSA signatures whose DigestInfo lacks its NULL (RFC 8017 section 9.2, note 1).

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::panic, reason = "a test fails by panicking")]

#[path = "wycheproof/ecdsa.rs"]
mod ecdsa;
#[path = "wycheproof/json_web.rs"]
mod json_web;
#[path = "wycheproof/plan.rs"]
mod plan;
#[path = "wycheproof/primitive.rs"]
mod primitive;
#[path = "wycheproof/rsa.rs"]
mod rsa;
#[path = "wycheproof/vectors.rs"]
mod vectors;

use std::collections::BTreeSet;

use self::plan::{PLAN, Plan};
use self::vectors::{Index, files_in_folder, read_index};

#[test]
fn every_file_of_the_index_is_run_or_has_a_reason_not_to() {
    let index: Index = read_index();
    let planned: BTreeSet<&str> = PLAN.iter().map(|(file, _, _)| *file).collect();
    assert_eq!(planned.len(), PLAN.len(), "a file stands twice in the plan");
    let indexed: BTreeSet<&str> = index
        .files
        .iter()
        .map(|entry| entry.file.as_str())
        .collect();
    assert_eq!(planned, indexed);
    let present = files_in_folder();
    assert_eq!(planned, present.iter().map(String::as_str).collect());
    for (file, vectors, plan) in PLAN {
        let entry = index.files.iter().find(|entry| entry.file == file).unwrap();
        assert_eq!(
            entry.vectors, vectors,
            "{file}: the number of vectors has changed"
        );
        if let Plan::NotApplicable(reason) = plan {
            assert!(reason.len() > 20, "{file}: that is no reason");
        }
    }
}

#[test]
fn every_exception_is_one_that_a_file_needs() {
    for (file, ids, reason) in plan::STRICTER {
        assert!(reason.len() > 10 && !ids.is_empty(), "{file}");
        assert!(
            PLAN.iter().any(|(planned, _, _)| *planned == file),
            "{file}"
        );
    }
}
