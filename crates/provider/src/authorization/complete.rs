//! The end of a login: the card has signed, the presence key has answered, a code goes out.

use cardea_jose::random_base64url;
use cardea_storage::session::{Session, SessionState};
use cardea_storage::{SecretDigest, Transaction, authorization_request, client_session, session};
use time::OffsetDateTime;

use crate::authorization::{StoredParameters, load_request};
use crate::event::{Event, EventKind};
use crate::grant::code::{NewCode, issue_code};
use crate::secret::RANDOM_BYTES;
use crate::session::{EndReason, is_live};
use crate::{Error, Provider, Secret};

/// A login that went all the way.
#[derive(Debug)]
pub struct CompletedAuthorization {
    /// Where to send the browser: the redirect URI with `code`, `state` and `iss`.
    pub location: String,
    /// The browser's new session cookie, whatever it had before (no session fixation).
    pub session_cookie: Secret,
}

impl Provider {
    /// Answers an authorization request whose session has become active. `session_cookie` is what
    /// this browser held before: the same person, card and workstation continue that session.
    ///
    /// # Errors
    /// [`Error::PresencePending`] until the presence key has answered, [`Error::SessionEnded`]
    /// when the card left meanwhile, and those of a request that is unknown, foreign, expired or
    /// answered.
    pub async fn complete_authorization(
        &self,
        request_id: &str,
        login_cookie: &str,
        session_cookie: Option<&str>,
    ) -> Result<CompletedAuthorization, Error> {
        let now = self.now();
        let mut transaction = self.store.begin().await?;
        let request = load_request(&mut transaction, request_id, login_cookie, now).await?;
        let client = self
            .clients
            .find(&request.client_id)
            .ok_or(Error::ClientUnknown)?;
        let session_id = request
            .session_id
            .as_deref()
            .ok_or(Error::PresencePending)?;
        let session = session::find(&mut transaction, session_id).await?;
        let session = session.ok_or(Error::SessionEnded)?;
        match session.state {
            SessionState::Pending => return Err(Error::PresencePending),
            SessionState::Active if is_live(&session, &self.lifetimes, now) => {}
            SessionState::Active | SessionState::Ended => return Err(Error::SessionEnded),
        }
        // Two requests of one browser may arrive together: one of them gets the code.
        if !authorization_request::complete(&mut transaction, request_id, now).await? {
            return Err(Error::AuthorizationRequestCompleted);
        }
        if let Some(cookie) = session_cookie {
            self.continue_session(&mut transaction, cookie, &session, now)
                .await?;
        }
        let cookie = Secret::random()?;
        if !session::set_cookie(&mut transaction, &session.id, &cookie.digest()).await? {
            return Err(Error::SessionEnded);
        }
        session::record_use(&mut transaction, &session.id, now).await?;
        let sid_if_new = random_base64url(RANDOM_BYTES)?;
        let sid = client_session::load_or_create(
            &mut transaction,
            &session.id,
            &client.client_id,
            &sid_if_new,
            now,
        )
        .await?;
        let parameters = StoredParameters::read(&request)?;
        let new = NewCode {
            session: &session,
            sid: &sid,
            client: &client,
            parameters: &parameters,
            request_id: Some(request_id),
            silent: false,
        };
        let location = issue_code(self, &mut transaction, new, now).await?;
        transaction.commit().await?;
        Ok(CompletedAuthorization {
            location,
            session_cookie: cookie,
        })
    }

    /// Moves the clients of this browser's older session into the new one, if the same person has
    /// shown the same card at the same agent instance: they stay logged in, under the new presence
    /// key. Any other session in this browser is left alone; its own presence key guards it.
    async fn continue_session(
        &self,
        transaction: &mut Transaction,
        older_cookie: &str,
        newer: &Session,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let cookie = SecretDigest::of(older_cookie);
        let Some(older) = session::find_by_cookie(transaction, &cookie).await? else {
            return Ok(());
        };
        let same = older.sub == newer.sub
            && older.card_sha256 == newer.card_sha256
            && older.instance_jkt == newer.instance_jkt;
        if older.id == newer.id || !same || !is_live(&older, &self.lifetimes, now) {
            return Ok(());
        }
        let clients = client_session::move_all(transaction, &older.id, &newer.id).await?;
        let event = Event::new(EventKind::SessionContinued { clients }, now)
            .of_session(&newer.id, &newer.sub);
        self.record(transaction, event).await?;
        self.end_in(transaction, &older, EndReason::Continued, now)
            .await?;
        Ok(())
    }
}
