//! `cardea pki …` as an operator, a help desk or a script runs it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod batch;
mod folder;
mod inspect;
mod pkits;
mod status;
mod unusable_input;
mod validate;
