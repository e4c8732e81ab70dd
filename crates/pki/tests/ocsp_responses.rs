//! The published OCSP responses of OpenSSL's own test suite, each with its expected verdict.
//!
//! They are of 2012 and signed with SHA-1, so they are judged at their own time and with the
//! floor for test vectors. What differs from the published verdict, and why, is listed in
//! `ocsp_responses_exceptions.md`.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking where its data is not as described"
)]

use cardea_pki::revocation::{
    Evidence, OcspResponse, ResponderStatusAbsent, RevocationPolicy, SourceKind, check_revocation,
};
use cardea_pki::{
    AlgorithmFloor, Certificate, PathPolicy, TrustStore, ValidatedPath, validate_path,
};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const UNKNOWN: Result<(), &str> = Err("pki.revocation_unknown");

/// A refusal is "unknown" in each case: what is not authentic, or about another certificate, is
/// no evidence, and there is no other.
const CASES: [(&str, Result<(), &str>); 28] = [
    ("direct_with_intermediate_success", Ok(())),
    ("direct_success", Ok(())),
    ("delegated_with_intermediate_success", Ok(())),
    // Differs: see the exceptions.
    ("delegated_success", UNKNOWN),
    (
        "direct_with_intermediate_invalid_response_signature_ee",
        UNKNOWN,
    ),
    (
        "direct_with_intermediate_invalid_response_signature_intermediate",
        UNKNOWN,
    ),
    ("direct_invalid_response_signature", UNKNOWN),
    (
        "delegated_with_intermediate_invalid_response_signature",
        UNKNOWN,
    ),
    ("delegated_invalid_response_signature", UNKNOWN),
    (
        "direct_with_intermediate_invalid_wrong_responder_id_ee",
        UNKNOWN,
    ),
    (
        "direct_with_intermediate_invalid_wrong_responder_id_intermediate",
        UNKNOWN,
    ),
    ("direct_invalid_wrong_responder_id", UNKNOWN),
    (
        "delegated_with_intermediate_invalid_wrong_responder_id",
        UNKNOWN,
    ),
    ("delegated_invalid_wrong_responder_id", UNKNOWN),
    (
        "direct_with_intermediate_invalid_wrong_issuer_name_hash_ee",
        UNKNOWN,
    ),
    (
        "direct_with_intermediate_invalid_wrong_issuer_name_hash_intermediate",
        UNKNOWN,
    ),
    ("direct_invalid_wrong_issuer_name_hash", UNKNOWN),
    (
        "delegated_with_intermediate_invalid_wrong_issuer_name_hash",
        UNKNOWN,
    ),
    ("delegated_invalid_wrong_issuer_name_hash", UNKNOWN),
    (
        "direct_with_intermediate_invalid_wrong_issuer_key_hash_ee",
        UNKNOWN,
    ),
    (
        "direct_with_intermediate_invalid_wrong_issuer_key_hash_intermediate",
        UNKNOWN,
    ),
    ("direct_invalid_wrong_issuer_key_hash", UNKNOWN),
    (
        "delegated_with_intermediate_invalid_wrong_issuer_key_hash",
        UNKNOWN,
    ),
    ("delegated_invalid_wrong_issuer_key_hash", UNKNOWN),
    (
        "delegated_with_intermediate_invalid_wrong_key_in_signing_cert",
        UNKNOWN,
    ),
    ("delegated_invalid_wrong_key_in_signing_cert", UNKNOWN),
    (
        "delegated_with_intermediate_invalid_signature_on_signing_cert",
        UNKNOWN,
    ),
    ("delegated_invalid_signature_on_signing_cert", UNKNOWN),
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/ocsp")
}

fn read(name: &str) -> Vec<u8> {
    let path = folder().join(name);
    fs::read(&path).unwrap_or_else(|error| {
        panic!(
            "{}: {error}; the public test suites are expected in ../shared/data beside the \
             project's folder",
            path.display()
        )
    })
}

fn index() -> Vec<Value> {
    let index: Value = serde_json::from_slice(&read("index.json")).unwrap();
    index["tests"].as_array().unwrap().clone()
}

