//! An answer on its way to the client: a redirect, or a form that the browser posts.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use cardea_provider::AuthorizationResponse;

use crate::handler::authorize::see_other;
use crate::language::Language;
use crate::page::{self, FormPostPage};
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::security_headers::form_post_policy;
use crate::settled_answers::TellsRefusal;
use crate::state::AppState;

/// Gives a code or an error to the browser, in the mode that the client asked for.
pub(super) fn send(
    state: &AppState,
    language: Language,
    answer: &AuthorizationResponse,
) -> Response {
    let mut response = if answer.mode.is_posted() {
        post_form(state, language, answer)
    } else {
        see_other(&location(answer, language))
    };
    if answer.is_refusal() {
        response.extensions_mut().insert(TellsRefusal);
    }
    response
}

/// Where an answer leads that is no form; a page of ours goes on in the language of the one before.
pub(super) fn location(answer: &AuthorizationResponse, language: Language) -> String {
    let location = answer.location();
    match answer.is_own_page() {
        true => format!("{location}?lang={}", language.tag()),
        false => location,
    }
}

fn post_form(state: &AppState, language: Language, answer: &AuthorizationResponse) -> Response {
    let form = FormPostPage {
        language,
        action: &answer.redirect_uri,
        fields: &answer.parameters,
    };
    let mut response = page::render(state, StatusCode::OK, language, &form);
    let Ok(policy) = HeaderValue::from_str(&form_post_policy(&answer.form_action())) else {
        return Refusal::page(Problem::Internal).into_response();
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}
