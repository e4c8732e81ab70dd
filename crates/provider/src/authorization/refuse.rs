//! Refusing an authorization request: on a page of ours, or at the client's address.

use cardea_oauth2_types::AuthorizationParameters;
use cardea_storage::{Transaction, pushed_authorization_request};
use time::OffsetDateTime;

use crate::authorization::check_response_mode::{check_response_mode, default_response_mode};
use crate::authorization::respond::ReturnAddress;
use crate::authorization::{AuthorizationError, StoredParameters};
use crate::event::{Event, EventKind};
use crate::{Client, Error, Provider};

impl Provider {
    pub(super) async fn refuse_on_page(
        &self,
        client: Option<&Client>,
        error: Error,
        now: OffsetDateTime,
    ) -> AuthorizationError {
        match self.record_refusal(client, None, &error, now).await {
            Ok(()) => AuthorizationError::Page(error),
            Err(unrecorded) => AuthorizationError::Page(unrecorded),
        }
    }

    /// Refuses at the redirect URI, which was proven before; a pushed request is spent with it.
    pub(super) async fn refuse_to(
        &self,
        client: &Client,
        parameters: &AuthorizationParameters,
        pushed_id: Option<&str>,
        error: Error,
        now: OffsetDateTime,
    ) -> AuthorizationError {
        if let Err(unrecorded) = self
            .record_refusal(Some(client), pushed_id, &error, now)
            .await
        {
            return AuthorizationError::Page(unrecorded);
        }
        let mode = check_response_mode(client, parameters);
        let address = ReturnAddress {
            redirect_uri: parameters.redirect_uri.as_deref().unwrap_or_default(),
            mode: mode.unwrap_or_else(|_| default_response_mode(client)),
            state: parameters.state.as_deref(),
            issuer: self.issuer.as_str(),
            for_device: false,
        };
        match self.finish_response(client, address.error(&error), now) {
            Ok(response) => AuthorizationError::Redirect {
                response,
                error: error.oauth_error(),
                source: error,
            },
            Err(unsigned) => AuthorizationError::Page(unsigned),
        }
    }

    async fn record_refusal(
        &self,
        client: Option<&Client>,
        pushed_id: Option<&str>,
        error: &Error,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let mut event = Event::new(EventKind::AuthorizationRefused { code: error.code() }, now);
        if let Some(client) = client {
            event = event.of_client(&client.client_id);
        }
        if pushed_id.is_none() && !self.may_record(&event) {
            self.note(&event);
            return Ok(());
        }
        let mut transaction = self.store.begin().await?;
        if let Some(id) = pushed_id {
            pushed_authorization_request::spend(&mut transaction, id, now).await?;
        }
        self.record(&mut transaction, event).await?;
        Ok(transaction.commit().await?)
    }
}

/// Spends the pushed request that an answer belongs to: of several browsers that opened it, one
/// gets an answer (RFC 9126 section 7.3).
pub(crate) async fn spend_pushed(
    transaction: &mut Transaction,
    parameters: &StoredParameters,
    now: OffsetDateTime,
) -> Result<(), Error> {
    match &parameters.pushed_id {
        Some(id) if !pushed_authorization_request::spend(transaction, id, now).await? => {
            Err(Error::RequestUriReused)
        }
        _ => Ok(()),
    }
}
