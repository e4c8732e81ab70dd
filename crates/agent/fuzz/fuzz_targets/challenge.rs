#![no_main]

mod guided;

use cardea_agent_fuzz::{challenge, jws_mutation, seed};
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    guided::mutate(data, size, max_size, seed, jws_mutation::mutate)
});

fuzz_target!(
    init: seed::write_where_asked(seed::challenges),
    |data: &[u8]| challenge::check(data)
);
