//! Silent re-authentication: it serves only a client that is in this browser's session already.
//! Each further portal asks for the card again, so that no portal is entered unnoticed.

use cardea_storage::{SecretDigest, client_session, session};
use time::{Duration, OffsetDateTime};

use crate::authorization::StoredParameters;
use crate::grant::code::{NewCode, issue_code};
use crate::session::{is_live, reached_acr};
use crate::{Client, Error, Provider};

impl Provider {
    /// Answers with a code if the session, the client and the client's wishes allow it.
    pub(super) async fn authorize_silently(
        &self,
        client: &Client,
        parameters: &StoredParameters,
        session_cookie: &str,
        age_max: Option<Duration>,
        now: OffsetDateTime,
    ) -> Result<Option<String>, Error> {
        let mut transaction = self.store.begin().await?;
        let cookie = SecretDigest::of(session_cookie);
        let Some(session) = session::find_by_cookie(&mut transaction, &cookie).await? else {
            return Ok(None);
        };
        let clients = client_session::list_of_session(&mut transaction, &session.id).await?;
        let Some(own) = clients.iter().find(|own| own.client_id == client.client_id) else {
            return Ok(None);
        };
        let age = now - session.authenticated_at;
        let too_old = age_max.is_some_and(|age_max| age >= age_max);
        let too_weak = parameters
            .acr
            .is_some_and(|wanted| !reached_acr(&session).satisfies(wanted));
        let other_person = parameters
            .expected_sub
            .as_ref()
            .is_some_and(|expected| *expected != session.sub);
        if too_old || too_weak || other_person || !is_live(&session, &self.lifetimes, now) {
            return Ok(None);
        }
        let new = NewCode {
            session: &session,
            sid: &own.sid,
            client,
            parameters,
            request_id: None,
            silent: true,
        };
        let location = issue_code(self, &mut transaction, new, now).await?;
        // The session may have ended meanwhile; then the code is undone.
        if !session::record_use(&mut transaction, &session.id, now).await? {
            return Ok(None);
        }
        transaction.commit().await?;
        Ok(Some(location))
    }
}
