//! `cardea-agent status --page`: the workstation's state in the person's browser, with the doctor's
//! findings and the end of all sessions.
//!
//! The command serves the page itself, as long as somebody looks at it, and asks the agent through
//! its socket: so it is there when the agent is not, and where the agent's own port is shut. It is
//! one of the agent's own pages (`OwnPage`); nothing on it is secret, and no name is.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tokio::sync::Mutex;

use crate::Error;
use crate::agent_socket::ask_to_end_sessions;
use crate::config::Config;
use crate::doctor::{self, Report, Surroundings};
use crate::local_api::OwnUserListener;
use crate::own_page::{self, MISSING_BROWSER, OwnPage, open, respond};
use crate::{peer_check, protected_program, status_command};

mod html;

use html::Shown;

/// How long the command waits for the next look. An open page looks every 20 seconds.
const UNSEEN_LIMIT: Duration = Duration::from_secs(120);
/// How long the doctor's findings are shown before they are looked for again.
const FINDINGS_LIMIT: Duration = Duration::from_secs(60);
/// Longest form, in bytes.
const FORM_BYTES_MAX: usize = 32;

/// What the page is made of.
struct Desk {
    own: OwnPage,
    config: Config,
    surroundings: Surroundings,
    memory: Mutex<Memory>,
    last_look: std::sync::Mutex<Instant>,
}

#[derive(Default)]
struct Memory {
    report: Option<(Arc<Report>, Instant)>,
    /// How many sessions were ended, to be said once; none where the agent did not answer.
    ended: Option<Option<usize>>,
}

/// Shows the page until nobody looks at it any more, or `stop` resolves.
///
/// # Errors
/// [`Error::PageUnavailable`] where no browser opens; [`Error::FileUnsafe`] where another user
/// can change what opens it.
pub async fn show(
    config: Config,
    surroundings: Surroundings,
    stop: impl Future<Output = ()>,
) -> Result<(), Error> {
    let unavailable = |reason| Error::PageUnavailable { reason };
    let browser = protected_program::find(&config.browser).map_err(config.blame("browser"))?;
    let browser = browser.ok_or(unavailable(MISSING_BROWSER))?;
    let bound = own_page::bind().await;
    let (listener, address) = bound.map_err(|_| unavailable("there is no port for the page"))?;
    let own = OwnPage::at(address)?;
    let url = own.url();
    let desk = Arc::new(Desk {
        own,
        config,
        surroundings,
        memory: Mutex::default(),
        last_look: std::sync::Mutex::new(Instant::now()),
    });
    let listener = OwnUserListener::new(listener, peer_check::of_this_platform(), address);
    let router = Router::new().fallback(serve).with_state(Arc::clone(&desk));
    tokio::select! {
        _ = axum::serve(listener, router).into_future() => Ok(()),
        reason = open(&browser, &url) => Err(unavailable(reason)),
        () = desk.unseen() => Ok(()),
        () = stop => Ok(()),
    }
}

impl Desk {
    /// Resolves when nobody has looked for a while.
    async fn unseen(&self) {
        loop {
            let seen = *self.last_look();
            let left = UNSEEN_LIMIT.saturating_sub(seen.elapsed());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left).await;
        }
    }

    fn last_look(&self) -> std::sync::MutexGuard<'_, Instant> {
        let poisoned = std::sync::PoisonError::into_inner;
        self.last_look.lock().unwrap_or_else(poisoned)
    }

    async fn page(&self) -> Response {
        let mut memory = self.memory.lock().await;
        let known = memory.report.take();
        let fresh = known.filter(|(_, at)| at.elapsed() < FINDINGS_LIMIT);
        let (report, at) = match fresh {
            Some(known) => known,
            None => {
                let report = doctor::examine(&self.surroundings).await;
                (Arc::new(report), Instant::now())
            }
        };
        memory.report = Some((Arc::clone(&report), at));
        let ended = memory.ended.take();
        drop(memory);
        let Ok(status) = status_command::ask(&self.config).await else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        let shown = Shown {
            language: self.config.language,
            status: &status,
            report: &report,
            ended,
        };
        respond(StatusCode::OK, |nonce| shown.document(nonce))
    }

    async fn answer(&self, form: &[u8]) -> Response {
        let ended = match form {
            b"end=1" => Some(ask_to_end_sessions(&self.config.socket).await.ok()),
            b"look=1" => None,
            _ => return StatusCode::BAD_REQUEST.into_response(),
        };
        let mut memory = self.memory.lock().await;
        memory.report = None;
        memory.ended = ended;
        // So that loading the page again sends no form again.
        let location = self.own.path().to_owned();
        (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
    }
}

async fn serve(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    let method = request.method().clone();
    if !desk.own.is_own(&method, request.headers()) {
        return StatusCode::FORBIDDEN.into_response();
    }
    if !desk.own.is_path(request.uri().path()) || request.uri().query().is_some() {
        return StatusCode::NOT_FOUND.into_response();
    }
    *desk.last_look() = Instant::now();
    match method {
        Method::GET => desk.page().await,
        Method::POST => match axum::body::to_bytes(request.into_body(), FORM_BYTES_MAX).await {
            Ok(form) => desk.answer(&form).await,
            Err(_) => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
        },
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}
