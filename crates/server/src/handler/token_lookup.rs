//! What introspection and revocation have in common: a client that asks about a token.

use std::net::SocketAddr;

use axum::http::{HeaderMap, Uri};
use cardea_oauth2_types::{TokenLookupParameters, TokenParameters};
use cardea_provider::{ClientCredentials, Error, Provider, TokenError, TokenLookup};

use crate::form::Body;
use crate::handler::admission::{admit, with_bounded_guesses};
use crate::handler::client_form::{
    read_client_form, read_credentials, refuse_parameters, refuse_problem, refuse_token_error,
};
use crate::mtls::Peer;
use crate::problem::Problem;
use crate::rate_limit::Counted;
use crate::refusal::Refusal;
use crate::state::AppState;

/// Reads the form, lets the client in and carries out `look`. An answer that `is_harmless` is
/// given back to the count whoever asked.
pub(super) async fn look_up<T>(
    state: &AppState,
    (peer, headers): (&Peer, &HeaderMap),
    uri: &Uri,
    body: Body,
    look: impl AsyncFnOnce(&Provider, TokenLookup<'_>) -> Result<T, TokenError>,
    is_harmless: fn(&T) -> bool,
) -> Result<T, Refusal> {
    let pairs = read_client_form(uri, headers, body)?;
    look_up_pairs(state, (peer, headers), pairs, look, is_harmless).await
}

/// As [`look_up`], of a form that is read.
pub(super) async fn look_up_pairs<T>(
    state: &AppState,
    (peer, headers): (&Peer, &HeaderMap),
    pairs: Vec<(String, String)>,
    look: impl AsyncFnOnce(&Provider, TokenLookup<'_>) -> Result<T, TokenError>,
    is_harmless: fn(&T) -> bool,
) -> Result<T, Refusal> {
    let caller = (peer.address, headers);
    let lookup = TokenLookupParameters::from_pairs(pairs.iter().cloned())
        .map_err(|error| refuse_parameters(&error))?;
    let parameters =
        TokenParameters::from_pairs(pairs).map_err(|error| refuse_parameters(&error))?;
    let credentials = read_credentials(headers, &parameters, &peer.certificate);
    // A refusal goes on record, and a public client's token that never was is a guess: they are
    // counted before anything is looked up. What a client that has proven itself asks is not, for
    // strangers send a resource server their junk (attack G13).
    let counted = Counted::TokenLookupRefusal;
    let Some(admission) = admit(state, counted, caller, credentials.as_ref().ok()) else {
        return Err(refuse_problem(Problem::TooManyRequests));
    };
    let outcome = answer(state, caller, credentials, lookup.token.as_deref(), look).await;
    let harmless = outcome.as_ref().is_ok_and(is_harmless);
    admission.settle(&outcome, harmless);
    outcome.map_err(|error| refuse_token_error(&error))
}

async fn answer<T>(
    state: &AppState,
    caller: (SocketAddr, &HeaderMap),
    credentials: Result<ClientCredentials, Error>,
    token: Option<&str>,
    look: impl AsyncFnOnce(&Provider, TokenLookup<'_>) -> Result<T, TokenError>,
) -> Result<T, TokenError> {
    let provider = state.provider();
    let credentials = match credentials {
        Ok(credentials) => credentials,
        Err(error) => return Err(provider.refuse_token_lookup(error).await),
    };
    let lookup = TokenLookup {
        credentials: &credentials,
        token,
    };
    with_bounded_guesses(state, &credentials, caller, look(provider, lookup)).await
}
