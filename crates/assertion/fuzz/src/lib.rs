//! What must hold for every card assertion, whoever made it.
//!
//! The fuzzer (`cargo xtask soak card_assertion`) and the test `assertion/tests/hostile_input.rs`
//! call the same `check`, so this crate is compiled there too, as a module. What is mutated gets a
//! good signature of a key that everybody knows, since a fuzzer could not forge one.

pub mod card_assertion;
pub mod mutation;
#[path = "../../../pki/fuzz/src/random.rs"]
pub mod random;
pub mod seed;
pub mod signing;
