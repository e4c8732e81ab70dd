//! The revocation endpoint (RFC 7009).

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use cardea_oauth2_types::{TokenLookupParameters, TokenParameters};
use cardea_provider::{ClientCredentials, Error, TokenError, TokenLookup};

use crate::form::Body;
use crate::handler::admission::{admit, with_bounded_guesses};
use crate::handler::client_form::{
    read_client_form, read_credentials, refuse_parameters, refuse_problem, refuse_token_error,
};
use crate::problem::Problem;
use crate::rate_limit::Counted;
use crate::refusal::Refusal;
use crate::state::AppState;

/// Takes a token back; the answer is the same whether there was anything to take back.
pub(crate) async fn post_revocation(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Refusal> {
    let pairs = read_client_form(&uri, &headers, body)?;
    let lookup = TokenLookupParameters::from_pairs(pairs.iter().cloned())
        .map_err(|error| refuse_parameters(&error))?;
    let parameters =
        TokenParameters::from_pairs(pairs).map_err(|error| refuse_parameters(&error))?;
    let credentials = read_credentials(&headers, &parameters);
    // A refusal goes on record, and a public client's token that never was is a guess (attack
    // G13): they are counted before anything is looked up.
    let caller = (peer, &headers);
    let counted = Counted::TokenLookupRefusal;
    let Some(admission) = admit(&state, counted, caller, credentials.as_ref().ok()) else {
        return Err(refuse_problem(Problem::TooManyRequests));
    };
    let outcome = revoke(&state, caller, credentials, lookup.token.as_deref()).await;
    let was_ours = matches!(outcome, Ok(true));
    admission.settle(&outcome, was_ours);
    outcome.map_err(|error| refuse_token_error(&error))?;
    Ok(StatusCode::OK)
}

async fn revoke(
    state: &AppState,
    caller: (SocketAddr, &HeaderMap),
    credentials: Result<ClientCredentials, Error>,
    token: Option<&str>,
) -> Result<bool, TokenError> {
    let provider = state.provider();
    let credentials = match credentials {
        Ok(credentials) => credentials,
        Err(error) => return Err(provider.refuse_token_lookup(error).await),
    };
    let lookup = TokenLookup {
        credentials: &credentials,
        token,
    };
    let looking_up = provider.revoke_token(lookup);
    with_bounded_guesses(state, &credentials, caller, looking_up).await
}
