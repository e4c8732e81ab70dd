#![no_main]

use cardea_card_fuzz::random::Random;
use cardea_card_fuzz::{apdu_responses, mutation, seed};
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

// One time in two bytes are changed blindly: the objects inside the answers have a form of their
// own, which the comparisons of the code lead to.
fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut random = Random::new(u64::from(seed));
    if random.below(2) == 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    let mutated = mutation::mutate(data.get(..size).unwrap_or_default(), &mut random);
    match data.get_mut(..mutated.len()) {
        Some(place) if mutated.len() <= max_size => {
            place.copy_from_slice(&mutated);
            mutated.len()
        }
        _ => fuzzer_mutate(data, size, max_size),
    }
});

fuzz_target!(
    init: seed::write_where_asked(),
    |data: &[u8]| apdu_responses::check(data)
);
