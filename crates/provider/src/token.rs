//! The tokens that are given out, one file a kind; each has a `typ` of its own, so that none
//! passes for another (RFC 8725 section 3.11).

mod access_token;
mod id_token;
mod logout_token;

pub use logout_token::LogoutDelivery;

use cardea_storage::session::Session;

use crate::Client;

/// Whom a token speaks of, and to whom.
pub(crate) struct TokenSubject<'a> {
    /// The client's name for the person.
    pub(crate) sub: &'a str,
    pub(crate) session: &'a Session,
    /// The client's own session id.
    pub(crate) sid: &'a str,
    pub(crate) client: &'a Client,
}
