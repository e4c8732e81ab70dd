//! The end of a login: the card has signed, the presence key has answered, a code goes out.

use std::sync::Arc;

use cardea_jose::random_base64url;
use cardea_storage::authorization_request::AuthorizationRequest;
use cardea_storage::session::{Session, SessionState};
use cardea_storage::{SecretDigest, Transaction, authorization_request, client_session, session};
use time::OffsetDateTime;

use crate::authorization::respond::DraftResponse;
use crate::authorization::{AuthorizationResponse, StoredParameters, load_request};
use crate::event::{Event, EventKind};
use crate::grant::code::{NewCode, issue_code};
use crate::secret::RANDOM_BYTES;
use crate::session::{EndReason, EndedInTransaction, EndedSession, is_live};
use crate::{Client, Error, Provider, Secret};

/// A login that went all the way.
#[derive(Debug)]
pub struct CompletedAuthorization {
    /// What to send the client: `code`, `state` and `iss`.
    pub response: AuthorizationResponse,
    /// The browser's new session cookie, whatever it had before (no session fixation).
    pub session_cookie: Secret,
    /// What another card had in this browser, and which is over.
    pub ended: Option<EndedSession>,
}

/// An answer whose transaction is not committed yet.
struct Answered {
    draft: DraftResponse,
    session_cookie: Secret,
    ended: Option<EndedSession>,
}

/// A request whose card is in the reader, and that waits for its answer.
pub(super) struct Answerable {
    pub(super) request: AuthorizationRequest,
    pub(super) parameters: StoredParameters,
    pub(super) client: Arc<Client>,
    pub(super) session: Session,
}

impl Provider {
    /// Answers an authorization request whose session has become active. `session_cookie` is what
    /// this browser held before: the same person, card and workstation continue that session.
    ///
    /// # Errors
    /// [`Error::PresencePending`] until the presence key has answered, [`Error::SessionEnded`]
    /// when the card left meanwhile, [`Error::NewWorkstationsUnshown`],
    /// [`Error::CardNewsUnshown`], [`Error::GuardNewsUnshown`] and [`Error::RefusedUsesUnshown`]
    /// when the person must be told first (see [`Provider::acknowledge_workstations`],
    /// [`Provider::answer_card_news`], [`Provider::acknowledge_guard_news`] and
    /// [`Provider::acknowledge_refused_uses`]),
    /// [`Error::ConsentRequired`] when she must be asked first (see [`Provider::answer_consent`]),
    /// and those of a request that is unknown, foreign, expired or answered.
    pub async fn complete_authorization(
        &self,
        request_id: &str,
        login_cookie: &str,
        session_cookie: Option<&str>,
    ) -> Result<CompletedAuthorization, Error> {
        let now = self.now();
        let mut transaction = self.store.begin().await?;
        let answerable = self
            .load_answerable(&mut transaction, request_id, login_cookie, now)
            .await?;
        let Answerable {
            parameters,
            client,
            session,
            ..
        } = &answerable;
        self.check_news_shown(&mut transaction, &answerable, now)
            .await?;
        self.check_card_news_shown(&mut transaction, session)
            .await?;
        self.check_guard_news_shown(&mut transaction, &answerable)
            .await?;
        self.pass_refused_uses(&mut transaction, &answerable, now)
            .await?;
        if self
            .needs_consent(&mut transaction, client, parameters, &session.sub, now)
            .await?
        {
            return Err(Error::ConsentRequired);
        }
        self.answer(transaction, &answerable, session_cookie, now)
            .await
    }

