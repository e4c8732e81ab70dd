#![no_main]

use cardea_assertion_fuzz::random::Random;
use cardea_assertion_fuzz::{card_assertion, mutation, seed};
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

// One time in eight bytes are changed blindly: that is how broken encodings come up.
fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut random = Random::new(u64::from(seed));
    if random.below(8) == 0 {
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
    |data: &[u8]| card_assertion::check(data)
);
