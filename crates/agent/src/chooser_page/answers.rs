//! What the page's port answers: one page, one form, and nothing to anybody else.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use tokio::sync::oneshot;

use super::html::Page;
use crate::own_page::{OwnPage, respond};

/// Longest form, in bytes: `card=` and a number.
const FORM_BYTES_MAX: usize = 32;

/// What the person chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The card in this place of the list.
    Card(usize),
    /// None.
    Cancelled,
}

/// One choice under way, or over.
pub(super) struct Choosing {
    own: OwnPage,
    page: Page,
    /// Gone once there is an answer, or nobody waits for one.
    answer: Mutex<Option<oneshot::Sender<Answer>>>,
}

impl Choosing {
    pub(super) fn new(own: OwnPage, page: Page, answer: oneshot::Sender<Answer>) -> Self {
        Self {
            own,
            page,
            answer: Mutex::new(Some(answer)),
        }
    }

    /// The page's address.
    pub(super) fn url(&self) -> String {
        self.own.url()
    }

    /// From now on the page says that the choice is over.
    pub(super) fn end(&self) {
        self.take();
    }

    fn take(&self) -> Option<oneshot::Sender<Answer>> {
        self.answer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    fn is_over(&self) -> bool {
        let answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        answer.is_none()
    }

    fn answer(&self, form: &[u8]) -> Response {
        let Some(answer) = self.page.parse(form) else {
            return StatusCode::BAD_REQUEST.into_response();
        };
        match self.take() {
            Some(waiting) => {
                // Whoever waited may have gone this moment.
                let _ = waiting.send(answer);
                respond(StatusCode::OK, |nonce| self.page.chosen(answer, nonce))
            }
            None => self.over(),
        }
    }

    fn over(&self) -> Response {
        respond(StatusCode::GONE, |nonce| self.page.over(nonce))
    }
}

pub(super) fn router(choosing: Arc<Choosing>) -> Router {
    Router::new().fallback(serve).with_state(choosing)
}

async fn serve(State(choosing): State<Arc<Choosing>>, request: Request) -> Response {
    let method = request.method().clone();
    if !choosing.own.is_own(&method, request.headers()) {
        return StatusCode::FORBIDDEN.into_response();
    }
    if !choosing.own.is_path(request.uri().path()) || request.uri().query().is_some() {
        return StatusCode::NOT_FOUND.into_response();
    }
    match method {
        Method::GET if choosing.is_over() => choosing.over(),
        Method::GET => respond(StatusCode::OK, |nonce| choosing.page.cards(nonce)),
        Method::POST => match axum::body::to_bytes(request.into_body(), FORM_BYTES_MAX).await {
            Ok(form) => choosing.answer(&form),
            Err(_) => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
        },
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}
