//! Revocation (RFC 7009): a client gives back a token that it needs no more.

use cardea_storage::{SecretDigest, access_grant, refresh_token};
use time::OffsetDateTime;

use crate::event::{Event, EventKind};
use crate::grant::{of_session_of, revoke};
use crate::introspection::TokenLookup;
use crate::{Client, Error, Provider, TokenError};

impl Provider {
    /// Takes back a client's own access token, the whole family of its refresh token, or a device
    /// code. A token
    /// that is unknown, spent or another client's changes nothing, and the caller learns nothing:
    /// the answer is the same (section 2.2, attack G13). Returns whether the token was made here,
    /// for the caller of this method alone: whose tokens never were is guessing.
    ///
    /// # Errors
    /// [`TokenError`] when the caller does not prove itself, or names no token.
    pub async fn revoke_token(&self, lookup: TokenLookup<'_>) -> Result<bool, TokenError> {
        let now = self.now();
        let client = self.authenticate_caller(lookup.credentials, now).await?;
        let token = lookup.token.ok_or(Error::TokenMissing)?;
        match self.read_access_token(token) {
            Ok(claims) if claims.client_id == client.client_id => {
                self.revoke_access_token(&client, &claims.jti, now).await?;
                Ok(true)
            }
            Ok(_) => Ok(true),
            Err(_) => Ok(self.revoke_refresh_token(&client, token, now).await?
                || self.withdraw_device(&client, token, now).await?),
        }
    }

    async fn revoke_access_token(
        &self,
        client: &Client,
        jti: &str,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let mut transaction = self.store.begin().await?;
        if access_grant::revoke(&mut transaction, jti, now).await? {
            let kind = EventKind::TokenRevoked {
                token: "access_token",
                grants_revoked: 1,
                families_revoked: 0,
            };
            let event = Event::new(kind, now).of_client(&client.client_id);
            self.record(&mut transaction, event).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// A token that was used before stands for its family as well: the client wants an end.
    async fn revoke_refresh_token(
        &self,
        client: &Client,
        token: &str,
        now: OffsetDateTime,
    ) -> Result<bool, Error> {
        let mut transaction = self.store.begin().await?;
        let found = refresh_token::find(&mut transaction, &SecretDigest::of(token)).await?;
        let Some(own) = found else {
            return Ok(false);
        };
        if own.family.client_id != client.client_id {
            return Ok(true);
        }
        let revoked = revoke::of_family(&mut transaction, &own.family.id, now).await?;
        if revoked.families > 0 {
            let kind = EventKind::TokenRevoked {
                token: "refresh_token",
                grants_revoked: revoked.grants,
                families_revoked: revoked.families,
            };
            let event = Event::new(kind, now).of_client(&client.client_id);
            let event = of_session_of(&mut transaction, event, &own.family.sid).await?;
            self.record(&mut transaction, event).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }
}
