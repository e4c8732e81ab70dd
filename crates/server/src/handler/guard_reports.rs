//! What guards report (docs/guard.md, "What reaches the server").

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use cardea_oauth2_types::{ErrorCode, TokenParameters};
use cardea_provider::{ClientCredentials, GuardReports, ReportsTaken, TokenError};
use serde_json::{Map, Value};

use crate::form::{Body, parse_json};
use crate::handler::admission::{admit, with_bounded_guesses};
use crate::handler::client_form::{
    read_credentials, refuse, refuse_parameters, refuse_problem, refuse_token_error,
};
use crate::handler::security_events::credentials_of;
use crate::mtls::Peer;
use crate::problem::Problem;
use crate::rate_limit::Counted;
use crate::refusal::Refusal;
use crate::state::AppState;

/// Takes a batch of reports from a guard, which proves itself as at the event stream.
pub(crate) async fn post_reports(
    State(state): State<AppState>,
    peer: Peer,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ReportsTaken>, Refusal> {
    if uri.query().is_some() {
        let code = Problem::RequestMalformed.code();
        return Err(refuse(ErrorCode::InvalidRequest, code));
    }
    let members: Map<String, Value> = parse_json(&headers, body).map_err(refuse_problem)?;
    let reports = GuardReports::from_json(&members);
    let reports = reports.map_err(|error| refuse_token_error(&error.into()))?;
    let caller = (peer.address, &headers);
    let parameters = TokenParameters::from_pairs(credentials_of(&members))
        .map_err(|error| refuse_parameters(&error))?;
    let credentials = read_credentials(&headers, &parameters, &peer.certificate);
    let counted = Counted::TokenLookupRefusal;
    let Some(admission) = admit(&state, counted, caller, credentials.as_ref().ok()) else {
        return Err(refuse_problem(Problem::TooManyRequests));
    };
    let outcome = match credentials {
        Ok(credentials) => {
            let taken = take(&state, &credentials, &reports);
            with_bounded_guesses(&state, &credentials, caller, taken).await
        }
        Err(error) => Err(state.provider().refuse_token_lookup(error).await),
    };
    admission.settle(&outcome, false);
    outcome
        .map(Json)
        .map_err(|error| refuse_token_error(&error))
}

/// Who hangs up has stopped a session all the same: the whole answer is made to its end, and its
/// agent is told.
async fn take(
    state: &AppState,
    credentials: &ClientCredentials,
    reports: &GuardReports,
) -> Result<ReportsTaken, TokenError> {
    let taken = state.provider().take_guard_reports(credentials, reports);
    let mut taken = taken.await?;
    state.announce(std::mem::take(&mut taken.ended));
    Ok(taken)
}
