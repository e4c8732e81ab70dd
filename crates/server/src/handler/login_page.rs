//! The login page.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use cardea_provider::AgentlessOffer;

use crate::handler::agentless;
use crate::handler::on_the_way::{NotHere, OnTheWay};
use crate::page::{self, Agentless, LoginPage, Start};
use crate::security_headers::login_page_policy;
use crate::state::AppState;

/// Shows the page to the browser that began the login.
pub(crate) async fn get_login_page(
    State(state): State<AppState>,
    way: OnTheWay,
) -> Result<Response, NotHere> {
    let request_id = &way.request_id;
    let cookie = way.login_cookie(&state)?;
    let describing = state.provider().describe_login(request_id, &cookie);
    let described = way.see(&state, describing).await?;
    let language = way.language();
    let host = state
        .origin()
        .split_once("://")
        .map_or(state.origin(), |(_, host)| host);
    // The id is base64url, so that it needs no escaping in an address.
    let login_path = format!("/login/{request_id}");
    let start = start_of(way.headers());
    let agentless = match (described.agentless, state.agentless_origin()) {
        (AgentlessOffer::Offered, Some(origin)) => {
            Agentless::At(format!("{origin}{}", agentless::path(request_id)))
        }
        (AgentlessOffer::Insufficient, Some(_)) => Agentless::Impossible,
        _ => Agentless::Absent,
    };
    let name = page::portal_name(&described.client_name, language);
    let mut login_page =
        LoginPage::new(language, start, &login_path, name, host).with_agentless(agentless);
    if described.for_device {
        login_page = login_page.for_device();
    }
    // An answer by form is a page of ours, with a policy of its own.
    let is_redirect = !described.response_mode.is_posted();
    let redirect_origin = is_redirect.then_some(described.form_action.as_str());
    let policy = login_page_policy(state.agent_url(), redirect_origin);
    let mut response = page::render_with_policy(&state, &policy, language, &login_page);
    way.keep_language(&state, &mut response);
    Ok(response)
}

/// `Sec-Fetch-User: ?1` (Fetch Metadata section 2.4) says that a person's own press or keystroke
/// led here. It belongs to the navigation as a whole: from the portal's button it comes along
/// through the redirects, and no page can set it. Without it some site's script may have sent the
/// browser here, and nobody must get used to PIN prompts that come out of nowhere. Browsers that
/// never send it get the button too.
fn start_of(headers: &HeaderMap) -> Start {
    let mut values = headers.get_all("sec-fetch-user").iter();
    match (values.next(), values.next()) {
        (Some(value), None) if value.as_bytes() == b"?1" => Start::ByItself,
        _ => Start::ByButton,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue};

    use super::start_of;
    use crate::page::Start;

    #[test]
    fn only_a_person_s_press_starts_the_page() {
        let cases: [(&str, &[&str], Start); 4] = [
            ("pressed", &["?1"], Start::ByItself),
            ("not pressed", &["?0"], Start::ByButton),
            ("absent", &[], Start::ByButton),
            ("twice", &["?1", "?1"], Start::ByButton),
        ];
        for (name, values, expected) in cases {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("sec-fetch-user", HeaderValue::from_static(value));
            }
            assert_eq!(start_of(&headers), expected, "{name}");
        }
    }
}
