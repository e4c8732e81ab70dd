#![no_main]

mod guided;

use cardea_pki_fuzz::{crl, seed};
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    guided::mutate(data, size, max_size, seed)
});

fuzz_target!(
    init: seed::write_where_asked(seed::lists),
    |data: &[u8]| crl::check(data)
);
