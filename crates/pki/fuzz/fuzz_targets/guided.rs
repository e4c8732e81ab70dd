//! How libFuzzer's mutations and ours take turns.

use cardea_pki_fuzz::mutation;
use cardea_pki_fuzz::random::Random;

/// One time in four bytes are changed blindly: that is how broken encodings come up.
pub fn mutate(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut random = Random::new(u64::from(seed));
    let blindly = random.below(4) == 0;
    let given = data.get(..size).unwrap_or_default();
    let mutated = match blindly {
        true => Vec::new(),
        false => mutation::mutate(given, &mut random),
    };
    match data.get_mut(..mutated.len()) {
        Some(place) if !mutated.is_empty() && mutated.len() <= max_size => {
            place.copy_from_slice(&mutated);
            mutated.len()
        }
        _ => libfuzzer_sys::fuzzer_mutate(data, size, max_size),
    }
}
