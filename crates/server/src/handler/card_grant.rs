//! The card grant of business software without a browser: its challenge, and its part of the token
//! endpoint.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use cardea_oauth2_types::{ErrorCode, GrantType, TokenParameters, TokenResponse};
use cardea_provider::{ClientCredentials, DpopRequest, Error, TokenError, TokenRequest};
use serde::Serialize;

use crate::form::Body;
use crate::handler::admission::{admit, with_bounded_guesses};
use crate::handler::client_form::{
    read_client_form, read_credentials, refuse_parameters, refuse_token_error,
};
use crate::mtls::Peer;
use crate::presence_wait;
use crate::problem::Problem;
use crate::rate_limit::Counted;
use crate::refusal::{Form, Refusal};
use crate::request_log::short_login_id;
use crate::state::AppState;
use crate::uninterrupted::to_the_end;

#[derive(Serialize)]
struct ChallengeResponse {
    challenge: String,
    expires_in: i64,
}

/// Gives a challenge to a client that may use the card grant.
pub(crate) async fn post_card_grant_challenge(
    State(state): State<AppState>,
    Peer {
        address: peer,
        certificate,
    }: Peer,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Response> {
    let refused = |refusal: Refusal| refusal.into_response();
    let pairs = read_client_form(&uri, &headers, body).map_err(refused)?;
    let parameters =
        TokenParameters::from_pairs(pairs).map_err(|error| refused(refuse_parameters(&error)))?;
    let read = read_credentials(&headers, &parameters, &certificate);
    // A public client's challenge makes a row whoever asks for it: it is counted before that.
    let caller = (peer, &headers);
    let counted = Counted::GrantChallenge;
    let Some(admission) = admit(&state, counted, caller, read.as_ref().ok()) else {
        return Err(too_many(Problem::TooManyRequests.code()));
    };
    let issued = match read {
        Ok(credentials) => {
            let issuing = async {
                let provider = state.provider();
                let issued = provider.issue_grant_challenge(&credentials, &parameters);
                issued.await.map_err(TokenError::from)
            };
            with_bounded_guesses(&state, &credentials, caller, issuing).await
        }
        Err(error) => Err(error.into()),
    };
    admission.settle(&issued, false);
    let issued = issued.map_err(|error| match error.source {
        Error::CardGrantChallengeLimitReached => too_many(error.code()),
        _ => refused(refuse_token_error(&error)),
    })?;
    let body = ChallengeResponse {
        challenge: issued.challenge,
        expires_in: issued.expires_in,
    };
    Ok(Json(body).into_response())
}

/// Whether a token request is one of these.
pub(super) fn is_card_grant(parameters: &TokenParameters) -> bool {
    parameters.grant_type.as_deref() == Some(GrantType::CardGrant.as_str())
}

/// Has the card judged, waits for the presence key, and gives the tokens. It runs to the end also
/// when the client does not wait: a challenge that is spent goes on record.
pub(super) async fn redeem(
    state: &AppState,
    credentials: ClientCredentials,
    parameters: TokenParameters,
    dpop: DpopRequest<'_>,
) -> Result<TokenResponse, TokenError> {
    let state = state.clone();
    let proof = dpop.proof.map(str::to_owned);
    let url = dpop.url.to_owned();
    let outcome = to_the_end(async move {
        let provider = state.provider();
        let dpop = DpopRequest {
            proof: proof.as_deref(),
            method: "POST",
            url: &url,
        };
        let request = TokenRequest {
            credentials: &credentials,
            parameters: &parameters,
            dpop,
        };
        let pending = provider
            .accept_card_grant(request, state.revocation())
            .await?;
        let session = short_login_id(&pending.session().session_id).to_owned();
        tracing::info!(session, "the card is accepted");
        presence_wait::settled(&state, pending.session()).await?;
        provider.complete_card_grant(pending).await
    })
    .await;
    outcome.unwrap_or_else(|| Err(Error::WorkAbandoned.into()))
}

/// 429; the answer says when to come back.
fn too_many(code: &'static str) -> Response {
    let form = Form::OAuth {
        error: ErrorCode::TemporarilyUnavailable,
        status: StatusCode::TOO_MANY_REQUESTS,
    };
    Refusal { form, code }.into_response()
}
