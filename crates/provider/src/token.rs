//! The tokens that are given out, one file a kind; each has a `typ` of its own, so that none
//! passes for another (RFC 8725 section 3.11).

mod access_token;
mod id_token;
mod logout_token;

pub use logout_token::LogoutDelivery;

pub(crate) use access_token::{AccessTokenClaims, LiveAccessToken};

use cardea_oauth2_types::Acr;
use cardea_storage::Transaction;
use cardea_storage::session::{self, Session};
use time::OffsetDateTime;

use crate::session::{absolute_limit, reached_acr};
use crate::{Error, Provider};

/// A client's part in a session, and the login that its tokens speak of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Login<'a> {
    pub(crate) session: &'a Session,
    /// The client's own session id.
    pub(crate) sid: &'a str,
    pub(crate) authentication: Authentication,
}

/// When and how the person had logged in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Authentication {
    pub(crate) at: OffsetDateTime,
    pub(crate) acr: Acr,
    /// Age at this login of the evidence that the card was not revoked, in seconds.
    pub(crate) revocation_age: Option<i64>,
}

impl<'a> Login<'a> {
    /// The login that began a session.
    pub(crate) fn new(session: &'a Session, sid: &'a str) -> Self {
        Self {
            session,
            sid,
            authentication: Authentication {
                at: session.authenticated_at,
                acr: reached_acr(session),
                revocation_age: session.revocation_age,
            },
        }
    }
}

impl Provider {
    /// When a session ends at the latest, whatever happens in it.
    pub(crate) fn absolute_end(&self, session: &Session) -> OffsetDateTime {
        session.authenticated_at + absolute_limit(session, &self.lifetimes)
    }

    /// What every token of a sandbox says.
    pub(crate) fn test_claim(&self) -> Option<bool> {
        self.sandbox.then_some(true)
    }
}

/// The session that a client's `sid` belongs to now.
pub(crate) async fn session_of_client(
    transaction: &mut Transaction,
    sid: &str,
) -> Result<Option<Session>, Error> {
    Ok(session::find_by_sid(transaction, sid).await?)
}
