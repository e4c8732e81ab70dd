//! The event stream: SETs by a long poll (RFC 8936), and the document that says where it is
//! (SSF 1.0 section 7).

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use cardea_oauth2_types::{ErrorCode, TokenParameters};
use cardea_provider::{
    ClientCredentials, Endpoint, Error, EventPoll, EventStream, PolledEvents, TokenError,
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::form::{Body, parse_json};
use crate::handler::admission::{admit, with_bounded_guesses};
use crate::handler::client_form::{
    read_credentials, refuse, refuse_parameters, refuse_problem, refuse_token_error,
    refuse_too_many,
};
use crate::handler::jwks::public_headers;
use crate::mtls::Peer;
use crate::problem::Problem;
use crate::rate_limit::Counted;
use crate::refusal::Refusal;
use crate::security_events::answer;
use crate::state::AppState;

/// What of a body says who asks; the same words as in a form.
const CREDENTIALS: [&str; 4] = [
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
];

/// How receivers find the stream.
#[derive(Debug, Serialize)]
pub(crate) struct TransmitterMetadata {
    spec_version: &'static str,
    issuer: String,
    jwks_uri: String,
    delivery_methods_supported: [&'static str; 2],
    critical_subject_members: [&'static str; 2],
    default_subjects: &'static str,
    poll_endpoint: String,
}

/// Says where the stream is, and what it follows.
pub(crate) async fn get_transmitter(
    State(state): State<AppState>,
) -> (HeaderMap, Json<TransmitterMetadata>) {
    let provider = state.provider();
    let metadata = TransmitterMetadata {
        spec_version: "1_0",
        issuer: provider.issuer().as_str().to_owned(),
        jwks_uri: provider.endpoint_url(Endpoint::Jwks),
        delivery_methods_supported: ["urn:ietf:rfc:8936", "urn:ietf:rfc:8935"],
        critical_subject_members: ["session", "application"],
        default_subjects: "ALL",
        poll_endpoint: provider.endpoint_url(Endpoint::SecurityEvents),
    };
    (public_headers(), Json(metadata))
}

/// Tells a receiver what has ended since it asked last.
pub(crate) async fn post_poll(
    State(state): State<AppState>,
    peer: Peer,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<PolledEvents>, Refusal> {
    if uri.query().is_some() {
        let code = Problem::RequestMalformed.code();
        return Err(refuse(ErrorCode::InvalidRequest, code));
    }
    let members: Map<String, Value> = parse_json(&headers, body).map_err(refuse_problem)?;
    let poll = EventPoll::from_json(&members).map_err(|error| refuse_token_error(&error.into()))?;
    let stream = open(&state, (&peer, &headers), &members, &poll).await?;
    let answered = answer(&state, &stream, poll.returns_immediately()).await;
    answered
        .map(Json)
        .map_err(|error| refuse_poll(&error.into()))
}

/// Lets the receiver in, as at the introspection endpoint.
async fn open(
    state: &AppState,
    (peer, headers): (&Peer, &HeaderMap),
    members: &Map<String, Value>,
    poll: &EventPoll,
) -> Result<EventStream, Refusal> {
    let caller = (peer.address, headers);
    let parameters = TokenParameters::from_pairs(credentials_of(members))
        .map_err(|error| refuse_parameters(&error))?;
    let credentials = read_credentials(headers, &parameters, &peer.certificate);
    let counted = Counted::TokenLookupRefusal;
    let Some(admission) = admit(state, counted, caller, credentials.as_ref().ok()) else {
        return Err(refuse_problem(Problem::TooManyRequests));
    };
    let outcome = match credentials {
        Ok(credentials) => {
            let opened = open_proven(state, &credentials, poll);
            with_bounded_guesses(state, &credentials, caller, opened).await
        }
        Err(error) => Err(state.provider().refuse_token_lookup(error).await),
    };
    admission.settle(&outcome, false);
    outcome.map_err(|error| refuse_poll(&error))
}

async fn open_proven(
    state: &AppState,
    credentials: &ClientCredentials,
    poll: &EventPoll,
) -> Result<EventStream, TokenError> {
    state.provider().open_event_stream(credentials, poll).await
}

pub(crate) fn credentials_of(members: &Map<String, Value>) -> Vec<(String, String)> {
    let pair = |name: &str| {
        let value = members.get(name)?.as_str()?;
        Some((name.to_owned(), value.to_owned()))
    };
    CREDENTIALS.into_iter().filter_map(pair).collect()
}

fn refuse_poll(error: &TokenError) -> Refusal {
    match &error.source {
        Error::EventStreamsExceeded | Error::EventPollsExceeded => refuse_too_many(error.code()),
        _ => refuse_token_error(error),
    }
}
