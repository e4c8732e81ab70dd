//! What the fuzz target demands of every assertion, on the kept corpus and on some thousand
//! mutations: the seconds of what `cargo xtask soak card_assertion` does for ten minutes.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, and says which input it was at"
)]

#[path = "../fuzz/src/lib.rs"]
#[expect(
    dead_code,
    unreachable_pub,
    reason = "a crate of its own for the fuzzer"
)]
mod fuzz;

use fuzz::card_assertion::check;
use fuzz::mutation::mutate;
use fuzz::random::Random;
use std::fs;
use std::path::Path;

/// Mutations, spread over the seeds and the kept corpus.
const MUTATIONS: usize = 3000;

#[test]
fn any_bytes_are_an_assertion_or_refused_and_only_a_card_makes_them_verify() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/card_assertion");
    let mut inputs: Vec<(String, Vec<u8>)> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), fs::read(&path).unwrap()))
        .collect();
    inputs.sort();
    assert!(inputs.len() > 20, "{} is empty", folder.display());
    let seeds = fuzz::seed::assertions();
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
