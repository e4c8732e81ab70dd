#![no_main]

use cardea_transparency_fuzz::{seed, signed_note};
use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: seed::write_where_asked(seed::notes),
    |data: &[u8]| signed_note::check(data)
);
