//! What a person is told about her cards, between the card's answer and the portal.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use cardea_provider::{CardNewsAnswer, MadeSuspendCode};

use crate::form::Body;
use crate::handler::authorize::see_other;
use crate::handler::login_answer;
use crate::handler::on_the_way::{NotHere, OnTheWay};
use crate::language::Language;
use crate::page::{self, CardNewsPage, SUSPEND_PATH, SuspendCodePage};
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::security_headers::consent_page_policy;
use crate::state::AppState;

/// Where a login with news about cards goes. The id is base64url, so that it needs no escaping in
/// an address.
pub(super) fn address(request_id: &str) -> String {
    format!("/card-news/{request_id}")
}

/// Shows the page to the browser that began the login, once its card is in the reader.
pub(crate) async fn get_card_news(
    State(state): State<AppState>,
    way: OnTheWay,
) -> Result<Response, NotHere> {
    let cookie = way.login_cookie(&state)?;
    let provider = state.provider();
    let describing = provider.describe_card_news(&way.request_id, &cookie);
    let described = way.see(&state, describing).await?;
    if described.suspended.is_empty() && described.offered_for.is_none() {
        return Ok(go_on(&way));
    }
    let language = way.language_of_login(described.ui_locales.as_deref());
    let path = address(&way.request_id);
    let page = CardNewsPage::new(state.moments(language), &path, &described);
    let policy = consent_page_policy(&described.form_action);
    let mut response = page::render_with_policy(&state, &policy, language, &page);
    way.keep_language(&state, &mut response);
    Ok(response)
}

/// Takes her answer, which only our own page may bring, and shows the code where she wants one.
pub(crate) async fn post_card_news(
    State(state): State<AppState>,
    way: OnTheWay,
    body: Body,
) -> Result<Response, NotHere> {
    let pairs = way.read_form(&state, body)?;
    let (shown, answer) = read_answer(&pairs).ok_or_else(malformed)?;
    let cookie = way.login_cookie(&state)?;
    let (all, id) = (state.clone(), way.request_id.clone());
    let answering = async move {
        let provider = all.provider();
        provider
            .answer_card_news(&id, &cookie, &shown, answer)
            .await
    };
    Ok(match way.act(&state, answering).await? {
        Some(made) => {
            let onward = way.onward(&login_answer::address(&way.request_id));
            show_code(&state, way.language(), &made, &onward)
        }
        None => go_on(&way),
    })
}

fn read_answer(pairs: &[(String, String)]) -> Option<(String, CardNewsAnswer)> {
    let [(first, shown), (second, answer)] = pairs else {
        return None;
    };
    let answer = match answer.as_str() {
        "go_on" => CardNewsAnswer::GoOn,
        "make_code" => CardNewsAnswer::MakeCode,
        _ => return None,
    };
    (first == "shown" && second == "answer").then(|| (shown.clone(), answer))
}

fn malformed() -> Refusal {
    Refusal::page(Problem::RequestMalformed)
}

/// Shows a code, which nobody sees again; `onward` is where the page leads.
pub(crate) fn show_code(
    state: &AppState,
    language: Language,
    made: &MadeSuspendCode,
    onward: &str,
) -> Response {
    let suspend_url = format!("{}{SUSPEND_PATH}", state.origin());
    let code = made.code.expose_grouped();
    let page = SuspendCodePage::new(state.moments(language), (made, &code), &suspend_url, onward);
    page::render(state, StatusCode::OK, language, &page)
}

/// On to the answer, or to what else is to be shown first.
fn go_on(way: &OnTheWay) -> Response {
    see_other(&way.onward(&login_answer::address(&way.request_id)))
}
