//! The server's HTTP surface, driven over a loopback listener on a SQLite file.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod authorize;
mod card;
mod discovery;
mod end_session;
mod https;
mod limits;
mod login;
mod login_page;
mod presence;
mod relying_party;
mod revocation;
mod revocation_host;
mod test_app;
mod token;
mod userinfo;
