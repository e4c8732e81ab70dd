//! The sample relying party: an invented health insurer's portal for professionals.
//!
//! What it is: a small web site that signs its visitors in with Cardea through the
//! `openidconnect` crate, a client library that this project did not write. It greets the
//! professional by name and profession, and notices within a second when the card has left the
//! reader (OpenID Connect Back-Channel Logout 1.0). `cardea-demo-portal once` does one whole login
//! without a browser and prints the tokens;
//! `cardea-demo-portal attack` lets a robot with such a login loose on a look-up service that the
//! guard watches.
//!
//! What it deliberately does not do: hold any real service or any patient's data. Everything on
//! its pages is invented.
//!
//! ```text
//! cardea-demo-portal serve --config portal.toml
//! cardea-demo-portal once --config portal.toml
//! cardea-demo-portal attack --config portal.toml
//! ```

mod access;
pub mod attack;
pub mod clock;
pub mod config;
pub mod error;
mod handler;
mod http_client;
mod language;
mod logout_memory;
mod logout_token;
mod look_up;
pub mod once;
mod page;
mod person;
mod random;
mod relying_party;
mod router;
pub mod serve;
mod session;
mod text;
