//! What the page's port answers: one page, one form, and nothing to anybody else.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, ORIGIN, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use tokio::sync::oneshot;

use super::html::Page;

/// Longest form, in bytes: `card=` and a number.
const FORM_BYTES_MAX: usize = 32;
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

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
    host: String,
    path: String,
    page: Page,
    /// Gone once there is an answer, or nobody waits for one.
    answer: Mutex<Option<oneshot::Sender<Answer>>>,
}

impl Choosing {
    pub(super) fn new(
        address: SocketAddr,
        path: String,
        page: Page,
        answer: oneshot::Sender<Answer>,
    ) -> Self {
        Self {
            host: address.to_string(),
            path,
            page,
            answer: Mutex::new(Some(answer)),
        }
    }

    /// The page's address.
    pub(super) fn url(&self) -> String {
        format!("http://{}{}", self.host, self.path)
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

    /// Refuses names that only point here, and requests that another page made.
    fn is_own(&self, method: &Method, headers: &HeaderMap) -> bool {
        let one = |name: &HeaderName| {
            let mut values = headers.get_all(name).iter();
            match (values.next(), values.next()) {
                (Some(value), None) => value.to_str().ok(),
                _ => None,
            }
        };
        let site = one(&FETCH_SITE);
        let from_here = match *method {
            Method::GET => matches!(site, None | Some("none" | "same-origin")),
            _ => {
                one(&ORIGIN) == Some(&format!("http://{}", self.host))
                    && matches!(site, None | Some("same-origin"))
            }
        };
        one(&HOST) == Some(&self.host) && from_here
    }

    fn is_path(&self, path: &str) -> bool {
        let (asked, own) = (path.as_bytes(), self.path.as_bytes());
        asked.len() == own.len() && openssl::memcmp::eq(asked, own)
    }

    fn answer(&self, form: &[u8]) -> Response {
        let Some(answer) = self.page.parse(form) else {
            return StatusCode::BAD_REQUEST.into_response();
        };
        match self.take() {
            Some(waiting) => {
                // Whoever waited may have gone this moment.
                let _ = waiting.send(answer);
                self.respond(StatusCode::OK, |nonce| self.page.chosen(answer, nonce))
            }
            None => self.over(),
        }
    }

    fn over(&self) -> Response {
        self.respond(StatusCode::GONE, |nonce| self.page.over(nonce))
    }

    /// A page under a policy that allows its own style sheet, its own form, and nothing else.
    fn respond(&self, status: StatusCode, html: impl FnOnce(&str) -> String) -> Response {
        let mut random = [0; 16];
        if openssl::rand::rand_bytes(&mut random).is_err() {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        let nonce = cardea_jose::base64url(&random);
        let policy = format!(
            "default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; base-uri 'none'; \
             frame-ancestors 'none'"
        );
        let Ok(policy) = HeaderValue::from_str(&policy) else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        let fixed = HeaderValue::from_static;
        let mut response = (status, html(&nonce)).into_response();
        response.headers_mut().extend([
            (CONTENT_TYPE, fixed("text/html; charset=utf-8")),
            (CONTENT_SECURITY_POLICY, policy),
            (CACHE_CONTROL, fixed("no-store")),
            // With "no-referrer" browsers send the form with "Origin: null".
            (REFERRER_POLICY, fixed("same-origin")),
            (X_CONTENT_TYPE_OPTIONS, fixed("nosniff")),
            (X_FRAME_OPTIONS, fixed("DENY")),
            (OPENER_POLICY, fixed("same-origin")),
        ]);
        response
    }
}

pub(super) fn router(choosing: Arc<Choosing>) -> Router {
    Router::new().fallback(serve).with_state(choosing)
}

async fn serve(State(choosing): State<Arc<Choosing>>, request: Request) -> Response {
    let method = request.method().clone();
    if !choosing.is_own(&method, request.headers()) {
        return StatusCode::FORBIDDEN.into_response();
    }
    if !choosing.is_path(request.uri().path()) || request.uri().query().is_some() {
        return StatusCode::NOT_FOUND.into_response();
    }
    match method {
        Method::GET if choosing.is_over() => choosing.over(),
        Method::GET => choosing.respond(StatusCode::OK, |nonce| choosing.page.cards(nonce)),
        Method::POST => match axum::body::to_bytes(request.into_body(), FORM_BYTES_MAX).await {
            Ok(form) => choosing.answer(&form),
            Err(_) => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
        },
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}
