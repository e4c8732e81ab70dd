//! What the fuzz targets demand of every input, on the seeds, the kept corpus and some thousand
//! mutations: the seconds of what `cargo xtask soak` does for ten minutes a target.

#![expect(
    clippy::expect_used,
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

use fuzz::mutation::mutate;
use fuzz::random::Random;
use fuzz::seed::{self, Seed};
use std::fs;
use std::path::Path;

/// Mutations of each target, spread over its seeds and its kept corpus.
const MUTATIONS: usize = 6_000;

fn replay(target: &str, seeds: Vec<Seed>, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let kept = fs::read_dir(&folder).into_iter().flatten();
    let mut inputs: Vec<(String, Vec<u8>)> = kept
        .map(|entry| entry.expect("an entry").path())
        .map(|path| {
            let bytes = fs::read(&path).expect("an input");
            (path.display().to_string(), bytes)
        })
        .collect();
    inputs.sort();
    for (name, bytes) in seeds {
        inputs.push((name.to_owned(), bytes));
    }
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

#[test]
fn any_bytes_are_read_in_one_way_or_refused_and_nobody_s_signature_moves() {
    replay("signed_note", seed::notes(), fuzz::signed_note::check);
}

#[test]
fn no_proof_is_believed_but_the_tree_s_own() {
    replay("tree_proof", seed::proofs(), fuzz::tree_proof::check);
}
