//! The discovery document (OpenID Connect Discovery 1.0 section 4).

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use cardea_jose::JwkSet;
use cardea_oauth2_types::{
    Acr, GrantType, MtlsEndpointAliases, ProviderMetadata, ResponseMode, scope,
};
use cardea_provider::{
    CLAIM_SET, ClientProof, Demand, Endpoint, PROFESSIONAL_CLAIMS, PROFILE_CLAIMS, Permission,
    ProfileRules, ProtocolProfile, Provider,
};

use crate::handler::jwks::public_headers;
use crate::state::AppState;

/// Says what is on, and nothing else. The issuer comes from the configuration, whatever `Host`
/// the request names (attack G10).
pub(crate) async fn get_discovery(State(state): State<AppState>) -> (HeaderMap, Bytes) {
    let mut headers = public_headers();
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json);
    (headers, state.discovery().clone())
}

/// The document as it is sent. It holds words and names: nothing that JSON has no form for.
pub(crate) fn in_json(metadata: &ProviderMetadata) -> Bytes {
    let json = serde_json::to_vec(metadata);
    json.map(Bytes::from).unwrap_or_default()
}

/// The words for the levels that a login can end in; without the agent only where that is on, and
/// never where a profile asks for more.
fn acr_words(provider: &Provider, weakest_acr: Acr) -> Vec<&'static str> {
    let words = provider.rules().acr_words;
    let mut reachable = words.reachable(weakest_acr);
    let unwatched = words.word(Acr::CardUnwatched);
    if provider.offers_agentless() && words.reachable(Acr::CardUnwatched).contains(&unwatched) {
        reachable.push(unwatched);
    }
    reachable
}

/// The document of a provider that lets in nothing weaker than `weakest_acr`.
pub(crate) fn metadata_of(provider: &Provider, weakest_acr: Acr) -> ProviderMetadata {
    let rules = provider.rules();
    let signed = signing_algorithms(&provider.jwks(), rules);
    let verified = || verified(rules);
    let at = |endpoint| provider.endpoint_url(endpoint);
    ProviderMetadata {
        issuer: provider.issuer().as_str().to_owned(),
        authorization_endpoint: at(Endpoint::Authorization),
        pushed_authorization_request_endpoint: at(Endpoint::PushedAuthorizationRequest),
        require_pushed_authorization_requests: is_required(rules.pushed_authorization_requests),
        require_signed_request_object: is_required(rules.signed_request_objects),
        token_endpoint: at(Endpoint::Token),
        userinfo_endpoint: at(Endpoint::Userinfo),
        introspection_endpoint: at(Endpoint::Introspection),
        revocation_endpoint: at(Endpoint::Revocation),
        jwks_uri: at(Endpoint::Jwks),
        end_session_endpoint: at(Endpoint::EndSession),
        device_authorization_endpoint: provider
            .offers_device_grant()
            .then(|| at(Endpoint::DeviceAuthorization)),
        registration_endpoint: None,
        // `profile` is answered, and not listed: whoever finds it here may expect every claim of
        // OIDC Core section 5.4, of which a card fills three.
        scopes_supported: scopes(rules),
        response_types_supported: vec!["code"],
        response_modes_supported: ResponseMode::NAMES.to_vec(),
        grant_types_supported: grant_types(provider),
        acr_values_supported: acr_words(provider, weakest_acr),
        subject_types_supported: subject_types(rules),
        id_token_signing_alg_values_supported: id_token_algorithms(&signed, rules),
        userinfo_signing_alg_values_supported: signed.clone(),
        authorization_signing_alg_values_supported: signed.clone(),
        introspection_signing_alg_values_supported: signed,
        token_endpoint_auth_methods_supported: any_client(rules),
        token_endpoint_auth_signing_alg_values_supported: verified(),
        // A token's worth is told to those who prove who they are (attack G13).
        introspection_endpoint_auth_methods_supported: confidential(rules),
        introspection_endpoint_auth_signing_alg_values_supported: verified(),
        revocation_endpoint_auth_methods_supported: any_client(rules),
        revocation_endpoint_auth_signing_alg_values_supported: verified(),
        dpop_signing_alg_values_supported: verified(),
        claim_types_supported: vec!["normal"],
        claims_supported: claims(rules),
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
        tls_client_certificate_bound_access_tokens: None,
        mtls_endpoint_aliases: None,
    }
}

