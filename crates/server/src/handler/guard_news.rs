//! What a person is told of guards' stops, between the card's answer and the portal.

use axum::extract::State;
use axum::response::Response;
use cardea_provider::Error;

use crate::form::Body;
use crate::handler::authorize::see_other;
use crate::handler::login_answer;
use crate::handler::on_the_way::{NotHere, OnTheWay};
use crate::page::{self, GuardNewsPage};
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::security_headers::consent_page_policy;
use crate::state::AppState;

/// Where a login with news of guards' stops goes. The id is base64url, so that it needs no escaping
/// in an address.
pub(super) fn address(request_id: &str) -> String {
    format!("/guard-news/{request_id}")
}

/// Shows the page to the browser that began the login, once its card is in the reader.
pub(crate) async fn get_guard_news(
    State(state): State<AppState>,
    way: OnTheWay,
) -> Result<Response, NotHere> {
    let cookie = way.login_cookie(&state)?;
    let provider = state.provider();
    let describing = provider.describe_guard_news(&way.request_id, &cookie);
    let described = way.see(&state, describing).await?;
    if described.stops.is_empty() {
        return Ok(go_on(&way));
    }
    let language = way.language_of_login(described.ui_locales.as_deref());
    let path = address(&way.request_id);
    let page = GuardNewsPage::new(state.moments(language), &path, &described);
    let policy = consent_page_policy(&described.form_action);
    let mut response = page::render_with_policy(&state, &policy, language, &page);
    way.keep_language(&state, &mut response);
    Ok(response)
}

/// Takes her word that she has seen it, which only our own page may bring.
pub(crate) async fn post_guard_news(
    State(state): State<AppState>,
    way: OnTheWay,
    body: Body,
) -> Result<Response, NotHere> {
    let pairs = way.read_form(&state, body)?;
    let [(name, shown)] = pairs.as_slice() else {
        return Err(malformed().into());
    };
    if name != "shown" {
        return Err(malformed().into());
    }
    let cookie = way.login_cookie(&state)?;
    let (all, id, shown) = (state.clone(), way.request_id.clone(), shown.clone());
    let acknowledging = async move {
        let provider = all.provider();
        let seen = provider.acknowledge_guard_news(&id, &cookie, &shown).await;
        match seen {
            Ok(()) => Ok(true),
            // Something was stopped while she read: she is shown all of it.
            Err(Error::GuardNewsMismatch) => Ok(false),
            Err(error) => Err(error),
        }
    };
    match way.act(&state, acknowledging).await? {
        true => Ok(go_on(&way)),
        false => Ok(see_other(&way.onward(&address(&way.request_id)))),
    }
}

fn malformed() -> Refusal {
    Refusal::page(Problem::RequestMalformed)
}

/// On to the answer, or to what else is to be shown first.
fn go_on(way: &OnTheWay) -> Response {
    see_other(&way.onward(&login_answer::address(&way.request_id)))
}