fn text<'a>(case: &'a Value, member: &str) -> &'a str {
    case[member].as_str().unwrap()
}

fn names<'a>(case: &'a Value, member: &str) -> impl Iterator<Item = &'a str> {
    case[member]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
}

fn certificate(name: &str) -> Certificate {
    Certificate::parse_pem_bundle(&read(name))
        .unwrap()
        .remove(0)
}

fn moment(case: &Value) -> OffsetDateTime {
    OffsetDateTime::parse(text(case, "validation_time"), &Rfc3339).unwrap()
}

/// The path, which is valid in every case: only the responses differ.
///
/// Where no response speaks about the intermediate authority, because its issuer has no responder,
/// the authority itself is the anchor: every certificate below an anchor needs an answer.
fn path(case: &Value) -> ValidatedPath {
    let mut authorities: Vec<Certificate> = names(case, "intermediates").map(certificate).collect();
    authorities.push(certificate(text(case, "trust_anchor")));
    let anchor = names(case, "ocsp_responses").count() - 1;
    let store = TrustStore::new(vec![authorities[anchor].clone()], authorities);
    let policy = PathPolicy {
        algorithm_floor: AlgorithmFloor::TestVectorsOnly,
        ..PathPolicy::rfc5280()
    };
    let leaf = certificate(text(case, "leaf"));
    validate_path(&leaf, &[], &store, &policy, moment(case)).unwrap()
}

fn judge(case: &Value, floor: AlgorithmFloor) -> Result<SourceKind, &'static str> {
    judge_with(case, floor, ResponderStatusAbsent::Refuse)
}

fn judge_with(
    case: &Value,
    floor: AlgorithmFloor,
    responder_status_absent: ResponderStatusAbsent,
) -> Result<SourceKind, &'static str> {
    let responses = names(case, "ocsp_responses");
    let evidence = Evidence {
        ocsp: responses
            .map(|name| OcspResponse::parse(&read(name), None).unwrap())
            .collect(),
        ..Evidence::default()
    };
    let policy = RevocationPolicy {
        algorithm_floor: floor,
        // One of them was given out sixteen days before its moment.
        ocsp_age_seconds_max: 30 * 86_400,
        responder_status_absent,
        ..RevocationPolicy::default()
    };
    check_revocation(&path(case), &evidence, &policy, moment(case))
        .map(|good| good.source())
        .map_err(|error| error.code())
}

/// The cases in the first column of the exceptions' table.
fn exceptions() -> BTreeSet<String> {
    let rows = include_str!("ocsp_responses_exceptions.md").lines();
    rows.filter_map(|row| row.strip_prefix("| `")?.split('`').next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_published_response_has_its_verdict() {
    let index = index();
    let mut differing = BTreeSet::new();
    for (id, expected) in CASES {
        let case = index
            .iter()
            .find(|case| text(case, "id") == id)
            .unwrap_or_else(|| panic!("{id} is not published"));
        let verdict = judge(case, AlgorithmFloor::TestVectorsOnly);
        assert_eq!(verdict.map(|_| ()), expected, "{id}");
        if verdict.is_ok() {
            assert_eq!(verdict, Ok(SourceKind::Ocsp), "{id}");
        }
        if (text(case, "expected") == "valid") != verdict.is_ok() {
            differing.insert(id.to_owned());
        }
    }
    assert_eq!(index.len(), CASES.len(), "no case is left out");
    assert_eq!(differing, exceptions(), "each difference is explained");
}

/// What differs is the operator's to decide.
#[test]
fn every_published_verdict_is_given_where_responders_need_no_status() {
    for case in index() {
        let floor = AlgorithmFloor::TestVectorsOnly;
        let verdict = judge_with(&case, floor, ResponderStatusAbsent::Accept);
        let is_valid = text(&case, "expected") == "valid";
        assert_eq!(verdict.is_ok(), is_valid, "{}", text(&case, "id"));
    }
}

#[test]
fn responses_of_the_sha_1_era_are_no_evidence_today() {
    for case in index() {
        let verdict = judge(&case, AlgorithmFloor::Current);
        assert_eq!(verdict.map(|_| ()), UNKNOWN, "{}", text(&case, "id"));
    }
}
