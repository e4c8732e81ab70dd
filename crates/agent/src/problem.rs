//! Refusals before a stream begins, as RFC 9457 problem details. The one place where the agent's
//! errors become HTTP.

use std::borrow::Cow;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::Error;
use crate::language::Language;

/// RFC 9457 section 3, with our stable code as an extension member.
#[derive(Debug, Serialize)]
pub(crate) struct Problem {
    r#type: String,
    title: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    code: &'static str,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<Cow<'static, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tries_left: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_seconds: Option<u64>,
}

impl Problem {
    /// A refusal that is told in a line, not in an HTTP response.
    pub(crate) fn in_line(error: &Error, language: Language) -> Self {
        let code = error.code();
        Self {
            r#type: format!("urn:cardea:error:{code}"),
            title: error.title(language),
            status: None,
            code,
            detail: error.to_string(),
            advice: error.advice(language),
            tries_left: error.tries_left(),
            retry_after_seconds: error.retry_after_seconds(),
        }
    }
}

/// The response for a refusal.
pub(crate) fn response(error: &Error, language: Language) -> Response {
    let status = status(error);
    let problem = Problem {
        status: Some(status.as_u16()),
        ..Problem::in_line(error, language)
    };
    // The fields are plain strings: they can always be written as JSON.
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    if let Some(seconds) = error.retry_after_seconds() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn status(error: &Error) -> StatusCode {
    match error {
        Error::PeerRefused
        | Error::HostRefused
        | Error::OriginRefused
        | Error::EnrolmentMismatch => StatusCode::FORBIDDEN,
        Error::NotFound => StatusCode::NOT_FOUND,
        Error::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Error::ContentTypeRefused => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Error::RequestInvalid | Error::ChallengeInvalid { .. } | Error::ChallengeExpired => {
            StatusCode::BAD_REQUEST
        }
        Error::Busy | Error::ChallengeRepeated | Error::ScreenLocked => StatusCode::CONFLICT,
        Error::RateLimited { .. } | Error::SiteBlocked { .. } => StatusCode::TOO_MANY_REQUESTS,
        Error::ChallengeKeysInvalid { .. } | Error::ChallengeKeysRolledBack { .. } => {
            StatusCode::BAD_GATEWAY
        }
        Error::ChallengeKeysUnreachable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        // These come up while a sign-in streams, or before the agent listens at all.
        Error::FileUnreadable { .. }
        | Error::InstanceKeyUnavailable { .. }
        | Error::Log(_)
        | Error::EnrolmentAddressInvalid { .. }
        | Error::IssuerCertificateUntrusted
        | Error::EnrolmentInvalid { .. }
        | Error::EnrolmentForeignIssuer { .. }
        | Error::EnrolmentDeceptive { .. }
        | Error::EnrolmentConflict { .. }
        | Error::EnrolmentRolledBack
        | Error::EnrolmentUnconfirmed { .. }
        | Error::FileUnsafe { .. }
        | Error::ConfigInvalid { .. }
        | Error::Configured { .. }
        | Error::StateUnusable { .. }
        | Error::AddressUnavailable { .. }
        | Error::SocketUnavailable { .. }
        | Error::FrameInvalid { .. }
        | Error::ExtensionRefused
        | Error::NotRunning
        | Error::PromptCancelled
        | Error::PromptTimedOut
        | Error::PromptUnavailable { .. }
        | Error::PageUnavailable { .. }
        | Error::LastTryDeclined
        | Error::TooManyEntries
        | Error::CardExpired { .. }
        | Error::PinWantedContactless
        | Error::CardChanged
        | Error::ReaderHeld { .. }
        | Error::ReaderAmbiguous { .. }
        | Error::PageGone
        | Error::DepartureUndelivered
        | Error::ScreenLockUnwatched { .. }
        | Error::BusinessSoftwareDisabled
        | Error::ClientNotAllowed
        | Error::IssuerUnknown
        | Error::IssuerUnreachable { .. }
        | Error::IssuerAnswerInvalid { .. }
        | Error::GrantRefused { .. }
        | Error::ProofRefused { .. }
        | Error::ProgramRequestInvalid { .. }
        | Error::TooManyPrograms
        | Error::SessionOver
        | Error::Interrupted
        | Error::Internal { .. }
        | Error::Card(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
