//! The introspection endpoint (RFC 7662).

use std::net::SocketAddr;

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use cardea_oauth2_types::{TokenLookupParameters, TokenParameters};
use cardea_provider::{Introspection, TokenError, TokenLookup};

use crate::form::Body;
use crate::handler::client_form::{
    read_client_form, read_credentials, refuse_parameters, refuse_problem, refuse_token_error,
};
use crate::handler::proof::with_bounded_guesses;
use crate::problem::Problem;
use crate::rate_limit::Counted;
use crate::refusal::Refusal;
use crate::state::AppState;

/// Says what a token is worth, to whom it concerns.
pub(crate) async fn post_introspection(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let pairs = read_client_form(&uri, &headers, body)?;
    // A refusal goes on record, and a question about a token that never was is a guess (attack
    // G13): both are counted before anything is looked up.
    let Some(charge) = state.charge(Counted::TokenLookupRefusal, peer, &headers) else {
        return Err(refuse_problem(Problem::TooManyRequests));
    };
    let read = TokenLookupParameters::from_pairs(pairs.iter().cloned());
    let lookup = read.map_err(|error| refuse_parameters(&error))?;
    let credentials =
        TokenParameters::from_pairs(pairs).map_err(|error| refuse_parameters(&error))?;
    let outcome = introspect(
        &state,
        peer,
        &headers,
        &credentials,
        lookup.token.as_deref(),
    )
    .await;
    let answer = outcome.map_err(|error| refuse_token_error(&error))?;
    if answer.names_our_token() {
        charge.give_back();
    }
    Ok(Json(answer).into_response())
}

async fn introspect(
    state: &AppState,
    peer: SocketAddr,
    headers: &HeaderMap,
    parameters: &TokenParameters,
    token: Option<&str>,
) -> Result<Introspection, TokenError> {
    let provider = state.provider();
    let credentials = match read_credentials(headers, parameters) {
        Ok(credentials) => credentials,
        Err(error) => return Err(provider.refuse_token_lookup(error).await),
    };
    let lookup = TokenLookup {
        credentials: &credentials,
        token,
    };
    let looking_up = provider.introspect(lookup);
    with_bounded_guesses(state, &credentials, peer, headers, looking_up).await
}
