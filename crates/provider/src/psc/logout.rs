//! Logout without a browser, as Keycloak's own adapters ask for it: the client proves itself and
//! shows its refresh token.

use cardea_storage::client_session;
use cardea_storage::{SecretDigest, refresh_token, session};

use crate::introspection::TokenLookup;
use crate::session::{EndReason, EndedInTransaction};
use crate::{EndedSession, Error, Provider, TokenError};

impl Provider {
    /// Ends the session of a client's own refresh token, for good and for every client in it. A
    /// token that was used before stands for its session as well: the client wants an end. Anybody
    /// else's, and one that is unknown, is refused.
    ///
    /// # Errors
    /// [`TokenError`] when the caller does not prove itself, or shows no refresh token of its own.
    pub async fn logout_by_refresh_token(
        &self,
        lookup: TokenLookup<'_>,
    ) -> Result<Option<EndedSession>, TokenError> {
        let now = self.now();
        let client = self.authenticate_caller(lookup.credentials, now).await?;
        let token = lookup.token.ok_or(Error::TokenMissing)?;
        let mut transaction = self.store.begin().await.map_err(Error::from)?;
        let found = refresh_token::find(&mut transaction, &SecretDigest::of(token)).await;
        let own = found.map_err(Error::from)?;
        let own = own.filter(|own| own.family.client_id == client.client_id);
        let own = own.ok_or(Error::RefreshTokenUnknown)?;
        let sid = &own.family.sid;
        let part = client_session::find(&mut transaction, sid).await;
        let Some(part) = part.map_err(Error::from)? else {
            return Ok(None);
        };
        let session = session::find(&mut transaction, &part.session_id).await;
        let Some(session) = session.map_err(Error::from)? else {
            return Ok(None);
        };
        let ended = self.end_in(&mut transaction, &session, EndReason::Logout, now);
        let ended = ended.await?;
        transaction.commit().await.map_err(Error::from)?;
        Ok(ended.map(EndedInTransaction::announce))
    }
}
