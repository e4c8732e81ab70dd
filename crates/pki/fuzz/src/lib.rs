//! What must hold for every input of the parsers in `cardea-pki`, whoever made it.
//!
//! Each target is a module with one `check` function that panics when something does not hold. The
//! fuzzer (`cargo xtask soak`) calls it on inputs it grows by coverage, the test
//! `pki/tests/hostile_input.rs` on the kept corpus and on mutations from fixed seeds, so this
//! crate is compiled there too, as a module.
//!
//! A fuzzer cannot forge signatures, and would never get past them. So the test authority here has
//! a key that everybody knows, and what is mutated gets a good signature of it: the mutations are
//! those that an issuer itself could make.

pub mod certificate;
pub mod crl;
pub mod expected_name;
pub mod mutation;
pub mod ocsp_response;
pub mod profile;
pub mod random;
pub mod seed;
pub mod signing;
pub mod world;
