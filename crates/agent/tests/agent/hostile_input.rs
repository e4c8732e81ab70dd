//! What the fuzz targets demand of every challenge, request and frame, on good ones and on some
//! hundred mutations of each: the seconds of what `cargo xtask soak` does for ten minutes a target.

#![expect(
    clippy::print_stdout,
    reason = "the case that fails is in the captured output"
)]

#[path = "../../fuzz/src/lib.rs"]
#[expect(
    dead_code,
    unreachable_pub,
    reason = "a crate of its own for the fuzzer"
)]
mod fuzz;

use fuzz::random::Random;
use fuzz::{challenge, jws_mutation, loopback_request, message_frame, mutation, seed};

/// Mutations of each kind, spread over the seeds.
const MUTATIONS: usize = 1000;

fn check_all(seeds: Vec<seed::Seed>, mutate: fn(&[u8], &mut Random) -> Vec<u8>, check: fn(&[u8])) {
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

#[test]
fn only_a_challenge_of_the_enrolled_issuer_for_its_own_page_is_accepted() {
    let (_, good) = seed::challenges().swap_remove(0);
    let good = String::from_utf8(good).unwrap();
    let (_, _, signed) = challenge::signed(&good).unwrap();
    let world = &fuzz::world::WORLD;
    let checked = cardea_agent::hostile_input::check_challenge(&world.agent, &world.url, &signed);
    world.runtime.block_on(checked).unwrap();
    check_all(seed::challenges(), jws_mutation::mutate, challenge::check);
}

/// Attacks D2 and D3 among them.
#[test]
fn only_requests_with_the_agents_address_from_an_enrolled_page_are_answered() {
    check_all(seed::requests(), mutation::mutate, loopback_request::check);
}

#[test]
fn frames_come_out_as_they_went_in_or_are_refused() {
    check_all(seed::frames(), mutation::mutate, message_frame::check);
}
