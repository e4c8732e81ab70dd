//! The introspection endpoint (RFC 7662), with signed answers for who asks for them (RFC 9701).

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, Uri, header};
use axum::response::{IntoResponse, Response};
use cardea_provider::{IntrospectionAnswer, IntrospectionForm, Provider, TokenLookup};

use crate::form::Body;
use crate::handler::client_form::refuse_token_error;
use crate::handler::token_lookup::look_up;
use crate::mtls::Peer;
use crate::refusal::Refusal;
use crate::state::AppState;

/// RFC 9701 section 4, and the type of what is answered.
const SIGNED: &str = "application/token-introspection+jwt";

/// Says what a token is worth, to whom it concerns.
pub(crate) async fn post_introspection(
    State(state): State<AppState>,
    peer: Peer,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let look =
        async |provider: &Provider, lookup: TokenLookup<'_>| provider.introspect(lookup).await;
    let told = look_up(&state, (&peer, &headers), &uri, body, look, |_| false).await?;
    let finished = state
        .provider()
        .finish_introspection(told, asked_form(&headers));
    let answer = finished.map_err(|error| refuse_token_error(&error.into()))?;
    Ok(match answer {
        IntrospectionAnswer::Json(told) => Json(told).into_response(),
        IntrospectionAnswer::Jwt(jwt) => ([(header::CONTENT_TYPE, SIGNED)], jwt).into_response(),
    })
}

/// The form that `Accept` names, however many others it names beside.
fn asked_form(headers: &HeaderMap) -> IntrospectionForm {
    let accepted = headers.get_all(header::ACCEPT).into_iter();
    let accepted = accepted.filter_map(|value| value.to_str().ok());
    let mut ranges = accepted.flat_map(|value| value.split(','));
    let is_signed = |range: &str| {
        let mut parts = range.split(';').map(str::trim);
        let named = parts.next();
        let refused = parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
        named.is_some_and(|named| named.eq_ignore_ascii_case(SIGNED)) && !refused
    };
    if ranges.any(is_signed) {
        IntrospectionForm::Jwt
    } else {
        IntrospectionForm::AsRegistered
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header};
    use cardea_provider::IntrospectionForm;

    use super::asked_form;

    #[test]
    fn the_signed_form_is_asked_for_by_its_whole_name() {
        for (accept, signed) in [
            (vec![], false),
            (vec!["*/*"], false),
            (vec!["application/json"], false),
            (vec!["application/*"], false),
            (vec!["application/jwt"], false),
            (vec!["application/token-introspection+jwt"], true),
            (vec!["Application/Token-Introspection+JWT;q=0.5"], true),
            (vec!["application/token-introspection+jwt;q=0"], false),
            (
                vec!["application/json, application/token-introspection+jwt"],
                true,
            ),
            (
                vec!["application/json", "application/token-introspection+jwt"],
                true,
            ),
        ] {
            let mut headers = HeaderMap::new();
            for value in &accept {
                headers.append(header::ACCEPT, HeaderValue::from_static(value));
            }
            let form = asked_form(&headers);
            assert_eq!(form == IntrospectionForm::Jwt, signed, "{accept:?}");
        }
    }
}
