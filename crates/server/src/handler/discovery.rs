//! The discovery document (OpenID Connect Discovery 1.0 section 4).

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use cardea_oauth2_types::{Acr, ProviderMetadata, scope};

use crate::handler::jwks::public_headers;
use crate::state::AppState;

/// Says what is on, and nothing else. The issuer comes from the configuration, whatever `Host`
/// the request names (attack G10).
pub(crate) async fn get_discovery(
    State(state): State<AppState>,
) -> (HeaderMap, Json<ProviderMetadata>) {
    (public_headers(), Json(state.metadata().clone()))
}

/// The document for an issuer.
pub(crate) fn metadata_of(issuer: &str, weakest_acr: Acr) -> ProviderMetadata {
    let at = |path: &str| format!("{issuer}{path}");
    ProviderMetadata {
        issuer: issuer.to_owned(),
        authorization_endpoint: at("/authorize"),
        pushed_authorization_request_endpoint: at("/par"),
        require_pushed_authorization_requests: false,
        token_endpoint: at("/token"),
        userinfo_endpoint: at("/userinfo"),
        jwks_uri: at("/jwks"),
        end_session_endpoint: at("/logout"),
        scopes_supported: vec![scope::OPENID, scope::PROFILE, scope::PROFESSIONAL],
        response_types_supported: vec!["code"],
        response_modes_supported: vec!["query", "form_post"],
        grant_types_supported: vec!["authorization_code"],
        acr_values_supported: reachable(weakest_acr),
        subject_types_supported: vec!["public"],
        id_token_signing_alg_values_supported: vec!["RS256", "ES256"],
        token_endpoint_auth_methods_supported: vec![
            "client_secret_basic",
            "client_secret_post",
            "none",
        ],
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
        request_object_signing_alg_values_supported: vec![
            "RS256", "PS256", "ES256", "ES384", "EdDSA",
        ],
        prompt_values_supported: vec!["none", "login", "consent", "select_account"],
    }
}

/// The classes that a login can end in: a weaker one than the policy's is refused.
fn reachable(weakest: Acr) -> Vec<&'static str> {
    let reachable = Acr::ALL.into_iter().filter(|acr| acr.satisfies(weakest));
    reachable.map(Acr::as_str).collect()
}
