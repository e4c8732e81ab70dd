//! The discovery document (OpenID Connect Discovery 1.0 section 4).

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use cardea_jose::{Algorithm, JwkSet};
use cardea_oauth2_types::{Acr, GrantType, ProviderMetadata, ResponseMode, scope};
use cardea_provider::{Endpoint, Provider};

use crate::handler::jwks::public_headers;
use crate::state::AppState;

/// Says what is on, and nothing else. The issuer comes from the configuration, whatever `Host`
/// the request names (attack G10).
pub(crate) async fn get_discovery(
    State(state): State<AppState>,
) -> (HeaderMap, Json<ProviderMetadata>) {
    (public_headers(), Json(state.metadata().clone()))
}

/// The document of a provider that lets in nothing weaker than `weakest_acr`.
pub(crate) fn metadata_of(provider: &Provider, weakest_acr: Acr) -> ProviderMetadata {
    let signed = signing_algorithms(&provider.jwks());
    let at = |endpoint| provider.endpoint_url(endpoint);
    ProviderMetadata {
        issuer: provider.issuer().as_str().to_owned(),
        authorization_endpoint: at(Endpoint::Authorization),
        pushed_authorization_request_endpoint: at(Endpoint::PushedAuthorizationRequest),
        require_pushed_authorization_requests: false,
        token_endpoint: at(Endpoint::Token),
        userinfo_endpoint: at(Endpoint::Userinfo),
        introspection_endpoint: at(Endpoint::Introspection),
        revocation_endpoint: at(Endpoint::Revocation),
        jwks_uri: at(Endpoint::Jwks),
        end_session_endpoint: at(Endpoint::EndSession),
        // `profile` is answered, and not listed: whoever finds it here may expect every claim of
        // OIDC Core section 5.4, of which a card fills three.
        scopes_supported: vec![scope::OPENID, scope::PROFESSIONAL],
        response_types_supported: vec!["code"],
        response_modes_supported: ResponseMode::ALL.map(ResponseMode::as_str).to_vec(),
        grant_types_supported: GrantType::ALL.map(GrantType::as_str).to_vec(),
        acr_values_supported: reachable(weakest_acr),
        subject_types_supported: vec!["public", "pairwise"],
        id_token_signing_alg_values_supported: signed.clone(),
        userinfo_signing_alg_values_supported: signed,
        token_endpoint_auth_methods_supported: any_client(),
        token_endpoint_auth_signing_alg_values_supported: verified(),
        // A token's worth is told to those who prove who they are (attack G13).
        introspection_endpoint_auth_methods_supported: CONFIDENTIAL.to_vec(),
        introspection_endpoint_auth_signing_alg_values_supported: verified(),
        revocation_endpoint_auth_methods_supported: any_client(),
        revocation_endpoint_auth_signing_alg_values_supported: verified(),
        dpop_signing_alg_values_supported: verified(),
        claim_types_supported: vec!["normal"],
        claims_supported: vec![
            "iss",
            "sub",
            "aud",
            "exp",
            "iat",
            "auth_time",
            "nonce",
            "acr",
            "amr",
            "sid",
            "revocation_age",
            "name",
            "given_name",
            "family_name",
            "subject_id",
            "subject_id_type",
            "title",
            "profession",
            "structure",
            "card",
            "test",
        ],
        code_challenge_methods_supported: vec!["S256"],
        ui_locales_supported: vec!["fr", "en"],
        authorization_response_iss_parameter_supported: true,
        backchannel_logout_supported: true,
        backchannel_logout_session_supported: true,
        claims_parameter_supported: true,
        request_parameter_supported: true,
        // Nothing is fetched; what `/par` gives out is not an address.
        request_uri_parameter_supported: false,
        request_object_signing_alg_values_supported: verified(),
        prompt_values_supported: vec!["none", "login", "consent", "select_account"],
    }
}

/// How a client with a secret or a key of its own proves itself, at every endpoint.
const CONFIDENTIAL: [&str; 3] = [
    "client_secret_basic",
    "client_secret_post",
    "private_key_jwt",
];

fn any_client() -> Vec<&'static str> {
    let mut methods = CONFIDENTIAL.to_vec();
    methods.push("none");
    methods
}

/// What clients may sign with: the algorithm follows from their key.
fn verified() -> Vec<&'static str> {
    Algorithm::GENERAL.map(Algorithm::as_str).to_vec()
}

/// What this server signs with, RS256 first as OIDC Core has it.
fn signing_algorithms(token_keys: &JwkSet) -> Vec<&'static str> {
    let mut algorithms = Vec::new();
    for algorithm in token_keys.keys.iter().filter_map(|key| key.alg) {
        let name = algorithm.as_str();
        if !algorithms.contains(&name) {
            algorithms.push(name);
        }
    }
    algorithms
}

/// The classes that a login can end in: a weaker one than the policy's is refused.
fn reachable(weakest: Acr) -> Vec<&'static str> {
    let reachable = Acr::ALL.into_iter().filter(|acr| acr.satisfies(weakest));
    reachable.map(Acr::as_str).collect()
}
