//! What the fuzz targets demand of every input, on the kept corpus and on some thousand mutations:
//! the seconds of what `cargo xtask soak` does for ten minutes a target.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says which input it was at"
)]

#[path = "../fuzz/src/lib.rs"]
#[expect(
    dead_code,
    unreachable_pub,
    reason = "a crate of its own for the fuzzer"
)]
mod fuzz;

use cardea_pki::Certificate;
use fuzz::mutation::mutate;
use fuzz::random::Random;
use fuzz::seed::{self, Seed};
use std::fs;
use std::path::Path;
use x509_cert::der::{Decode, Encode};
use x509_cert::name::RelativeDistinguishedName;

/// Mutations of each target, spread over its seeds and its kept corpus.
const MUTATIONS: usize = 1500;

/// Calls `check` on the seeds, on the corpus and on mutations of both, the same each time.
fn replay(target: &str, seeds: Vec<Seed>, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let mut inputs: Vec<(String, Vec<u8>)> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), fs::read(&path).unwrap()))
        .collect();
    inputs.sort();
    assert!(inputs.len() > 20, "{} is empty", folder.display());
    inputs.extend(
        seeds
            .into_iter()
            .map(|(name, bytes)| (name.to_owned(), bytes)),
    );
    for (name, bytes) in &inputs {
        // The name of the input that breaks a promise is in the captured output.
        println!("{name}");
        check(bytes);
    }
    for (number, (name, bytes)) in (0..MUTATIONS).zip(inputs.iter().rev().cycle()) {
        println!("mutation {number} of {name}");
        check(&mutate(bytes, &mut Random::new(number as u64)));
    }
}

/// As [`replay`], for what asks OpenSSL nothing beside this crate; what stayed on the thread's list
/// would close the next connection that is read on a server's thread.
fn replay_alone(target: &str, seeds: Vec<Seed>, check: fn(&[u8])) {
    replay(target, seeds, check);
    let left = openssl::error::ErrorStack::get();
    assert!(left.errors().is_empty(), "{left:?}");
}

#[test]
fn refused_bytes_leave_nothing_on_openssls_list() {
    replay_alone("certificate", seed::certificates(), |bytes| {
        let _ = Certificate::parse(bytes);
    });
}

#[test]
fn any_bytes_are_a_certificate_or_refused() {
    replay(
        "certificate",
        seed::certificates(),
        fuzz::certificate::check,
    );
}

#[test]
fn any_bytes_are_a_list_or_refused_and_no_list_lets_its_cards_pass() {
    replay_alone("crl", seed::lists(), fuzz::crl::check);
}

#[test]
fn any_bytes_are_an_answer_or_refused_and_only_good_ones_let_a_card_pass() {
    replay_alone(
        "ocsp_response",
        seed::responses(),
        fuzz::ocsp_response::check,
    );
}

#[test]
fn any_text_is_a_name_or_refused() {
    replay_alone(
        "expected_name",
        fuzz::expected_name::names(),
        fuzz::expected_name::check,
    );
}

#[test]
fn any_certificate_is_a_professional_or_refused_by_each_profile() {
    replay_alone("profile", seed::certificates(), fuzz::profile::check);
}

/// x509-parser ends a name before an empty set, and OpenSSL reads on.
#[test]
fn a_name_with_an_empty_set_is_refused() {
    let mut card = x509_cert::Certificate::from_der(&fuzz::world::CARD.der).unwrap();
    assert!(Certificate::parse(&card.to_der().unwrap()).is_ok());
    let name = &mut card.tbs_certificate.subject;
    name.0.insert(1, RelativeDistinguishedName::default());
    let code = Certificate::parse(&card.to_der().unwrap())
        .unwrap_err()
        .code();
    assert_eq!(code, "pki.certificate_malformed");
}
