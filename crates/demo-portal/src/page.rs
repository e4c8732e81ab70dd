//! The pages: templates, texts and the headers that protect them.

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use url::Url;

use crate::language::Language;
use crate::look_up::desk::Withheld;
use crate::text::{Advice, Text};

/// The page of somebody who is not signed in.
#[derive(Template)]
#[template(path = "welcome.html")]
pub(crate) struct Welcome {
    pub(crate) text: &'static Text,
    pub(crate) language: &'static str,
    pub(crate) other: &'static str,
}

/// The page of somebody who is signed in.
#[derive(Template)]
#[template(path = "space.html")]
pub(crate) struct Space {
    pub(crate) text: &'static Text,
    pub(crate) language: &'static str,
    pub(crate) other: &'static str,
    pub(crate) greeting: String,
    /// What ends the session.
    pub(crate) presence: &'static str,
    /// Whether patients can be looked up here.
    pub(crate) has_look_ups: bool,
}

/// Where a professional looks patients up.
#[derive(Template)]
#[template(path = "patients.html")]
pub(crate) struct Patients<'a> {
    pub(crate) text: &'static Text,
    pub(crate) language: &'static str,
    pub(crate) other: &'static str,
    /// What was searched for.
    pub(crate) name: &'a str,
    pub(crate) is_searched: bool,
    /// Number and name.
    pub(crate) found: Vec<(String, String)>,
    /// What the guard says instead, and what the portal adds.
    pub(crate) withheld: Option<(&'static Advice, Withheld)>,
    /// Different patients so far, and what is allowed without a card.
    pub(crate) seen: usize,
    pub(crate) per_minute: u32,
    pub(crate) per_hour: u32,
    /// How many the robot's button asks for, and from which on.
    pub(crate) walk: usize,
    pub(crate) from: usize,
}

/// The page after a session has ended elsewhere.
#[derive(Template)]
#[template(path = "ended.html")]
pub(crate) struct Ended {
    pub(crate) text: &'static Text,
    pub(crate) language: &'static str,
    pub(crate) other: &'static str,
}

/// The page of a login that did not work.
#[derive(Template)]
#[template(path = "problem.html")]
pub(crate) struct Problem {
    pub(crate) text: &'static Text,
    pub(crate) language: &'static str,
    pub(crate) other: &'static str,
    pub(crate) title: &'static str,
    pub(crate) explanation: &'static str,
    /// For the help desk, where there is something to help with.
    pub(crate) code: Option<&'static str>,
}

/// The tag of the language that the page's switch leads to.
pub(crate) fn other(language: Language) -> &'static str {
    match language {
        Language::French => Language::English.tag(),
        Language::English => Language::French.tag(),
    }
}

/// Renders a page. Nothing from outside the portal may be loaded, run or framed, and a form may
/// lead only to the portal and, at sign-out, to the provider.
pub(crate) fn render(status: StatusCode, page: &impl Template, issuer: &str) -> Response {
    let Ok(html) = page.render() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = (status, Html(html)).into_response();
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&content_security_policy(issuer)) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    let fixed = [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn content_security_policy(issuer: &str) -> String {
    let issuer = Url::parse(issuer).map(|url| url.origin().ascii_serialization());
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
         connect-src 'self'; form-action 'self' {}; base-uri 'none'; frame-ancestors 'none'",
        issuer.unwrap_or_default()
    )
}