    /// Answers a request with a code and makes it durable. What no answer came of is on record
    /// when it is another browser that got the one answer of a pushed request.
    pub(super) async fn answer(
        &self,
        mut transaction: Transaction,
        answerable: &Answerable,
        session_cookie: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<CompletedAuthorization, Error> {
        let answered = self
            .answer_with_code(&mut transaction, answerable, session_cookie, now)
            .await;
        if let Err(error @ Error::RequestUriReused) = answered {
            drop(transaction);
            let mut transaction = self.store.begin().await?;
            self.record_unanswered(&mut transaction, answerable, &error, now)
                .await?;
            transaction.commit().await?;
            return Err(error);
        }
        let Answered {
            draft,
            session_cookie,
            ended,
        } = answered?;
        transaction.commit().await?;
        Ok(CompletedAuthorization {
            response: self.finish_response(&answerable.client, draft, now)?,
            session_cookie,
            ended,
        })
    }

    /// Puts on record that a request of ours got no answer, and why.
    pub(super) async fn record_unanswered(
        &self,
        transaction: &mut Transaction,
        answerable: &Answerable,
        error: &Error,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let Answerable {
            request,
            client,
            session,
            ..
        } = answerable;
        let kind = EventKind::AuthorizationRefused { code: error.code() };
        let event = Event::new(kind, now)
            .of_request(&request.id)
            .of_session(&session.id, &session.sub)
            .of_client(&client.client_id);
        self.record(transaction, event).await
    }

    /// Loads a request whose session is active, for the browser that began it.
    pub(super) async fn load_answerable(
        &self,
        transaction: &mut Transaction,
        request_id: &str,
        login_cookie: &str,
        now: OffsetDateTime,
    ) -> Result<Answerable, Error> {
        let request = load_request(transaction, request_id, login_cookie, now).await?;
        let client = self
            .client_of_login(&request.client_id)
            .ok_or(Error::ClientUnknown)?;
        let session_id = request
            .session_id
            .as_deref()
            .ok_or(Error::PresencePending)?;
        let session = session::find(transaction, session_id).await?;
        let session = session.ok_or(Error::SessionEnded)?;
        match session.state {
            SessionState::Pending => return Err(Error::PresencePending),
            SessionState::Active if self.has_presence_lease(&session, now) => {}
            SessionState::Active | SessionState::Ended => return Err(Error::SessionEnded),
        }
        let mut parameters = StoredParameters::read(&request)?;
        parameters.narrow_to(&client)?;
        Ok(Answerable {
            parameters,
            request,
            client,
            session,
        })
    }

    async fn answer_with_code(
        &self,
        transaction: &mut Transaction,
        answerable: &Answerable,
        session_cookie: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<Answered, Error> {
        let Answerable {
            request,
            parameters,
            client,
            session,
        } = answerable;
        // Two requests of one browser may arrive together: one of them gets the code.
        if !authorization_request::complete(transaction, &request.id, now).await? {
            return Err(Error::AuthorizationRequestCompleted);
        }
        let ended = match session_cookie {
            Some(cookie) => {
                self.replace_session(transaction, cookie, session, now)
                    .await?
            }
            None => None,
        };
        let cookie = Secret::random()?;
        if !session::set_cookie(transaction, &session.id, &cookie.digest()).await? {
            return Err(Error::SessionEnded);
        }
        session::record_use(transaction, &session.id, now).await?;
        let sid_if_new = random_base64url(RANDOM_BYTES)?;
        let sid = client_session::load_or_create(
            transaction,
            &session.id,
            &client.client_id,
            &sid_if_new,
            now,
        )
        .await?;
        let new = NewCode {
            session,
            sid: &sid,
            client,
            parameters,
            request_id: Some(&request.id),
            silent: parameters.silent,
        };
        Ok(Answered {
            draft: issue_code(self, transaction, new, now).await?,
            session_cookie: cookie,
            ended,
        })
    }

    /// Moves the clients of this browser's older session into the new one, if the same person has
    /// shown the same card at the same agent instance: they stay logged in, under the new presence
    /// key. Any other session in this browser ends: its portals still stand open there, and on a
    /// shared workstation the next person would walk into them, even while the card of the one
    /// before is in a second reader.
    async fn replace_session(
        &self,
        transaction: &mut Transaction,
        older_cookie: &str,
        newer: &Session,
        now: OffsetDateTime,
    ) -> Result<Option<EndedSession>, Error> {
        let cookie = SecretDigest::of(older_cookie);
        let Some(older) = session::find_by_cookie(transaction, &cookie).await? else {
            return Ok(None);
        };
        let same = older.sub == newer.sub
            && older.card_sha256 == newer.card_sha256
            && older.instance_jkt == newer.instance_jkt;
        if older.id == newer.id {
            return Ok(None);
        }
        if !same {
            let ended = self
                .end_in(transaction, &older, EndReason::BrowserTakenOver, now)
                .await?;
            return Ok(ended.map(EndedInTransaction::announce));
        }
        // The older session before its clients, as where a token is made: whoever takes the same
        // rows in one order waits. It may have ended since it was read.
        if !is_live(&older, &self.lifetimes, now)
            || !session::record_use(transaction, &older.id, now).await?
        {
            return Ok(None);
        }
        let clients = client_session::move_all(transaction, &older.id, &newer.id).await?;
        let event = Event::new(EventKind::SessionContinued { clients }, now)
            .of_session(&newer.id, &newer.sub);
        self.record(transaction, event).await?;
        self.end_in(transaction, &older, EndReason::Continued, now)
            .await?;
        Ok(None)
    }
}
