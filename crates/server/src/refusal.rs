//! A refusal on its way out of a handler.
//!
//! Handlers say what was refused and in which form the caller reads refusals; the words, the
//! language and the reference are filled in by [`crate::error_response`], in one place.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use cardea_oauth2_types::ErrorCode;
use cardea_provider::TokenScheme;

use crate::problem::Problem;

/// A refusal with the precise code that the log gets.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) form: Form,
    /// The precise stable code, for the log.
    pub(crate) code: &'static str,
}

/// How the caller reads it.
#[derive(Clone, Debug)]
pub(crate) enum Form {
    /// RFC 9457 problem details, for the login page's script.
    Json(Problem),
    /// A page for a person, on our own origin, leading nowhere.
    Page(Problem),
    /// RFC 6749 section 5.2, for clients' servers.
    OAuth {
        error: ErrorCode,
        status: StatusCode,
    },
    /// The same, where the client learns a coarser code than the log.
    OAuthAs {
        error: ErrorCode,
        status: StatusCode,
        shown: &'static str,
    },
    /// The same, with what is wrong in particular: nothing of it is secret or anybody's.
    OAuthBecause {
        error: ErrorCode,
        status: StatusCode,
        reason: String,
    },
    /// RFC 9457 problem details of the admin API, in English, for an operator's program.
    Api {
        status: StatusCode,
        /// What is wrong in particular; empty where the code says all.
        detail: String,
        /// How to come back with a better token.
        challenge: Option<String>,
    },
    /// RFC 6750 section 3 and RFC 9449 section 7.1, for callers with an access token.
    AccessToken {
        /// The scheme that the caller used, or should have.
        scheme: TokenScheme,
        error: Option<ErrorCode>,
        status: StatusCode,
    },
}

impl Refusal {
    pub(crate) fn json(problem: Problem) -> Self {
        Self {
            form: Form::Json(problem),
            code: problem.code(),
        }
    }

    pub(crate) fn page(problem: Problem) -> Self {
        Self {
            form: Form::Page(problem),
            code: problem.code(),
        }
    }

    /// Keeps the precise code for the log, where the caller sees a coarser one.
    pub(crate) fn because(mut self, code: &'static str) -> Self {
        self.code = code;
        self
    }

    pub(crate) fn status(&self) -> StatusCode {
        match &self.form {
            Form::Json(problem) | Form::Page(problem) => problem.status(),
            Form::OAuth { status, .. }
            | Form::OAuthAs { status, .. }
            | Form::OAuthBecause { status, .. }
            | Form::Api { status, .. }
            | Form::AccessToken { status, .. } => *status,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}
