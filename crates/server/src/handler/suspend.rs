//! Suspending a card by its code (`/suspend`): no session, no cookie, no script.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use cardea_provider::{Error, SuspendCode};
use zeroize::Zeroizing;

use crate::error_response::language_of;
use crate::form::{Body, parse_form};
use crate::language::Language;
use crate::page::{self, Mistake, Step, SuspendPage};
use crate::problem::Problem;
use crate::rate_limit::{Charge, Counted};
use crate::refusal::Refusal;
use crate::same_origin::check_same_origin;
use crate::state::AppState;
use crate::suspend_throttle::Standing;
use crate::uninterrupted::to_the_end;

/// Asks for the code.
pub(crate) async fn get_suspend(
    State(state): State<AppState>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let language = language_of(&uri, &headers);
    render(&state, StatusCode::OK, language, Step::Ask(None))
}

/// Reads a code, and asks whether its card shall be suspended. A foreign page cannot have its
/// visitors guess.
pub(crate) async fn post_suspend(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let language = language_of(&uri, &headers);
    let typed = read_field(&state, &headers, body, "code")?;
    let Ok(code) = SuspendCode::parse(&typed) else {
        // Found out without asking anything: it costs no more than the page.
        return Ok(ask_again(&state, language, Mistake::Mistyped));
    };
    let charge = state.charge(Counted::SuspendCode, peer, &headers);
    let Some(turn) = state.suspend_throttle().wait(standing_of(&charge)).await else {
        give_back(charge);
        return Ok(ask_again(&state, language, Mistake::Busy));
    };
    let accepted = match state.provider().read_suspend_code(&code).await {
        Ok(accepted) => accepted,
        Err(Error::SuspendCodeUnknown) => {
            return Ok(ask_again(&state, language, wrong(&charge)));
        }
        Err(error) => return Err(unavailable(&error)),
    };
    drop(turn);
    give_back(charge);
    let family = &accepted.family;
    let step = match accepted.suspended_since {
        Some(since) => Step::Done { family, since },
        None => Step::Confirm {
            family,
            ticket: accepted.ticket.expose(),
        },
    };
    Ok(render(&state, StatusCode::OK, language, step))
}

/// Suspends the card whose code was right, at once, and tells everybody.
pub(crate) async fn post_confirmation(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let language = language_of(&uri, &headers);
    let ticket = read_field(&state, &headers, body, "ticket")?;
    let charge = state.charge(Counted::SuspendCode, peer, &headers);
    let Some(turn) = state.suspend_throttle().wait(standing_of(&charge)).await else {
        give_back(charge);
        return Ok(ask_again(&state, language, Mistake::Busy));
    };
    let all = state.clone();
    let suspended = to_the_end(async move {
        let suspended = all.provider().suspend_by_ticket(&ticket).await?;
        drop(turn);
        all.announce(suspended.ended);
        Ok::<_, Error>((suspended.family, suspended.since))
    });
    let suspended = suspended
        .await
        .ok_or_else(|| Refusal::page(Problem::Internal))?;
    match suspended {
        Ok((family, since)) => {
            give_back(charge);
            let family = &family;
            let step = Step::Done { family, since };
            Ok(render(&state, StatusCode::OK, language, step))
        }
        Err(Error::SuspendTicketUnknown) => Ok(ask_again(&state, language, Mistake::TooLate)),
        Err(error) => Err(unavailable(&error)),
    }
}

/// An address that has brought many wrong codes is not refused: its right one counts as well. It
/// waits where others of its kind do.
fn standing_of(charge: &Option<Charge<'_>>) -> Standing {
    match charge {
        Some(_) => Standing::Calm,
        None => Standing::Crowded,
    }
}

fn wrong(charge: &Option<Charge<'_>>) -> Mistake {
    match charge {
        Some(_) => Mistake::Unknown,
        None => Mistake::TooOften,
    }
}

/// Only what was wrong counts.
fn give_back(charge: Option<Charge<'_>>) {
    if let Some(charge) = charge {
        charge.give_back();
    }
}

/// The one field of a form that our own page sends.
fn read_field(
    state: &AppState,
    headers: &HeaderMap,
    body: Body,
    name: &str,
) -> Result<Zeroizing<String>, Refusal> {
    check_same_origin(headers, state.origin()).map_err(Refusal::page)?;
    let pairs = parse_form(headers, body).map_err(Refusal::page)?;
    match <[(String, String); 1]>::try_from(pairs) {
        Ok([(found, value)]) if found == name => Ok(Zeroizing::new(value)),
        _ => Err(Refusal::page(Problem::RequestMalformed)),
    }
}

fn ask_again(state: &AppState, language: Language, mistake: Mistake) -> Response {
    let status = match mistake {
        Mistake::Mistyped => StatusCode::UNPROCESSABLE_ENTITY,
        Mistake::Unknown => StatusCode::FORBIDDEN,
        Mistake::TooOften => StatusCode::TOO_MANY_REQUESTS,
        Mistake::Busy => StatusCode::SERVICE_UNAVAILABLE,
        Mistake::TooLate => StatusCode::GONE,
    };
    render(state, status, language, Step::Ask(Some(mistake)))
}

fn render(state: &AppState, status: StatusCode, language: Language, step: Step<'_>) -> Response {
    let page = SuspendPage::new(state.moments(language), step);
    page::render(state, status, language, &page)
}

fn unavailable(error: &Error) -> Refusal {
    Refusal::page(Problem::Unavailable).because(error.code())
}
