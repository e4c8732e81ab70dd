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
mod card_care;
mod card_faults;
mod challenge;
mod doctor;
mod faulty_readers;
mod foreign_files;
mod gate;
mod hostile_input;
mod interfaces;
mod issuer;
mod kept_pin;
mod native_host;
mod notices;
mod page;
mod pin;
mod pkcs11_modules;
mod presence;
mod program;
mod program_api;
mod prompts;
mod reader_held;
mod reader_service;
mod readers;
mod real_reader_faults;
mod refused_starts;
mod screen_lock;
mod service;
mod several_cards;
mod sign_in;
mod socket;
mod state_page;
mod step_up;
mod stream;
mod tray;
mod workstation;
