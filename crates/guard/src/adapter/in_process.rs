//! For an API in Rust: a handler says whom its answer names, and gets leave to give it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

use super::{Adapter, AdapterError, Guard, Seen};
use crate::access_token::VerifiedAccess;
use crate::refusal_answer::{Challenging, fault, judged};
use crate::{Answer, Error, NotChecked};

/// What [`crate::TokenLayer::with_look_ups`] gives each handler. An answer of a handler that did
/// not say whom it names is withheld by the layer.
#[derive(Clone)]
pub struct LookUps {
    pub(crate) guard: Guard,
    pub(crate) adapter: Adapter,
    pub(crate) access: VerifiedAccess,
    pub(crate) challenging: Challenging,
    pub(crate) headers: HeaderMap,
    pub(crate) is_stated: Arc<AtomicBool>,
}

/// The answer instead of the one that is withheld.
#[derive(Debug)]
pub struct Withheld(Box<Response>);

impl IntoResponse for Withheld {
    fn into_response(self) -> Response {
        *self.0
    }
}

impl LookUps {
    /// Asks the guard before an answer is given. In `Err` stands what to give instead.
    ///
    /// # Errors
    /// [`Withheld`].
    pub async fn ask(&self, seen: &Seen<'_>) -> Result<(), Withheld> {
        self.is_stated.store(true, Ordering::Relaxed);
        let withheld = |response| Withheld(Box::new(response));
        match self.judge(seen).await {
            Ok(judgement) if judgement.decision.answer == Answer::Allow => Ok(()),
            Ok(judgement) => Err(withheld(judged(
                &self.challenging,
                &judgement,
                &self.headers,
            ))),
            Err(error) => {
                tracing::warn!(code = error.code(), "no judgement: {error}");
                Err(withheld(fault(&self.challenging, &error, &self.headers)))
            }
        }
    }

    /// The answer names no patient at all.
    pub fn names_nobody(&self) {
        self.is_stated.store(true, Ordering::Relaxed);
    }

    async fn judge(&self, seen: &Seen<'_>) -> Result<super::Judgement, Error> {
        let session = self.access.sid().unwrap_or(self.access.client_id());
        let statement = self.adapter.statement(session, seen)?;
        self.guard.judge(&self.access, &statement).await
    }

    /// A handler's answer, or what stands in its place where nobody said whom it names.
    pub(crate) fn release(&self, response: Response) -> Response {
        let is_answer = response.status().is_success();
        if !is_answer || self.is_stated.load(Ordering::Relaxed) {
            return response;
        }
        let error = Error::from(AdapterError::StatementMissing);
        tracing::error!(code = error.code(), "{error}");
        fault(&self.challenging, &error, &self.headers)
    }
}

impl<S: Sync> FromRequestParts<S> for LookUps {
    type Rejection = NotChecked;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, NotChecked> {
        let found = parts.extensions.get::<Self>().cloned();
        found.ok_or_else(|| NotChecked(parts.clone()))
    }
}
