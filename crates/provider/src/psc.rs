//! What portals expect that were written for Pro Santé Connect, the French professionals' provider
//! (docs/psc.md): the name of the person, the claim set, the words of the level.
//!
//! What the card does not say stands there as an empty text, never as a guess: a portal reads the
//! members by name, and decides by some of them what the person may do.

mod acr_words;
mod introspection;
mod logout;
mod session_of_tokens;
mod subject;
mod userinfo;

pub use acr_words::AcrWords;
pub use userinfo::CLAIM_SET;

pub(crate) use introspection::{IntrospectedPerson, IntrospectedToken, TokenKind};
pub(crate) use userinfo::claim_set;

use cardea_storage::session::Session;
use serde_json::{Map, Value};

use crate::Error;

/// What the card of a session says.
fn identity_of(session: &Session) -> Result<Map<String, Value>, Error> {
    serde_json::from_str(&session.identity).map_err(Error::StoredValueUnreadable)
}

/// A member's text; empty where the card does not say it.
fn text<'a>(identity: &'a Map<String, Value>, member: &str) -> &'a str {
    let value = identity.get(member).and_then(Value::as_str);
    value.unwrap_or_default()
}
