#![no_main]

use cardea_pki_fuzz::{expected_name, seed};
use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: seed::write_where_asked(expected_name::names),
    |data: &[u8]| expected_name::check(data)
);
