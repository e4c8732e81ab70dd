//! Who tells the guard what was looked up: the portal's adapter, and its counterpart here.
//!
//! Only the portal knows which patients an answer names, so the portal says it, before it gives
//! the answer out ([`Adapter`]); the guard judges ([`Guard`]), and the answer is withheld unless it
//! allows it. What leaves the portal are pseudonyms under a key that the guard does not have: it
//! can't be made to say who was looked up (docs/adr/0040-who-tells-what-was-looked-up.md).

mod admin;
mod config;
mod error;
mod guard;
mod in_process;
mod keys;
mod portal;
mod pseudonym;
mod repeats;
mod route;
mod sequence;
mod signatures;
mod single_use;
mod statement;

pub use admin::lift;
pub use config::LookUpsConfig;
pub use error::AdapterError;
pub use guard::{Guard, Judgement};
pub use in_process::{LookUps, Withheld};
pub use keys::StatementKeys;
pub use portal::{Adapter, Seen};
pub use pseudonym::PseudonymKey;
pub use sequence::is_in_sequence;
pub use statement::{LookUpStatement, PresenceStatement};

pub(crate) use admin::serve_admin;
pub(crate) use route::{Portals, look_ups};
