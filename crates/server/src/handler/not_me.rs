//! "This was not me": what a person says of a line of her log, on her account page.
//!
//! One address takes all of it. The button on a line brings the line alone: the incident is open
//! and her other sessions are over before the page answers. Its answer has the buttons for what she
//! may have done next, which name the line again: the same line is one incident.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use cardea_provider::{Error, NotMe, NotMeThen};

use crate::account::{SignedIn, unavailable};
use crate::error_response::language_of;
use crate::form::Body;
use crate::handler::authorize::append_cookie;
use crate::page::{self, NotMePage};
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::state::AppState;
use crate::uninterrupted::to_the_end;

/// Takes her word, which only our own page may bring.
pub(crate) async fn post_not_me(
    State(state): State<AppState>,
    signed_in: SignedIn,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let pairs = signed_in.read_form(&state, &headers, body)?;
    let (event, then) =
        read_word(&pairs).ok_or_else(|| Refusal::page(Problem::RequestMalformed))?;
    let (all, account, wanted) = (state.clone(), signed_in.0.clone(), then.clone());
    let line = event.clone();
    let said = to_the_end(async move {
        let mut said = all.provider().say_not_me(&account, &line, wanted).await?;
        all.announce(std::mem::take(&mut said.ended));
        Ok::<NotMe, Error>(said)
    });
    let said = said.await.ok_or_else(|| Refusal::page(Problem::Internal))?;
    let said = said.map_err(|error| refusal(&error))?;
    let language = language_of(&uri, &headers);
    let line = (event.as_str(), signed_in.0.form_token.as_str());
    let page = NotMePage::new(state.moments(language), line, &said, &then);
    let mut response = page::render(&state, StatusCode::OK, language, &page);
    if said.is_over {
        append_cookie(&mut response, state.cookies().clear_account());
    }
    Ok(response)
}

/// The line, and what is to be done besides.
fn read_word(pairs: &[(String, String)]) -> Option<(String, NotMeThen)> {
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let (event, then) = match pairs.as_slice() {
        [("event", event)] => (event, NotMeThen::Nothing),
        [("event", event), ("then", "end_this")] => (event, NotMeThen::EndThisSession),
        [("event", event), ("then", "revoke_workstation")] => (event, NotMeThen::RevokeWorkstation),
        [("event", event), ("card", card), ("then", "suspend_card")] => {
            (event, NotMeThen::SuspendCard((*card).to_owned()))
        }
        _ => return None,
    };
    Some(((*event).to_owned(), then))
}

fn refusal(error: &Error) -> Refusal {
    let problem = match error {
        Error::NotMeTooMany => Problem::TooManyRequests,
        // The page offers none of these.
        Error::NotMeLineUnknown
        | Error::CardUnknown
        | Error::CardSuspensionNotEntitled
        | Error::WorkstationNotEntitled => Problem::RequestMalformed,
        error => return unavailable(error),
    };
    Refusal::page(problem).because(error.code())
}

#[cfg(test)]
mod tests {
    use cardea_provider::NotMeThen;

    use super::read_word;

    #[test]
    fn a_word_names_a_line_and_at_most_one_thing_besides() {
        let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            pairs.iter().map(owned).collect()
        };
        let then = |given: &[(&str, &str)]| read_word(&pairs(given)).map(|(_, then)| then);
        let line = ("event", "e");
        assert_eq!(then(&[line]), Some(NotMeThen::Nothing));
        let ending = then(&[line, ("then", "end_this")]);
        assert_eq!(ending, Some(NotMeThen::EndThisSession));
        let suspending = then(&[line, ("card", "c"), ("then", "suspend_card")]);
        assert_eq!(suspending, Some(NotMeThen::SuspendCard("c".to_owned())));
        for none in [
            vec![],
            vec![("then", "end_this")],
            vec![line, ("then", "suspend_card")],
            vec![line, ("then", "resume_card")],
            vec![line, line],
            vec![line, ("card", "c")],
        ] {
            assert_eq!(then(&none), None, "{none:?}");
        }
    }
}
