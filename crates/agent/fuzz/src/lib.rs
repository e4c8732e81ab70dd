//! What must be true of every challenge, every request on loopback and every frame on the socket,
//! whoever sent it.
//!
//! The fuzzer (`cargo xtask soak challenge`, `loopback_request`, `message_frame`) and the test
//! `agent/tests/agent/hostile_input.rs` call the same `check`, so this crate is compiled there too,
//! as a module. Changed challenges get a good signature by a key that everybody knows.

pub mod challenge;
#[path = "../../../assertion/fuzz/src/mutation.rs"]
pub mod jws_mutation;
pub mod loopback_request;
pub mod message_frame;
pub mod mutation;
#[path = "../../../pki/fuzz/src/random.rs"]
pub mod random;
pub mod seed;
pub mod world;
