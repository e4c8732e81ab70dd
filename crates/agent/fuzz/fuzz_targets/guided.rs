//! Mutations that know the format, most of the time.

use cardea_agent_fuzz::random::Random;
use libfuzzer_sys::fuzzer_mutate;

/// Changes the first `size` bytes of `data` in place; one time in four blindly.
pub fn mutate(
    data: &mut [u8],
    size: usize,
    max_size: usize,
    seed: u32,
    guided: fn(&[u8], &mut Random) -> Vec<u8>,
) -> usize {
    let mut random = Random::new(u64::from(seed));
    if random.below(4) == 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    let mutated = guided(data.get(..size).unwrap_or_default(), &mut random);
    match data.get_mut(..mutated.len()) {
        Some(place) if mutated.len() <= max_size => {
            place.copy_from_slice(&mutated);
            mutated.len()
        }
        _ => fuzzer_mutate(data, size, max_size),
    }
}
