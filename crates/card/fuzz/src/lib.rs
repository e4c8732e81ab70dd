//! What must be true of every card, whatever it answers.
//!
//! The fuzzer (`cargo xtask soak apdu_responses`) and the test
//! `virtual-card/tests/hostile_answers.rs` call the same `check`, so this crate is compiled there
//! too, as a module. A good card stands behind the answers that are changed, because bytes alone
//! would never come as far as a signature.

pub mod apdu_responses;
pub mod mutation;
#[path = "../../../pki/fuzz/src/random.rs"]
pub mod random;
pub mod script;
pub mod seed;
