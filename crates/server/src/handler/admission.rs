//! Who is let in at the endpoints that clients call themselves (attacks F5, G13, H9).
//!
//! Requests are counted by address before anything is looked up. A client with a secret or a key
//! is one address for all its users, and strangers make it ask for nonsense: with codes at its
//! callback, with tokens at its API. What it asks once it has proven itself is therefore not
//! counted, and it is let in whatever the count says. What is counted is who proves nothing.

use std::net::SocketAddr;

use axum::http::HeaderMap;
use cardea_oauth2_types::ErrorCode;
use cardea_provider::{ClientAuthentication, ClientCredentials, Error, TokenError};

use crate::rate_limit::{Charge, Counted};
use crate::state::AppState;

/// A request that was let in. Dropped, it stays counted.
#[derive(Debug)]
#[must_use = "what a client has proven is given back"]
pub(super) struct Admission<'a> {
    /// None where the address is at its limit and the client's proof let it in.
    charge: Option<Charge<'a>>,
    is_confidential: bool,
}

/// Counts a request; none where its address is at its limit and it carries no client's proof.
pub(super) fn admit<'a>(
    state: &'a AppState,
    counted: Counted,
    (peer, headers): (SocketAddr, &HeaderMap),
    credentials: Option<&ClientCredentials>,
) -> Option<Admission<'a>> {
    let provider = state.provider();
    let charge = state.charge(counted, peer, headers);
    let carries_proof = || credentials.is_some_and(|it| provider.carries_proof(it));
    if charge.is_none() && !carries_proof() {
        return None;
    }
    let named = credentials.and_then(|it| provider.find_client(it.unverified_client_id()));
    Some(Admission {
        charge,
        is_confidential: named.is_some_and(|client| client.is_confidential()),
    })
}

impl Admission<'_> {
    /// Takes the request out of the count if its client has proven itself, whatever it was
    /// answered, or if the outcome is `harmless` whoever sent it.
    pub(super) fn settle<T>(self, outcome: &Result<T, TokenError>, harmless: bool) {
        let was_authenticated = match outcome {
            Ok(_) => true,
            // Those of a failing database may stand for a client that was not accepted.
            Err(refusal) => !matches!(
                refusal.error,
                ErrorCode::InvalidClient
                    | ErrorCode::ServerError
                    | ErrorCode::TemporarilyUnavailable
            ),
        };
        let is_proven = self.is_confidential && was_authenticated;
        if let Some(charge) = self.charge
            && (is_proven || harmless)
        {
            charge.give_back();
        }
    }
}

/// Carries out a client's request, unless it has a wrong secret once too often.
pub(super) async fn with_bounded_guesses<T>(
    state: &AppState,
    credentials: &ClientCredentials,
    (peer, headers): (SocketAddr, &HeaderMap),
    request: impl Future<Output = Result<T, TokenError>>,
) -> Result<T, TokenError> {
    let client_id = credentials.unverified_client_id();
    let client = state.provider().find_client(client_id);
    let has_secret = client.is_some_and(|client| {
        matches!(
            client.authentication,
            ClientAuthentication::SecretBasic(_) | ClientAuthentication::SecretPost(_)
        )
    });
    // The right secret goes on, whoever guesses meanwhile, from whichever address.
    if has_secret && !state.provider().carries_proof(credentials) {
        let address = state.address_of(peer, headers);
        if !state.client_throttle().admit_failure(client_id, address) {
            return Err(Error::ClientAuthenticationThrottled.into());
        }
    }
    request.await
}
