//! The introspection endpoint (RFC 7662).

use std::net::SocketAddr;

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use cardea_oauth2_types::{TokenLookupParameters, TokenParameters};
use cardea_provider::{ClientCredentials, Error, Introspection, TokenError, TokenLookup};

use crate::form::Body;
use crate::handler::admission::{admit, with_bounded_guesses};
use crate::handler::client_form::{
    read_client_form, read_credentials, refuse_parameters, refuse_problem, refuse_token_error,
};
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
    let lookup = TokenLookupParameters::from_pairs(pairs.iter().cloned())
        .map_err(|error| refuse_parameters(&error))?;
    let parameters =
        TokenParameters::from_pairs(pairs).map_err(|error| refuse_parameters(&error))?;
    let credentials = read_credentials(&headers, &parameters);
    // A refusal goes on record: it is counted before anything is looked up. What a resource server
    // that has proven itself asks is not, for strangers send it their junk (attack G13).
    let caller = (peer, &headers);
    let counted = Counted::TokenLookupRefusal;
    let Some(admission) = admit(&state, counted, caller, credentials.as_ref().ok()) else {
        return Err(refuse_problem(Problem::TooManyRequests));
    };
    let outcome = introspect(&state, caller, credentials, lookup.token.as_deref()).await;
    admission.settle(&outcome, false);
    let answer = outcome.map_err(|error| refuse_token_error(&error))?;
    Ok(Json(answer).into_response())
}

async fn introspect(
    state: &AppState,
    caller: (SocketAddr, &HeaderMap),
    credentials: Result<ClientCredentials, Error>,
    token: Option<&str>,
) -> Result<Introspection, TokenError> {
    let provider = state.provider();
    let credentials = match credentials {
        Ok(credentials) => credentials,
        Err(error) => return Err(provider.refuse_token_lookup(error).await),
    };
    let lookup = TokenLookup {
        credentials: &credentials,
        token,
    };
    let looking_up = provider.introspect(lookup);
    with_bounded_guesses(state, &credentials, caller, looking_up).await
}
