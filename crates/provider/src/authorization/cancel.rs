//! A login that the person gives up: the portal learns it at once (RFC 6749 section 4.1.2.1,
//! `access_denied`), instead of never.

use cardea_storage::session::SessionState;
use cardea_storage::{Transaction, authorization_request, client_session, session};
use time::OffsetDateTime;

use crate::authorization::{AuthorizationResponse, StoredParameters, load_request, spend_pushed};
use crate::device::refuse_device;
use crate::event::{Event, EventKind};
use crate::instances::refused_earlier;
use crate::session::{EndReason, EndedInTransaction};
use crate::{EndedSession, Error, Provider};

/// A login that the person gave up.
#[derive(Debug)]
pub struct CancelledLogin {
    /// What to send the client: `error`, `state` and `iss`.
    pub response: AuthorizationResponse,
    /// The session that the card had opened for this login alone.
    pub ended: Option<EndedSession>,
}

impl Provider {
    /// Answers a login with the person's no, once, for the browser that began it alone.
    ///
    /// # Errors
    /// Those of [`Provider::describe_login`]; [`Error::RedirectUriMismatch`] when the client's
    /// address was taken away meanwhile, and [`Error::RequestUriReused`] when another browser got
    /// the one answer of the pushed request.
    pub async fn cancel_login(
        &self,
        request_id: &str,
        login_cookie: &str,
    ) -> Result<CancelledLogin, Error> {
        let now = self.now();
        let mut transaction = self.store.begin().await?;
        load_request(&mut transaction, request_id, login_cookie, now).await?;
        // A card that answers at this moment attaches its session before, or not at all.
        let request = authorization_request::hold_incomplete(&mut transaction, request_id)
            .await?
            .ok_or(Error::AuthorizationRequestCompleted)?;
        let client = self
            .client_of_login(&request.client_id)
            .ok_or(Error::ClientUnknown)?;
        let parameters = StoredParameters::read(&request)?;
        parameters.check_redirect_uri(&client)?;
        if !authorization_request::complete(&mut transaction, &request.id, now).await? {
            return Err(Error::AuthorizationRequestCompleted);
        }
        spend_pushed(&mut transaction, &parameters, now).await?;
        let of_login = (request.id.as_str(), client.client_id.as_str());
        refuse_device(self, &mut transaction, &parameters, of_login, now).await?;
        let event = Event::new(EventKind::LoginCancelled {}, now)
            .of_request(&request.id)
            .of_client(&client.client_id);
        self.record(&mut transaction, event).await?;
        let ended = match request.session_id.as_deref() {
            Some(id) => self.end_unused(&mut transaction, id, now).await?,
            None => None,
        };
        transaction.commit().await?;
        // She had no choice: the portal learns what it asked for.
        let why = refused_earlier(parameters.refusal.as_deref()).unwrap_or(Error::LoginCancelled);
        let address = parameters.return_address(self.issuer.as_str());
        Ok(CancelledLogin {
            response: self.finish_response(&client, address.error(&why), now)?,
            ended: ended.map(EndedInTransaction::announce),
        })
    }

    /// Ends the session of a login that led nowhere, unless portals are signed in by it.
    async fn end_unused(
        &self,
        transaction: &mut Transaction,
        session_id: &str,
        now: OffsetDateTime,
    ) -> Result<Option<EndedInTransaction>, Error> {
        let Some(session) = session::find(transaction, session_id).await? else {
            return Ok(None);
        };
        let clients = client_session::list_of_session(transaction, &session.id).await?;
        if session.state == SessionState::Ended || !clients.is_empty() {
            return Ok(None);
        }
        self.end_in(transaction, &session, EndReason::Logout, now)
            .await
    }
}
