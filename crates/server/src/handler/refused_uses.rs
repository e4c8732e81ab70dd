//! What a person is told of refused uses of her card, between the card's answer and the portal.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::form::Body;
use crate::handler::authorize::see_other;
use crate::handler::login_answer;
use crate::handler::on_the_way::{NotHere, OnTheWay};
use crate::page::{self, DeniedUsesPage, RefusedUsesPage};
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::security_headers::consent_page_policy;
use crate::state::AppState;

/// Where a login with news of refused uses goes. The id is base64url, so that it needs no escaping
/// in an address.
pub(super) fn address(request_id: &str) -> String {
    format!("/refused-uses/{request_id}")
}

/// Shows the page to the browser that began the login, once its card is in the reader.
pub(crate) async fn get_refused_uses(
    State(state): State<AppState>,
    way: OnTheWay,
) -> Result<Response, NotHere> {
    let cookie = way.login_cookie(&state)?;
    let provider = state.provider();
    let describing = provider.describe_refused_uses(&way.request_id, &cookie);
    let described = way.see(&state, describing).await?;
    if described.uses.is_empty() {
        return Ok(go_on(&way));
    }
    let language = way.language_of_login(described.ui_locales.as_deref());
    let path = address(&way.request_id);
    let page = RefusedUsesPage::new(state.moments(language), &path, &described);
    let policy = consent_page_policy(&described.form_action);
    let mut response = page::render_with_policy(&state, &policy, language, &page);
    way.keep_language(&state, &mut response);
    Ok(response)
}

/// Takes her word, which only our own page may bring: it was she, or it was not.
pub(crate) async fn post_refused_uses(
    State(state): State<AppState>,
    way: OnTheWay,
    body: Body,
) -> Result<Response, NotHere> {
    let pairs = way.read_form(&state, body)?;
    let (shown, was_she) = match pairs.as_slice() {
        [(name, shown)] if name == "shown" => (shown.clone(), true),
        [(name, shown), (answer, word)]
            if name == "shown" && answer == "answer" && word == "not_me" =>
        {
            (shown.clone(), false)
        }
        _ => return Err(Refusal::page(Problem::RequestMalformed).into()),
    };
    if !was_she {
        return deny(&state, &way, shown).await;
    }
    let cookie = way.login_cookie(&state)?;
    let (all, id) = (state.clone(), way.request_id.clone());
    let acknowledging = async move {
        let provider = all.provider();
        provider
            .acknowledge_refused_uses(&id, &cookie, &shown)
            .await
    };
    way.act(&state, acknowledging).await?;
    Ok(go_on(&way))
}

/// Opens the incident, ends her other sessions, and says what to do now.
async fn deny(state: &AppState, way: &OnTheWay, shown: String) -> Result<Response, NotHere> {
    let cookie = way.login_cookie(state)?;
    let (all, id) = (state.clone(), way.request_id.clone());
    let denying = async move {
        let provider = all.provider();
        let mut said = provider.deny_refused_uses(&id, &cookie, &shown).await?;
        all.announce(std::mem::take(&mut said.ended));
        Ok(said)
    };
    let said = way.act(state, denying).await?;
    let onward = way.onward(&login_answer::address(&way.request_id));
    let language = way.language();
    let page = DeniedUsesPage::new(language, &said, &onward);
    Ok(page::render(state, StatusCode::OK, language, &page))
}

/// On to the answer, or to what else is to be shown first.
fn go_on(way: &OnTheWay) -> Response {
    see_other(&way.onward(&login_answer::address(&way.request_id)))
}
