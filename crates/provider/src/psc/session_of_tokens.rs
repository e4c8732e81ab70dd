//! What the token endpoint's answer adds for Pro Santé Connect's portals, and how long its refresh
//! tokens serve.

use cardea_oauth2_types::SessionOfTokens;
use cardea_storage::{SecretDigest, Transaction, refresh_token};
use time::OffsetDateTime;

use crate::token::Login;
use crate::{Error, ProtocolProfile, Provider};

impl Provider {
    /// The added members, in this profile alone.
    pub(crate) fn session_of_tokens(
        &self,
        login: Option<&Login<'_>>,
        refreshes: bool,
        now: OffsetDateTime,
    ) -> Option<SessionOfTokens> {
        let login = login.filter(|_| self.profile() == ProtocolProfile::Psc)?;
        let end = self.refresh_token_end(now, self.absolute_end(login.session));
        Some(SessionOfTokens {
            refresh_expires_in: refreshes.then(|| (end - now).whole_seconds()),
            not_before_policy: 0,
            session_state: login.sid.to_owned(),
        })
    }

    /// When one refresh token ends: with its family, or earlier where the profile says so.
    pub(crate) fn refresh_token_end(
        &self,
        issued_at: OffsetDateTime,
        family_end: OffsetDateTime,
    ) -> OffsetDateTime {
        match self.rules().refresh_token_lifetime {
            Some(lifetime) => family_end.min(issued_at + lifetime),
            None => family_end,
        }
    }

    /// Refuses a refresh token that has lain longer than the profile lets it.
    pub(crate) async fn check_refresh_token_age(
        &self,
        transaction: &mut Transaction,
        token: &str,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        if self.rules().refresh_token_lifetime.is_none() {
            return Ok(());
        }
        let found = refresh_token::find(transaction, &SecretDigest::of(token)).await?;
        let found = found.ok_or(Error::RefreshTokenUnknown)?;
        if now < self.refresh_token_end(found.issued_at, found.family.expires_at) {
            Ok(())
        } else {
            Err(Error::RefreshTokenExpired)
        }
    }
}
