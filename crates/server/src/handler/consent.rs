//! The consent page and its answer (OpenID Connect Core 1.0 section 3.1.2.4).

use axum::extract::State;
use axum::response::Response;
use cardea_provider::{ConsentAnswer, ConsentPage as Described, ConsentedAuthorization};

use crate::form::Body;
use crate::handler::authorization_response;
use crate::handler::authorize::append_cookie;
use crate::handler::on_the_way::{NotHere, OnTheWay};
use crate::language::Language;
use crate::page::{self, ConsentPage};
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::security_headers::consent_page_policy;
use crate::state::AppState;

/// Where a login goes that wants consent. The id is base64url, so that it needs no escaping in an
/// address.
pub(super) fn address(request_id: &str) -> String {
    format!("/consent/{request_id}")
}

/// Shows the page to the browser that began the login, once its card is in the reader.
pub(crate) async fn get_consent(
    State(state): State<AppState>,
    way: OnTheWay,
) -> Result<Response, NotHere> {
    let cookie = way.login_cookie(&state)?;
    let describing = state.provider().describe_consent(&way.request_id, &cookie);
    let described = way.see(&state, describing).await?;
    let language = way.language_of_login(described.ui_locales.as_deref());
    Ok(render(&state, language, &way.request_id, &described))
}

/// Takes the answer, which only our own page may give (attack E20).
pub(crate) async fn post_consent(
    State(state): State<AppState>,
    way: OnTheWay,
    body: Body,
) -> Result<Response, NotHere> {
    let pairs = way.read_form(&state, body)?;
    let (shown, answer) = read(&pairs).ok_or_else(|| Refusal::page(Problem::RequestMalformed))?;
    let login_cookie = way.login_cookie(&state)?;
    let session_cookie = way.session_cookie(&state);
    let (all, id) = (state.clone(), way.request_id.clone());
    let deciding = async move {
        let session = session_cookie.as_deref();
        let answering = all
            .provider()
            .answer_consent(&id, &login_cookie, session, &shown, answer);
        let mut consented = answering.await?;
        if let ConsentedAuthorization::Refused { ended, .. } = &mut consented {
            all.announce(ended.take());
        }
        Ok(consented)
    };
    let consented = way.act(&state, deciding).await?;
    let language = way.language();
    let cookies = state.cookies();
    let mut response = match consented {
        ConsentedAuthorization::Allowed(completed) => {
            state.announce(completed.ended);
            let mut response = authorization_response::send(&state, language, &completed.response);
            let cookie = completed.session_cookie.expose();
            append_cookie(&mut response, cookies.set_session(cookie));
            response
        }
        ConsentedAuthorization::Refused { response, .. } => {
            authorization_response::send(&state, language, &response)
        }
    };
    append_cookie(&mut response, cookies.clear_login(&way.request_id));
    Ok(response)
}

/// What the form says: each field once, and one of the two buttons.
fn read(pairs: &[(String, String)]) -> Option<(String, ConsentAnswer)> {
    let one = |wanted: &str| {
        let mut values = pairs.iter().filter(|(name, _)| name == wanted);
        let (_, value) = values.next()?;
        values.next().is_none().then_some(value)
    };
    let answer = match one("answer")?.as_str() {
        "allow" => ConsentAnswer::Allow,
        "refuse" => ConsentAnswer::Refuse,
        _ => return None,
    };
    Some((one("shown")?.clone(), answer))
}

fn render(
    state: &AppState,
    language: Language,
    request_id: &str,
    described: &Described,
) -> Response {
    let path = address(request_id);
    let consent_page = ConsentPage::new(language, &path, described);
    let policy = consent_page_policy(&described.form_action);
    page::render_with_policy(state, &policy, language, &consent_page)
}
