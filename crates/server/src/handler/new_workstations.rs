//! The notice of new workstations, between the card's answer and the portal.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use cardea_provider::NewWorkstations;

use crate::form::Body;
use crate::handler::authorize::see_other;
use crate::handler::login_answer;
use crate::handler::on_the_way::{NotHere, OnTheWay};
use crate::language::Language;
use crate::page::{self, DeniedWorkstationsPage, NewWorkstationsPage};
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::security_headers::consent_page_policy;
use crate::state::AppState;

/// Where a login with news goes. The id is base64url, so that it needs no escaping in an address.
pub(super) fn address(request_id: &str) -> String {
    format!("/new-workstations/{request_id}")
}

/// Shows the notice to the browser that began the login, once its card is in the reader.
pub(crate) async fn get_new_workstations(
    State(state): State<AppState>,
    way: OnTheWay,
) -> Result<Response, NotHere> {
    let cookie = way.login_cookie(&state)?;
    let provider = state.provider();
    let describing = provider.describe_new_workstations(&way.request_id, &cookie);
    let described = way.see(&state, describing).await?;
    if described.workstations.is_empty() {
        return Ok(go_on(&way));
    }
    let language = way.language_of_login(described.ui_locales.as_deref());
    let mut response = render(&state, language, &way.request_id, &described);
    way.keep_language(&state, &mut response);
    Ok(response)
}

/// Takes her word for it, which only our own page may bring: they are hers, or they are not.
pub(crate) async fn post_new_workstations(
    State(state): State<AppState>,
    way: OnTheWay,
    body: Body,
) -> Result<Response, NotHere> {
    let pairs = way.read_form(&state, body)?;
    let (shown, is_hers) = match pairs.as_slice() {
        [(name, shown)] if name == "shown" => (shown.clone(), true),
        [(name, shown), (answer, word)]
            if name == "shown" && answer == "answer" && word == "not_mine" =>
        {
            (shown.clone(), false)
        }
        _ => return Err(Refusal::page(Problem::RequestMalformed).into()),
    };
    if !is_hers {
        return deny(&state, &way, shown).await;
    }
    let cookie = way.login_cookie(&state)?;
    let (all, id) = (state.clone(), way.request_id.clone());
    let acknowledging = async move {
        let provider = all.provider();
        provider
            .acknowledge_workstations(&id, &cookie, &shown)
            .await
    };
    way.act(&state, acknowledging).await?;
    Ok(go_on(&way))
}

/// Takes out what is not hers, and says what to do now.
async fn deny(state: &AppState, way: &OnTheWay, shown: String) -> Result<Response, NotHere> {
    let cookie = way.login_cookie(state)?;
    let (all, id) = (state.clone(), way.request_id.clone());
    let denying = async move {
        let provider = all.provider();
        let mut denied = provider.deny_workstations(&id, &cookie, &shown).await?;
        all.announce(std::mem::take(&mut denied.ended));
        Ok(denied)
    };
    let denied = way.act(state, denying).await?;
    let onward = way.onward(&login_answer::address(&way.request_id));
    let language = way.language();
    let page = DeniedWorkstationsPage::new(language, &denied, &onward);
    Ok(page::render(state, StatusCode::OK, language, &page))
}

/// On to the answer, or to consent first.
fn go_on(way: &OnTheWay) -> Response {
    see_other(&way.onward(&login_answer::address(&way.request_id)))
}

fn render(
    state: &AppState,
    language: Language,
    request_id: &str,
    described: &NewWorkstations,
) -> Response {
    let path = address(request_id);
    let moments = state.moments(language);
    let notice = NewWorkstationsPage::new(&moments, &path, described);
    let policy = consent_page_policy(&described.form_action);
    page::render_with_policy(state, &policy, language, &notice)
}
