//! What the fuzz target demands of every card, on each place of a login and on some hundred
//! mutations: the seconds of what `cargo xtask soak apdu_responses` does for ten minutes (attack
//! D15).

#![expect(
    clippy::expect_used,
    reason = "a test fails by panicking, and says which input it was at"
)]

#[path = "../../card/fuzz/src/lib.rs"]
#[expect(
    dead_code,
    unreachable_pub,
    reason = "a crate of its own for the fuzzer"
)]
mod fuzz;

use fuzz::apdu_responses::check;
use fuzz::mutation::mutate;
use fuzz::random::Random;

/// Mutations, spread over the seeds.
const MUTATIONS: usize = 600;

#[test]
fn whatever_a_card_answers_no_try_is_lost_and_nothing_stays_open() {
    let seeds = fuzz::seed::scripts();
    for (name, bytes) in &seeds {
        // The name of the input that breaks a promise is in the captured output.
        println!("{name}");
        check(bytes);
    }
    for (number, (name, bytes)) in (0..MUTATIONS).zip(seeds.iter().cycle()) {
        println!("mutation {number} of {name}");
        check(&mutate(bytes, &mut Random::new(number as u64)));
    }
}
