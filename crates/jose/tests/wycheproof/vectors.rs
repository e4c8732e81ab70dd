//! The form of the files, and the comparison of verdicts.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use openssl::pkey::{PKey, Public};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::plan::{PLAN, Plan, STRICTER};

#[derive(Deserialize)]
pub(crate) struct Index {
    pub(crate) files: Vec<IndexEntry>,
}

#[derive(Deserialize)]
pub(crate) struct IndexEntry {
    pub(crate) file: String,
    #[serde(rename = "numberOfTests")]
    pub(crate) vectors: usize,
}

/// A file of signature vectors.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Suite {
    number_of_tests: usize,
    pub(crate) test_groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Group {
    pub(crate) public_key_der: String,
    #[serde(alias = "keyJwk")]
    pub(crate) public_key_jwk: Option<serde_json::Value>,
    pub(crate) sha: String,
    pub(crate) mgf_sha: Option<String>,
    pub(crate) s_len: Option<i32>,
    pub(crate) tests: Vec<Vector>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Vector {
    pub(crate) tc_id: u32,
    pub(crate) comment: String,
    pub(crate) msg: String,
    pub(crate) sig: String,
    pub(crate) result: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    Valid,
    Acceptable,
    Invalid,
}

impl Group {
    pub(crate) fn public_key(&self) -> PKey<Public> {
        PKey::public_key_from_der(&unhex(&self.public_key_der)).unwrap()
    }
}

fn folder() -> PathBuf {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/wycheproof");
    assert!(
        path.join("index.json").is_file(),
        "{} is not there: the public test suites belong into the folder `shared/data` beside this \
         project's folder",
        path.display()
    );
    path
}

pub(crate) fn read<T: DeserializeOwned>(file: &str) -> T {
    let text = fs::read(folder().join(file)).unwrap();
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{file}: {error}"))
}

pub(crate) fn read_index() -> Index {
    read("index.json")
}

pub(crate) fn files_in_folder() -> BTreeSet<String> {
    let names = fs::read_dir(folder()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names
        .filter(|name| name.ends_with(".json") && name != "index.json")
        .collect()
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2) && text.is_ascii());
    let pairs = (0..text.len()).step_by(2);
    pairs
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// Runs every signature file whose plan is `wanted` through `accepts`.
pub(crate) fn run(wanted: Plan, accepts: impl Fn(&Group, &Vector) -> bool) {
    let mut files = 0;
    for (file, vectors, _) in PLAN.into_iter().filter(|(_, _, plan)| *plan == wanted) {
        files += 1;
        let suite: Suite = read(file);
        assert_eq!(suite.number_of_tests, vectors, "{file}");
        let mut tally = Tally::new(file);
        for group in &suite.test_groups {
            for vector in &group.tests {
                let accepted = accepts(group, vector);
                assert_openssl_forgot(file);
                tally.judge(vector.tc_id, vector.result, accepted, &vector.comment);
            }
        }
        tally.finish(vectors);
    }
    assert!(files > 0, "no file has the plan {wanted:?}");
}

/// What stayed on OpenSSL's list would close the next connection that is read on a server's thread.
pub(crate) fn assert_openssl_forgot(file: &str) {
    let left = openssl::error::ErrorStack::get();
    assert!(left.errors().is_empty(), "{file}: {left:?}");
}

/// Compares verdicts one by one, and counts them.
pub(crate) struct Tally {
    file: &'static str,
    judged: usize,
    accepted: usize,
    exceptions: BTreeSet<u32>,
}

impl Tally {
    pub(crate) fn new(file: &'static str) -> Self {
        let own = STRICTER.iter().filter(|(named, _, _)| *named == file);
        Self {
            file,
            judged: 0,
            accepted: 0,
            exceptions: own.flat_map(|(_, ids, _)| ids.iter().copied()).collect(),
        }
    }

    pub(crate) fn judge(&mut self, id: u32, verdict: Verdict, accepted: bool, comment: &str) {
        let stricter = self.exceptions.remove(&id);
        // An exception for a vector that is refused anyway would hide nothing, and mislead.
        assert!(
            !stricter || verdict == Verdict::Valid,
            "{}: {id}",
            self.file
        );
        let expected = verdict == Verdict::Valid && !stricter;
        assert_eq!(accepted, expected, "{}: vector {id} ({comment})", self.file);
        self.judged += 1;
        self.accepted += usize::from(accepted);
    }

    /// Every vector was judged, every exception met; returns how many vectors were accepted.
    pub(crate) fn finish(self, vectors: usize) -> usize {
        assert_eq!(self.judged, vectors, "{}", self.file);
        assert!(
            self.exceptions.is_empty(),
            "{}: {:?}",
            self.file,
            self.exceptions
        );
        self.accepted
    }
}
