#![no_main]

use cardea_transparency_fuzz::{seed, tree_proof};
use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: seed::write_where_asked(seed::proofs),
    |data: &[u8]| tree_proof::check(data)
);
