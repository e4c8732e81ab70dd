//! Grants: what a client turns into tokens.

mod authorization_code;
pub(crate) mod code;

pub use authorization_code::TokenError;
