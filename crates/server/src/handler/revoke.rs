//! The revocation endpoint (RFC 7009).

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use cardea_oauth2_types::{TokenLookupParameters, TokenParameters};
use cardea_provider::{TokenError, TokenLookup};

use crate::form::Body;
use crate::handler::client_form::{
    read_client_form, read_credentials, refuse_parameters, refuse_problem, refuse_token_error,
};
use crate::handler::proof::with_bounded_guesses;
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
    // A refusal goes on record: it is counted before anything is written.
    let Some(charge) = state.charge(Counted::TokenLookupRefusal, peer, &headers) else {
        return Err(refuse_problem(Problem::TooManyRequests));
    };
    let read = TokenLookupParameters::from_pairs(pairs.iter().cloned());
    let lookup = read.map_err(|error| refuse_parameters(&error))?;
    let credentials =
        TokenParameters::from_pairs(pairs).map_err(|error| refuse_parameters(&error))?;
    let outcome = revoke(
        &state,
        peer,
        &headers,
        &credentials,
        lookup.token.as_deref(),
    )
    .await;
    let was_ours = outcome.map_err(|error| refuse_token_error(&error))?;
    if was_ours {
        charge.give_back();
    }
    Ok(StatusCode::OK)
}

async fn revoke(
    state: &AppState,
    peer: SocketAddr,
    headers: &HeaderMap,
    parameters: &TokenParameters,
    token: Option<&str>,
) -> Result<bool, TokenError> {
    let provider = state.provider();
    let credentials = match read_credentials(headers, parameters) {
        Ok(credentials) => credentials,
        Err(error) => return Err(provider.refuse_token_lookup(error).await),
    };
    let lookup = TokenLookup {
        credentials: &credentials,
        token,
    };
    let looking_up = provider.revoke_token(lookup);
    with_bounded_guesses(state, &credentials, peer, headers, looking_up).await
}
