//! What must hold for every input of the parsers and verifiers in `cardea-transparency`.
//!
//! The fuzzer (`cargo xtask soak`) and the test `transparency/tests/hostile_input.rs` call the same
//! `check` functions, so this crate is compiled there too, as a module.

pub mod mutation;
#[path = "../../../pki/fuzz/src/random.rs"]
pub mod random;
pub mod seed;
pub mod signed_note;
pub mod tree_proof;
