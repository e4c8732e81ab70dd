//! NIST's Public Key Interoperability Test Suite (PKITS 1.0.1), every case judged by path
//! validation and revocation together, at the suite's moment: valid with the expected
//! user-constrained policy set, or invalid (attacks B4 and B5 among them).
//!
//! `pkits/exceptions.toml` names each case whose result differs on purpose, with the clause; one
//! that no longer differs fails as well.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[path = "pkits/case.rs"]
mod case;
#[path = "pkits/exceptions.rs"]
mod exceptions;
#[path = "pkits/list.rs"]
mod list;

use case::Case;
use exceptions::Exceptions;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

fn suite() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/pkits");
    assert!(
        folder.join("index.json").is_file(),
        "PKITS is missing: put it into {}, with its index.json",
        folder.display()
    );
    folder
}

fn cases() -> &'static [Case] {
    static CASES: OnceLock<Vec<Case>> = OnceLock::new();
    CASES.get_or_init(|| Case::load_all(&suite()))
}

fn exceptions() -> &'static Exceptions {
    static EXCEPTIONS: OnceLock<Exceptions> = OnceLock::new();
    EXCEPTIONS.get_or_init(Exceptions::load)
}

/// Judges one case, by number and name.
fn check(title: &str) {
    let case = cases().iter().find(|case| case.title() == title).unwrap();
    let (outcome, expected) = (case.judge(&suite()), case.expected());
    // What stayed would close the next connection that is read on a server's thread.
    let left = openssl::error::ErrorStack::get();
    assert!(left.errors().is_empty(), "{title}: {left:?}");
    match exceptions().find(&case.id) {
        None => assert_eq!(outcome, expected, "{title}"),
        Some(exception) => {
            assert_ne!(
                outcome, expected,
                "{title}: gives the expected result and is no exception any more"
            );
            assert_eq!(outcome, Err(exception.code.clone()), "{title}");
        }
    }
}

#[test]
fn every_case_of_the_suite_is_listed() {
    let known: BTreeSet<String> = cases().iter().map(Case::title).collect();
    let listed: BTreeSet<String> = list::ALL.iter().map(|title| (*title).to_owned()).collect();
    assert_eq!(listed, known);
    assert_eq!(list::ALL.len(), 249);
    assert_eq!(cases().len(), 249);
}

#[test]
fn every_exception_is_a_case() {
    let ids: BTreeSet<&String> = cases().iter().map(|case| &case.id).collect();
    for id in exceptions().ids() {
        assert!(ids.contains(id), "{id} is an exception and no case");
    }
}
