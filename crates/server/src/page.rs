//! The pages that people see, rendered from askama templates with no script or style inline.

mod account_page;
mod agentless_page;
pub(crate) mod banner;
mod card_news_page;
pub(crate) mod card_words;
pub(crate) mod chart;
mod code_page;
mod consent_page;
pub(crate) mod console_page;
mod denied_uses_page;
mod denied_workstations_page;
mod device_page;
mod error_page;
mod form_post_page;
mod guard_news_page;
pub(crate) mod home;
mod login_page;
mod logout_page;
mod new_workstations_page;
mod not_me_page;
pub(crate) mod panel;
mod refused_uses_page;
pub(crate) mod support;
mod suspend_page;
#[cfg(test)]
mod typesetting;

pub(crate) use self::account_page::{AccountClosedPage, AccountPage};
pub(crate) use self::agentless_page::AgentlessPage;
pub(crate) use self::card_news_page::{CardNewsPage, SuspendCodePage};
pub(crate) use self::code_page::CodePage;
pub(crate) use self::consent_page::ConsentPage;
pub(crate) use self::denied_uses_page::DeniedUsesPage;
pub(crate) use self::denied_workstations_page::DeniedWorkstationsPage;
pub(crate) use self::device_page::{
    DeviceAnswerPage, DeviceCodePage, DeviceConfirmationPage, Typed,
};
pub(crate) use self::error_page::ErrorPage;
pub(crate) use self::form_post_page::FormPostPage;
pub(crate) use self::guard_news_page::{
    GuardNewsPage, advice as advice_on_stops, line as line_of_stop,
};
pub(crate) use self::login_page::{Agentless, LoginPage, Start};
pub(crate) use self::logout_page::{
    AgentlessLogins, AskedBy, LogoutAnswerPage, LogoutPage, SIGNED_OUT_PATH, STAYED_PATH,
};

pub(crate) use self::new_workstations_page::NewWorkstationsPage;
pub(crate) use self::not_me_page::NotMePage;
pub(crate) use self::refused_uses_page::RefusedUsesPage;
pub(crate) use self::suspend_page::{Mistake, SUSPEND_PATH, Step, SuspendPage};

use std::any::Any;

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use cardea_provider::{ACCOUNT_NAME, CONSOLE_NAME};

use crate::language::{Language, Text};
use crate::moment;
use crate::state::AppState;

const ACCOUNT: Text = Text::new("Cardea – my account", "Cardea – mon compte");

const CONSOLE: Text = Text::new(
    "Cardea – operators’ console",
    "Cardea – console d’exploitation",
);

/// What a page calls the portal that a person signs in to: our own has a name in each language.
pub(crate) fn portal_name(name: &str, language: Language) -> &str {
    match name {
        ACCOUNT_NAME => ACCOUNT.in_language(language),
        CONSOLE_NAME => CONSOLE.in_language(language),
        _ => name,
    }
}

/// Renders a page; the language stands in `Content-Language` too.
pub(crate) fn render(
    state: &AppState,
    status: StatusCode,
    language: Language,
    page: &impl Template,
) -> Response {
    render_away(state, "", status, language, page)
}

/// Renders a page that is shown on another host than the one with styles and explanations; `home`
/// is that one's origin.
pub(crate) fn render_away(
    state: &AppState,
    home: &str,
    status: StatusCode,
    language: Language,
    page: &impl Template,
) -> Response {
    let sandbox = state.provider().is_sandbox();
    let home = home.to_owned();
    let values: [(&str, &dyn Any); 4] = [
        (banner::SANDBOX, &sandbox),
        (home::HOME, &home),
        (support::SUPPORT, state.support()),
        (moment::ZONE, state.time_zone()),
    ];
    let Ok(body) = page.render_with_values(&values) else {
        tracing::error!(code = "server.internal", "a page could not be rendered");
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    headers.insert(
        header::CONTENT_LANGUAGE,
        HeaderValue::from_static(language.tag()),
    );
    response
}

/// Renders a page that needs a content security policy of its own.
pub(crate) fn render_with_policy(
    state: &AppState,
    policy: &str,
    language: Language,
    page: &impl Template,
) -> Response {
    let mut response = render(state, StatusCode::OK, language, page);
    if let Ok(policy) = HeaderValue::from_str(policy) {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// The link to the other language, in that language.
pub(crate) const SWITCH: Text = Text::new("Français", "English");
