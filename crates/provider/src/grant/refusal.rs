//! How a token request is refused, and how the refusal gets on record.

use cardea_oauth2_types::ErrorCode;
use cardea_storage::Transaction;
use time::OffsetDateTime;

use super::revoke::Revoked;
use crate::event::Event;
use crate::token::session_of_client;
use crate::{Client, Error, Provider};

/// How a token request was refused.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub struct TokenError {
    /// What the client learns (RFC 6749 section 5.2).
    pub error: ErrorCode,
    /// The precise refusal, for the log.
    #[source]
    pub source: Error,
}

impl TokenError {
    /// The stable code of the refusal.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.source.code()
    }

    /// The code that the client may learn: coarser than [`Self::code`] where the refusal is about a
    /// card.
    #[must_use]
    pub fn public_code(&self) -> &'static str {
        match &self.source {
            Error::CardGrant(refusal) => refusal.public.code(),
            source => source.code(),
        }
    }
}

impl From<Error> for TokenError {
    fn from(source: Error) -> Self {
        Self {
            error: source.oauth_error(),
            source,
        }
    }
}

/// A refusal, and whether its event stands in a committed transaction already.
#[derive(Debug)]
pub(crate) enum Refused {
    OnRecord(Error),
    Unrecorded(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Unrecorded(error)
    }
}

impl From<cardea_storage::Error> for Refused {
    fn from(error: cardea_storage::Error) -> Self {
        Self::Unrecorded(error.into())
    }
}

impl Provider {
    /// Puts a token request on record that was refused before its client could be named, such as
    /// one whose credentials cannot be read.
    pub async fn refuse_token_request(&self, error: Error) -> TokenError {
        self.refuse_alone(None, error, self.now()).await
    }

    pub(super) async fn refuse_alone(
        &self,
        client: Option<&Client>,
        error: Error,
        now: OffsetDateTime,
    ) -> TokenError {
        let mut event = Event::new(Revoked::default().refusal(&error), now);
        if let Some(client) = client {
            event = event.of_client(&client.client_id);
        }
        if names_nothing_of_ours(&error) {
            self.note(&event);
            return error.into();
        }
        match self.record_alone(event).await {
            Ok(()) => error.into(),
            Err(unrecorded) => unrecorded.into(),
        }
    }
}

/// Whether a request named no code and no token that ever was: nothing changed, and with the id of
/// a public client anybody can send such requests.
fn names_nothing_of_ours(error: &Error) -> bool {
    matches!(
        error,
        Error::GrantTypeMissing
            | Error::GrantTypeUnsupported
            | Error::GrantTypeNotAllowed
            | Error::CardGrantAssertionMissing
            | Error::CodeMissing
            | Error::CodeUnknown
            | Error::DeviceCodeMissing
            | Error::DeviceCodeUnknown
            | Error::DeviceCodeExpired
            | Error::RefreshTokenMissing
            | Error::RefreshTokenUnknown
            | Error::DpopProofMissing
            | Error::DpopProofRepeated
            | Error::DpopProofInvalid(_)
            | Error::DpopNonceMissing
            | Error::DpopNonceInvalid
    )
}

/// Names the session that a code or a refresh token came from, so that one id leads from the login
/// to its abuse.
pub(crate) async fn of_session_of(
    transaction: &mut Transaction,
    event: Event,
    sid: &str,
) -> Result<Event, Error> {
    let session = session_of_client(transaction, sid).await?;
    Ok(match session {
        Some(session) => event.of_session(&session.id, &session.sub),
        None => event,
    })
}