fn grant_types(provider: &Provider) -> Vec<&'static str> {
    let is_offered =
        |grant: &GrantType| *grant != GrantType::DeviceCode || provider.offers_device_grant();
    let offered = GrantType::ALL.into_iter().filter(is_offered);
    offered.map(GrantType::as_str).collect()
}

/// Adds what is on where there is a listener for clients with certificates (RFC 8705).
pub(crate) fn with_mtls(
    mut metadata: ProviderMetadata,
    aliases: MtlsEndpointAliases,
) -> ProviderMetadata {
    for methods in [
        &mut metadata.token_endpoint_auth_methods_supported,
        &mut metadata.introspection_endpoint_auth_methods_supported,
        &mut metadata.revocation_endpoint_auth_methods_supported,
    ] {
        methods.extend(["tls_client_auth", "self_signed_tls_client_auth"]);
    }
    ProviderMetadata {
        tls_client_certificate_bound_access_tokens: Some(true),
        mtls_endpoint_aliases: Some(aliases),
        ..metadata
    }
}

/// How a client with a secret or a key of its own proves itself, at every endpoint.
fn confidential(rules: &ProfileRules) -> Vec<&'static str> {
    let by_secret = ["client_secret_basic", "client_secret_post"];
    let by_key = ["private_key_jwt"];
    match rules.client_proof {
        ClientProof::AsRegistered => by_secret.into_iter().chain(by_key).collect(),
        ClientProof::Key => by_key.to_vec(),
    }
}

fn any_client(rules: &ProfileRules) -> Vec<&'static str> {
    let mut methods = confidential(rules);
    if rules.client_proof == ClientProof::AsRegistered {
        methods.push("none");
    }
    methods
}

fn is_required(demand: Demand) -> bool {
    demand == Demand::Required
}

/// What clients may sign with: the algorithm follows from their key.
fn verified(rules: &ProfileRules) -> Vec<&'static str> {
    let algorithms = rules.algorithms.iter();
    algorithms.map(|algorithm| algorithm.as_str()).collect()
}

/// What this server signs with, RS256 first as OIDC Core has it; a profile may leave it out.
fn signing_algorithms(token_keys: &JwkSet, rules: &ProfileRules) -> Vec<&'static str> {
    let mut algorithms = Vec::new();
    let named = token_keys.keys.iter().filter_map(|key| key.alg);
    for algorithm in named.filter(|algorithm| rules.admits(*algorithm)) {
        let name = algorithm.as_str();
        if !algorithms.contains(&name) {
            algorithms.push(name);
        }
    }
    algorithms
}

fn subject_types(rules: &ProfileRules) -> Vec<&'static str> {
    match rules.pairwise_subjects {
        Permission::Allowed => vec!["public", "pairwise"],
        Permission::Refused => vec!["public"],
    }
}

/// The algorithms of ID tokens: what clients may register, or the profile's one.
fn id_token_algorithms(signed: &[&'static str], rules: &ProfileRules) -> Vec<&'static str> {
    match rules.id_token_algorithm {
        Some(algorithm) => vec![algorithm.as_str()],
        None => signed.to_vec(),
    }
}

fn scopes(rules: &ProfileRules) -> Vec<&'static str> {
    match rules.profile {
        ProtocolProfile::Psc => vec![scope::OPENID, scope::SCOPE_ALL],
        _ => vec![scope::OPENID, scope::PROFESSIONAL],
    }
}

/// What the scopes give that are listed here, beside the claims of the login.
fn claims(rules: &ProfileRules) -> Vec<&'static str> {
    let of_login = [
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
    ];
    let of_person = match rules.profile {
        ProtocolProfile::Psc => CLAIM_SET.to_vec(),
        _ => [PROFILE_CLAIMS, PROFESSIONAL_CLAIMS].concat(),
    };
    of_login.into_iter().chain(of_person).collect()
}
