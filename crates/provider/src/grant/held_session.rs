//! The session behind a grant, held while tokens are made of it.

use cardea_storage::Transaction;
use cardea_storage::session::{self, Session};
use time::OffsetDateTime;

use crate::session::is_live;
use crate::token::session_of_client;
use crate::{Error, Provider};

impl Provider {
    /// Finds the session of a client's `sid` and holds it until this transaction ends: it cannot
    /// end between this check and the tokens. None when it is over.
    ///
    /// A login in the same browser may move the client to its own session while this waits for the
    /// older one. The client is still signed in, so that its session is looked up once more.
    pub(crate) async fn hold_session(
        &self,
        transaction: &mut Transaction,
        sid: &str,
        now: OffsetDateTime,
    ) -> Result<Option<Session>, Error> {
        for _ in 0..2 {
            let Some(session) = session_of_client(transaction, sid).await? else {
                return Ok(None);
            };
            if is_live(&session, &self.lifetimes, now)
                && session::record_use(transaction, &session.id, now).await?
            {
                return Ok(Some(session));
            }
        }
        Ok(None)
    }
}
