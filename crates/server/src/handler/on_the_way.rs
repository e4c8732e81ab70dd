//! The head of every page between the beginning of a login and its answer: it is one browser's, and
//! whoever asks for another's is counted.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRequestParts, Path};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use cardea_provider::{ACCOUNT, CONSOLE, Error};
use time::Duration;

use crate::error_response::{chosen_language, language_of, language_of_login};
use crate::form::{Body, parse_form};
use crate::handler::authorize::{append_cookie, see_other};
use crate::handler::{card_news, consent, guard_news, new_workstations, refused_uses};
use crate::language::Language;
use crate::login_error::page_refusal;
use crate::problem::Problem;
use crate::rate_limit::Charge;
use crate::refusal::Refusal;
use crate::request_log::record_login;
use crate::same_origin::check_same_origin;
use crate::state::AppState;
use crate::uninterrupted::to_the_end;

/// As long as a login to the account page may take.
const LANGUAGE_KEPT: Duration = Duration::minutes(10);

/// A browser at a page of a login; as an argument of a handler it names the login in the log.
pub(crate) struct OnTheWay {
    pub(crate) request_id: String,
    headers: HeaderMap,
    uri: Uri,
    peer: SocketAddr,
}

/// Why a page is not shown.
pub(crate) enum NotHere {
    /// It is refused.
    Refused(Refusal),
    /// Another page comes first, at this address.
    First(String),
}

impl OnTheWay {
    /// The cookie of the browser that began the login: no other browser goes on with it.
    pub(crate) fn login_cookie(&self, state: &AppState) -> Result<String, Refusal> {
        state.login_cookie(&self.headers, &self.request_id)
    }

    /// The cookie of the session that this browser is in.
    pub(crate) fn session_cookie(&self, state: &AppState) -> Option<String> {
        state.cookies().session(&self.headers)
    }

    /// Reads a form that only our own page may send (attack E20).
    pub(crate) fn read_form(
        &self,
        state: &AppState,
        body: Body,
    ) -> Result<Vec<(String, String)>, Refusal> {
        check_same_origin(&self.headers, state.origin()).map_err(Refusal::page)?;
        parse_form(&self.headers, body).map_err(Refusal::page)
    }

    /// Has the provider look; what it refuses counts against the caller's address.
    pub(crate) async fn see<T>(
        &self,
        state: &AppState,
        looking: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, NotHere> {
        let charge = state.charge_page(self.peer, &self.headers)?;
        self.judge(charge, looking.await)
    }

    /// Has the provider do something, to the end; counted in the same way.
    pub(crate) async fn act<T: Send + 'static>(
        &self,
        state: &AppState,
        acting: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, NotHere> {
        let charge = state.charge_page(self.peer, &self.headers)?;
        let done = to_the_end(acting).await;
        self.judge(
            charge,
            done.ok_or_else(|| Refusal::page(Problem::Internal))?,
        )
    }

    fn judge<T>(&self, charge: Charge<'_>, outcome: Result<T, Error>) -> Result<T, NotHere> {
        let error = match outcome {
            Ok(value) => {
                charge.give_back();
                return Ok(value);
            }
            Err(error) => error,
        };
        match first(&error, &self.request_id) {
            Some(address) => {
                charge.give_back();
                Err(NotHere::First(self.onward(&address)))
            }
            None => Err(page_refusal(&error).into()),
        }
    }

    /// The language that was chosen on the page, else the browser's.
    pub(crate) fn language(&self) -> Language {
        language_of(&self.uri, &self.headers)
    }

    /// The same, where the client has asked for languages.
    pub(crate) fn language_of_login(&self, ui_locales: Option<&str>) -> Language {
        language_of_login(&self.uri, &self.headers, ui_locales)
    }

    /// Keeps the language that was chosen for a page of our own, where a login leads there.
    pub(crate) fn keep_language(&self, state: &AppState, response: &mut Response) {
        let cookies = state.cookies();
        let Some(chosen) = chosen_language(&self.uri) else {
            return;
        };
        for page in [ACCOUNT, CONSOLE] {
            let kept = cookies.own_page_login(page, &self.headers);
            let Some((verifier, _)) = kept.filter(|(_, before)| *before != Some(chosen)) else {
                continue;
            };
            let cookie = cookies.set_own_page_login(page, &verifier, chosen, LANGUAGE_KEPT);
            append_cookie(response, cookie);
        }
    }

    /// The address of the page that comes next, in the language that was chosen on this one.
    pub(crate) fn onward(&self, address: &str) -> String {
        keeping_language(address, &self.uri)
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.headers
    }
}

/// An address of ours with the language that stands in the one before it, where one does: what the
/// portal asked for is not overruled by what the browser says.
pub(super) fn keeping_language(address: &str, before: &Uri) -> String {
    chosen_language(before).map_or_else(
        || address.to_owned(),
        |chosen| format!("{address}?lang={}", chosen.tag()),
    )
}

/// Where a login goes first, if it is held up by something that its person has to be shown.
pub(super) fn first(error: &Error, request_id: &str) -> Option<String> {
    match error {
        Error::NewWorkstationsUnshown => Some(new_workstations::address(request_id)),
        Error::CardNewsUnshown => Some(card_news::address(request_id)),
        Error::GuardNewsUnshown => Some(guard_news::address(request_id)),
        Error::RefusedUsesUnshown => Some(refused_uses::address(request_id)),
        Error::ConsentRequired => Some(consent::address(request_id)),
        _ => None,
    }
}

impl FromRequestParts<AppState> for OnTheWay {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Refusal> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let Path(request_id) = path.map_err(|_| Refusal::page(Problem::NotFound))?;
        record_login(&request_id);
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let ConnectInfo(peer) = peer.ok_or_else(|| Refusal::page(Problem::Internal))?;
        Ok(Self {
            request_id,
            headers: parts.headers.clone(),
            uri: parts.uri.clone(),
            peer: *peer,
        })
    }
}

impl From<Refusal> for NotHere {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl IntoResponse for NotHere {
    fn into_response(self) -> Response {
        match self {
            Self::Refused(refusal) => refusal.into_response(),
            Self::First(address) => see_other(&address),
        }
    }
}
