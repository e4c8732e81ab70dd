use cardea_oauth2_types::AuthorizationParameters;
use cardea_provider::AuthorizationError;

use super::super::world::{ISSUER, World, query_value};

type Change = fn(&mut AuthorizationParameters);

fn set(slot: &mut Option<String>, value: &str) {
    *slot = Some(value.to_owned());
}

/// Attacks E5, E6, E8, E9, E15, E16 and E21, and the other rules that a client learns of.
const CASES: &[(&str, Change, &str, &str)] = &[
    (
        "no response type",
        |p| p.response_type = None,
        "invalid_request",
        "provider.response_type_missing",
    ),
    (
        "implicit",
        |p| set(&mut p.response_type, "token"),
        "unsupported_response_type",
        "provider.response_type_unsupported",
    ),
    (
        "implicit ID token",
        |p| set(&mut p.response_type, "id_token token"),
        "unsupported_response_type",
        "provider.response_type_unsupported",
    ),
    (
        "hybrid",
        |p| set(&mut p.response_type, "code id_token"),
        "unsupported_response_type",
        "provider.response_type_unsupported",
    ),
    (
        "fragment",
        |p| set(&mut p.response_mode, "fragment"),
        "invalid_request",
        "provider.response_mode_unsupported",
    ),
    (
        "no PKCE",
        |p| {
            p.code_challenge = None;
            p.code_challenge_method = None;
        },
        "invalid_request",
        "provider.pkce_missing",
    ),
    (
        "plain PKCE",
        |p| set(&mut p.code_challenge_method, "plain"),
        "invalid_request",
        "provider.pkce_method_unsupported",
    ),
    (
        "PKCE method left to its default",
        |p| p.code_challenge_method = None,
        "invalid_request",
        "provider.pkce_method_unsupported",
    ),
    (
        "short challenge",
        |p| set(&mut p.code_challenge, "abc"),
        "invalid_request",
        "oauth2.parameter_malformed",
    ),
    (
        "no scope",
        |p| p.scope = None,
        "invalid_scope",
        "provider.scope_openid_missing",
    ),
    (
        "no openid",
        |p| set(&mut p.scope, "profile"),
        "invalid_scope",
        "provider.scope_openid_missing",
    ),
    (
        "offline access",
        |p| set(&mut p.scope, "openid offline_access"),
        "invalid_scope",
        "provider.scope_not_allowed",
    ),
    (
        "odd scope",
        |p| set(&mut p.scope, "openid \"x\""),
        "invalid_request",
        "oauth2.parameter_malformed",
    ),
    (
        "silent without session",
        |p| set(&mut p.prompt, "none"),
        "login_required",
        "provider.login_required",
    ),
    (
        "silent and not",
        |p| set(&mut p.prompt, "none login"),
        "invalid_request",
        "provider.prompt_invalid",
    ),
    (
        "unknown prompt",
        |p| set(&mut p.prompt, "please"),
        "invalid_request",
        "provider.prompt_invalid",
    ),
    (
        "negative age",
        |p| set(&mut p.max_age, "-1"),
        "invalid_request",
        "provider.max_age_invalid",
    ),
    (
        "age in words",
        |p| set(&mut p.max_age, "1h"),
        "invalid_request",
        "provider.max_age_invalid",
    ),
    (
        "huge age",
        |p| set(&mut p.max_age, "99999999999999999999"),
        "invalid_request",
        "provider.max_age_invalid",
    ),
    (
        "forged hint",
        |p| set(&mut p.id_token_hint, "a.b.c"),
        "invalid_request",
        "provider.id_token_hint_invalid",
    ),
    (
        "a method without its challenge",
        |p| p.code_challenge = None,
        "invalid_request",
        "provider.pkce_missing",
    ),
    (
        "long challenge",
        |p| set(&mut p.code_challenge, &"a".repeat(44)),
        "invalid_request",
        "oauth2.parameter_malformed",
    ),
    (
        "unknown response type",
        |p| set(&mut p.response_type, "device"),
        "unsupported_response_type",
        "provider.response_type_unsupported",
    ),
    (
        "signed response mode for scripts",
        |p| set(&mut p.response_mode, "fragment.jwt"),
        "invalid_request",
        "provider.response_mode_unsupported",
    ),
    (
        "nonce of two kilobytes",
        |p| set(&mut p.nonce, &"n".repeat(2048)),
        "invalid_request",
        "oauth2.parameter_too_long",
    ),
    (
        "claims that are no JSON",
        |p| set(&mut p.claims, "name"),
        "invalid_request",
        "provider.claims_parameter_invalid",
    ),
    (
        "an essential level of another provider (E21)",
        |p| {
            set(
                &mut p.claims,
                r#"{"id_token":{"acr":{"essential":true,"values":["eidas-high"]}}}"#,
            );
        },
        "unmet_authentication_requirements",
        "provider.acr_unmet",
    ),
    (
        "a resource that is not registered",
        |p| p.resource = vec!["https://api.example.fr".to_owned()],
        "invalid_target",
        "provider.resource_not_allowed",
    ),
    (
        "a key that is none",
        |p| set(&mut p.dpop_jkt, "abc"),
        "invalid_request",
        "provider.dpop_jkt_malformed",
    ),
    (
        "request object of a client without keys",
        |p| set(&mut p.request, "a.b.c"),
        "request_not_supported",
        "provider.request_object_unsupported",
    ),
    (
        "request by reference",
        |p| set(&mut p.request_uri, "http://169.254.169.254/"),
        "request_uri_not_supported",
        "provider.request_uri_unsupported",
    ),
];

#[tokio::test]
async fn each_broken_rule_is_told_to_the_client_with_state_and_issuer() {
    let world = World::new().await;
    for &(name, change, error, code) in CASES {
        let refused = world.authorize(change).await;
        let Err(AuthorizationError::Redirect {
            response,
            error: told,
            source,
        }) = refused
        else {
            panic!("{name} is not refused at the redirect URI")
        };
        let location = response.location();
        assert_eq!((told.as_str(), source.code()), (error, code), "{name}");
        assert!(
            location.starts_with("https://portal.example.fr/cb?"),
            "{name}"
        );
        assert_eq!(
            query_value(&location, "error").as_deref(),
            Some(error),
            "{name}"
        );
        assert_eq!(
            query_value(&location, "state").as_deref(),
            Some("the state"),
            "{name}"
        );
        assert_eq!(
            query_value(&location, "iss").as_deref(),
            Some(ISSUER),
            "{name}"
        );
        assert_eq!(query_value(&location, "code"), None, "{name}");
        let event = world.event("authorization.refused").await;
        assert_eq!(event.code.as_deref(), Some(code), "{name}");
    }
}
