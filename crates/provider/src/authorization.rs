//! The authorization endpoint's decisions (RFC 6749 section 4.1, OIDC Core section 3.1.2).
//!
//! [`steps`] reads as a list; each step has a file of its own.

mod asked;
mod cancel;
mod card_news;
pub(crate) mod check_acr;
mod check_client;
mod check_pkce;
pub(crate) mod check_prompt;
mod check_redirect_uri;
pub(crate) mod check_resource;
mod check_response_mode;
mod check_response_type;
pub(crate) mod check_scope;
mod complete;
mod consent;
mod expected_person;
mod guard_news;
mod languages;
mod new_workstation;
mod push;
mod refuse;
mod refused_uses;
mod request;
mod request_object;
pub(crate) mod respond;
mod silent;
mod steps;

pub use cancel::CancelledLogin;
pub use card_news::{CardNews, CardNewsAnswer, SuspendedCard};
pub use complete::CompletedAuthorization;
pub use consent::{ConsentAnswer, ConsentPage, ConsentedAuthorization, Datum};
pub use guard_news::GuardNews;
pub use new_workstation::{DeniedWorkstations, NewWorkstation, NewWorkstations};
pub use push::PushedAuthorization;
pub use refused_uses::{RefusedUseNotice, RefusedUses};
pub use request::LoginPage;
pub use respond::AuthorizationResponse;
pub use steps::BegunAuthorization;

pub(crate) use check_acr::AcrDemand;
pub(crate) use languages::asked_languages;
pub(crate) use refuse::spend_pushed;
pub(crate) use request::{StoredParameters, is_browser_of, load_request};
pub(crate) use steps::check_sizes;

use crate::Error;
use cardea_oauth2_types::ErrorCode;

/// How an authorization request was refused.
#[derive(Debug)]
pub enum AuthorizationError {
    /// Client or redirect URI are not proven: show a page, send the browser nowhere.
    Page(Error),
    /// The client learns the refusal at its redirect URI.
    Redirect {
        /// What to send the client: `error`, `state` and `iss`.
        response: AuthorizationResponse,
        /// The OAuth name of the refusal.
        error: ErrorCode,
        /// The precise refusal, for the log.
        source: Error,
    },
}

impl AuthorizationError {
    /// The stable code of the refusal.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Page(source) | Self::Redirect { source, .. } => source.code(),
        }
    }

    /// The precise refusal.
    #[must_use]
    pub fn source(&self) -> &Error {
        match self {
            Self::Page(source) | Self::Redirect { source, .. } => source,
        }
    }
}

impl std::fmt::Display for AuthorizationError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.source().fmt(formatter)
    }
}

impl std::error::Error for AuthorizationError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(Self::source(self))
    }
}
