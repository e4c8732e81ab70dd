//! [`VerifiedAccess`] as an extractor of axum's: what [`crate::TokenLayer`] has verified.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

use crate::AccessError;
use crate::access_token::VerifiedAccess;
use crate::refusal_answer::problem;

/// A handler that asks for one without a layer before it.
#[derive(Debug)]
pub struct NotChecked(pub(crate) Parts);

impl<S: Sync> FromRequestParts<S> for VerifiedAccess {
    type Rejection = NotChecked;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, NotChecked> {
        let verified = parts.extensions.get::<Self>().cloned();
        verified.ok_or_else(|| NotChecked(parts.clone()))
    }
}

impl IntoResponse for NotChecked {
    fn into_response(self) -> Response {
        let error = AccessError::NotChecked;
        tracing::error!(code = error.code(), "{error}");
        problem("", error.status(), error.code(), &self.0.headers)
    }
}
