//! The whole agent in this process: real HTTP and WebSocket on loopback, cards in process, and a
//! scripted pinentry.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod business_software;
mod challenge;
mod gate;
mod issuer;
mod page;
mod pin;
mod presence;
mod program;
mod reader_held;
mod readers;
mod service;
mod sign_in;
mod stream;
mod workstation;
