//! Refusals in the form that their caller reads: the one place where they become bytes.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use cardea_oauth2_types::{ErrorBody, ErrorCode};
use cardea_provider::TokenScheme;
use serde::Serialize;
use url::form_urlencoded;

use crate::error_list;
use crate::handler::proof::DPOP_NONCE;
use crate::language::Language;
use crate::page::{self, ErrorPage};
use crate::problem::Problem;
use crate::refusal::{Form, Refusal};
use crate::request_log::RequestId;
use crate::retry_after::retry_after;
use crate::security_headers::agentless_page_policy;
use crate::state::AppState;

/// What DPoP proofs may be signed with (RFC 9449 section 5.1): every algorithm that `jose`
/// verifies.
const DPOP_ALGORITHMS: &str = "ES256 ES384 PS256 EdDSA RS256";

/// What stands beside a refusal and stays.
const KEPT_HEADERS: [HeaderName; 3] = [header::SET_COOKIE, header::ALLOW, DPOP_NONCE];

/// RFC 9457 section 3.1, with our code and reference as members.
#[derive(Serialize)]
struct ProblemDetails<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: &'a str,
    correlation_id: &'a str,
}

/// Fills in a refusal's words.
pub(crate) async fn render_refusals<F>(
    state: &AppState,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response
where
    F: Future<Output = Response>,
{
    fill_in(request, next, |language, id, refusal| {
        Some(render(state, language, id, refusal))
    })
    .await
}

/// The same on a host without styles and explanations of its own, where only pages are shown, and
/// only the small set of codes: the precise one is for the log.
pub(crate) async fn render_refusals_away<F>(
    state: &AppState,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response
where
    F: Future<Output = Response>,
{
    fill_in(request, next, |language, id, refusal| {
        let (Form::Page(problem) | Form::Json(problem)) = refusal.form else {
            return None;
        };
        let home = state.origin();
        let error_page = error_page(language, id, problem, problem.code());
        let mut rendered = page::render_away(state, home, problem.status(), language, &error_page);
        if let Ok(policy) = HeaderValue::from_str(&agentless_page_policy(home, "")) {
            let headers = rendered.headers_mut();
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        Some(rendered)
    })
    .await
}

/// Puts what `render` makes of a refusal in its place; without that, its bare status stays.
async fn fill_in<F>(
    request: Request,
    next: impl FnOnce(Request) -> F,
    render: impl FnOnce(Language, &RequestId, &Refusal) -> Option<Response>,
) -> Response
where
    F: Future<Output = Response>,
{
    let language = language_of(request.uri(), request.headers());
    let id = request
        .extensions()
        .get::<RequestId>()
        .cloned()
        .unwrap_or_default();
    let mut response = next(request).await;
    let Some(refusal) = response.extensions_mut().remove::<Refusal>() else {
        return response;
    };
    let Some(mut rendered) = render(language, &id, &refusal) else {
        return response;
    };
    for (name, value) in response.headers() {
        if KEPT_HEADERS.contains(name) {
            rendered.headers_mut().append(name, value.clone());
        }
    }
    if let Some(seconds) = retry_after(rendered.status(), refusal.code) {
        rendered.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    rendered.extensions_mut().insert(refusal);
    rendered
}

/// The language of a request without anything better: `lang`, `ui_locales`, Accept-Language.
pub(crate) fn language_of(uri: &Uri, headers: &HeaderMap) -> Language {
    let from_header = || {
        let header = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
        Language::from_accept_language(header)
    };
    chosen_language(uri)
        .or_else(|| language_in(uri, "ui_locales"))
        .or_else(from_header)
        .unwrap_or_default()
}

/// The language that was chosen on the page before, if one was.
pub(crate) fn chosen_language(uri: &Uri) -> Option<Language> {
    language_in(uri, "lang")
}

fn language_in(uri: &Uri, wanted: &str) -> Option<Language> {
    let query = uri.query().unwrap_or_default().as_bytes();
    let mut parameters = form_urlencoded::parse(query);
    let (_, value) = parameters.find(|(name, _)| name == wanted)?;
    Language::from_ui_locales(&value)
}

/// The language of a page within a login: the one chosen on the page before it, else what the
/// client asked for with its `ui_locales`, else as [`language_of`].
pub(crate) fn language_of_login(
    uri: &Uri,
    headers: &HeaderMap,
    ui_locales: Option<&str>,
) -> Language {
    let chosen = uri.query().is_some_and(|query| query.contains("lang="));
    match ui_locales.and_then(Language::from_ui_locales) {
        Some(language) if !chosen => language,
        _ => language_of(uri, headers),
    }
}

fn render(state: &AppState, language: Language, id: &RequestId, refusal: &Refusal) -> Response {
    match &refusal.form {
        Form::Json(problem) => render_json(state, language, id, *problem),
        Form::Page(problem) => render_page(state, language, id, *problem, refusal.code),
        Form::OAuth { error, status } => render_oauth(state, *error, *status, refusal.code),
        Form::OAuthBecause {
            error,
            status,
            reason,
        } => {
            let told = allowed(&format!("{}: {reason}", refusal.code));
            render_oauth_told(state, *error, *status, refusal.code, told)
        }
        Form::Api {
            status,
            detail,
            challenge,
        } => {
            let mut response = render_api(state, id, *status, refusal.code, detail);
            let challenge = challenge.as_deref().map(HeaderValue::from_str);
            if let Some(Ok(challenge)) = challenge {
                let headers = response.headers_mut();
                headers.insert(header::WWW_AUTHENTICATE, challenge);
            }
            response
        }
        Form::OAuthAs {
            error,
            status,
            shown,
        } => render_oauth(state, *error, *status, shown),
        Form::AccessToken {
            scheme,
            error,
            status,
        } => {
            let mut response = status.into_response();
            for challenge in token_challenges(state, *scheme, *error, refusal.code) {
                if let Ok(challenge) = HeaderValue::from_str(&challenge) {
                    response
                        .headers_mut()
                        .append(header::WWW_AUTHENTICATE, challenge);
                }
            }
            response
        }
    }
}

/// RFC 6750 section 3 and RFC 9449 section 7.1: with which scheme to come back, and why. Without a
/// token there is no error to name, and both schemes are offered.
fn token_challenges(
    state: &AppState,
    scheme: TokenScheme,
    error: Option<ErrorCode>,
    code: &str,
) -> Vec<String> {
    let challenge = |scheme| match scheme {
        TokenScheme::Bearer => "Bearer realm=\"cardea\"".to_owned(),
        TokenScheme::Dpop => format!("DPoP realm=\"cardea\", algs=\"{DPOP_ALGORITHMS}\""),
    };
    match error {
        None => vec![challenge(TokenScheme::Bearer), challenge(TokenScheme::Dpop)],
        Some(error) => vec![format!(
            "{}, error=\"{error}\", error_description=\"{}\", error_uri=\"{}\"",
            challenge(scheme),
            description(code),
            error_uri(state, code)
        )],
    }
}

fn render_oauth(state: &AppState, error: ErrorCode, status: StatusCode, code: &str) -> Response {
    render_oauth_told(state, error, status, code, description(code))
}

fn render_oauth_told(
    state: &AppState,
    error: ErrorCode,
    status: StatusCode,
    code: &str,
    told: String,
) -> Response {
    let body = ErrorBody {
        error,
        error_description: Some(told),
        error_uri: Some(error_uri(state, code)),
    };
    let mut response = (status, axum::Json(body)).into_response();
    if status == StatusCode::UNAUTHORIZED {
        // RFC 6749 section 5.2: the scheme that the client may authenticate with.
        let challenge = HeaderValue::from_static("Basic realm=\"cardea\"");
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

/// Problem details of any code: its meaning for the title, and what is wrong in particular.
fn render_api(
    state: &AppState,
    id: &RequestId,
    status: StatusCode,
    code: &str,
    detail: &str,
) -> Response {
    let entry = error_list::find(code);
    let title = entry.map_or(code, |entry| entry.meaning);
    let advice = entry.map_or("", |entry| entry.advice);
    let details = ProblemDetails {
        r#type: error_uri(state, code),
        title,
        status: status.as_u16(),
        code,
        detail: if detail.is_empty() { advice } else { detail },
        correlation_id: id.as_str(),
    };
    let mut response = (status, axum::Json(details)).into_response();
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    response
}

fn render_json(state: &AppState, language: Language, id: &RequestId, problem: Problem) -> Response {
    let details = ProblemDetails {
        r#type: error_uri(state, problem.code()),
        title: problem.title().in_language(language),
        status: problem.status().as_u16(),
        code: problem.code(),
        detail: problem.advice().in_language(language),
        correlation_id: id.as_str(),
    };
    let mut response = (problem.status(), axum::Json(details)).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    headers.insert(
        header::CONTENT_LANGUAGE,
        HeaderValue::from_static(language.tag()),
    );
    response
}

fn render_page(
    state: &AppState,
    language: Language,
    id: &RequestId,
    problem: Problem,
    code: &'static str,
) -> Response {
    let error_page = error_page(language, id, problem, code);
    page::render(state, problem.status(), language, &error_page)
}

fn error_page<'a>(
    language: Language,
    id: &'a RequestId,
    problem: Problem,
    code: &'static str,
) -> ErrorPage<'a> {
    ErrorPage {
        language,
        heading: problem.title().in_language(language),
        detail: problem.advice().in_language(language),
        code,
        reference: id.as_str(),
    }
}

/// The code with its meaning in docs/errors.md, in the characters that RFC 6749 section 5.2 and
/// RFC 6750 section 3 allow.
fn description(code: &str) -> String {
    let meaning = error_list::find(code).map_or("", |entry| entry.meaning);
    let text = if meaning.is_empty() {
        code.to_owned()
    } else {
        format!("{code}: {meaning}")
    };
    allowed(&text)
}

fn allowed(text: &str) -> String {
    let is_allowed =
        |character: &char| matches!(character, ' '..='~') && !matches!(character, '"' | '\\');
    text.chars().filter(is_allowed).collect()
}

fn error_uri(state: &AppState, code: &str) -> String {
    format!("{}/errors/{code}", state.origin())
}
