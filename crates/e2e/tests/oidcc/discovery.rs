//! What the discovery document says, and what it does not say.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use cardea_e2e::conformance::Suite;
use serde_json::{Value, json};

/// Members that are lists, each with a value that it must have.
const LISTS: [(&str, &str); 14] = [
    ("response_types_supported", "code"),
    ("subject_types_supported", "public"),
    ("id_token_signing_alg_values_supported", "RS256"),
    ("userinfo_signing_alg_values_supported", "RS256"),
    ("request_object_signing_alg_values_supported", "RS256"),
    ("claims_supported", "sub"),
    ("grant_types_supported", "authorization_code"),
    ("grant_types_supported", "refresh_token"),
    ("scopes_supported", "openid"),
    (
        "token_endpoint_auth_methods_supported",
        "client_secret_basic",
    ),
    (
        "token_endpoint_auth_methods_supported",
        "client_secret_post",
    ),
    ("code_challenge_methods_supported", "S256"),
    ("ui_locales_supported", "fr"),
    ("ui_locales_supported", "en"),
];

/// The members that the suite knows among those that a server of ours may have; it warns at others.
const KNOWN: [&str; 41] = [
    "issuer",
    "authorization_endpoint",
    "pushed_authorization_request_endpoint",
    "require_pushed_authorization_requests",
    "require_signed_request_object",
    "token_endpoint",
    "userinfo_endpoint",
    "introspection_endpoint",
    "revocation_endpoint",
    "jwks_uri",
    "end_session_endpoint",
    "scopes_supported",
    "response_types_supported",
    "response_modes_supported",
    "grant_types_supported",
    "acr_values_supported",
    "subject_types_supported",
    "id_token_signing_alg_values_supported",
    "userinfo_signing_alg_values_supported",
    "authorization_signing_alg_values_supported",
    "introspection_signing_alg_values_supported",
    "token_endpoint_auth_methods_supported",
    "token_endpoint_auth_signing_alg_values_supported",
    "introspection_endpoint_auth_methods_supported",
    "introspection_endpoint_auth_signing_alg_values_supported",
    "device_authorization_endpoint",
    "revocation_endpoint_auth_methods_supported",
    "revocation_endpoint_auth_signing_alg_values_supported",
    "dpop_signing_alg_values_supported",
    "claim_types_supported",
    "claims_supported",
    "code_challenge_methods_supported",
    "ui_locales_supported",
    "authorization_response_iss_parameter_supported",
    "backchannel_logout_supported",
    "backchannel_logout_session_supported",
    "claims_parameter_supported",
    "request_parameter_supported",
    "request_uri_parameter_supported",
    "request_object_signing_alg_values_supported",
    "prompt_values_supported",
];

/// That every address is `https`, that the issuer is the one asked, and that the keys are sound is
/// judged wherever a `Suite` is opened.
#[tokio::test(flavor = "multi_thread")]
async fn oidcc_discovery_endpoint_verification() -> Result<()> {
    let suite = Suite::open().await?;
    for (member, value) in LISTS {
        assert!(suite.lists(member, value), "{member} without {value}");
    }
    let members = suite.metadata().as_object().context("no metadata")?;
    for (name, value) in members {
        assert!(KNOWN.contains(&name.as_str()), "{name}");
        if name.ends_with("_supported") {
            // RFC 8414 section 2: claims with zero elements must be left out.
            let values = value.as_array().map(Vec::as_slice);
            let distinct: BTreeSet<_> = values
                .unwrap_or_default()
                .iter()
                .map(Value::to_string)
                .collect();
            assert!(value.is_boolean() || !distinct.is_empty(), "{name}");
            assert_eq!(distinct.len(), values.map_or(0, <[Value]>::len), "{name}");
        }
    }
    for scope in suite.metadata()["scopes_supported"]
        .as_array()
        .context("no scopes")?
    {
        let scope = scope.as_str().context("a scope is a text")?;
        assert!(!scope.is_empty() && scope.chars().all(|c| c.is_ascii_graphic()));
    }
    for name in [
        "userinfo_endpoint",
        "claims_parameter_supported",
        "request_parameter_supported",
    ] {
        assert!(members.contains_key(name), "{name}");
    }
    // The document tells the truth about a login.
    let signed_in = suite
        .sign_in(&suite.user_agent()?, &suite.request()?)
        .await?;
    for claim in signed_in.claims().as_object().context("no claims")?.keys() {
        assert!(
            claim == "at_hash" || suite.lists("claims_supported", claim),
            "{claim}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn oidcc_rp_initiated_logout_discovery_endpoint_verification() -> Result<()> {
    let suite = Suite::open().await?;
    assert!(
        suite
            .endpoint("end_session_endpoint")?
            .starts_with("https://")
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn oidcc_backchannel_logout_discovery_endpoint_verification() -> Result<()> {
    let suite = Suite::open().await?;
    for name in [
        "backchannel_logout_supported",
        "backchannel_logout_session_supported",
    ] {
        assert_eq!(suite.metadata()[name], json!(true), "{name}");
    }
    assert!(
        suite
            .endpoint("end_session_endpoint")?
            .starts_with("https://")
    );
    Ok(())
}

/// Browsers no longer give frames the cookies that both would need, so neither is offered, and the
/// suite's plans for them do not apply.
#[tokio::test(flavor = "multi_thread")]
async fn front_channel_logout_and_session_management_are_not_claimed() -> Result<()> {
    let suite = Suite::open().await?;
    let members = suite.metadata().as_object().context("no metadata")?;
    for name in members.keys() {
        assert!(!name.starts_with("frontchannel_logout"), "{name}");
        assert_ne!(name, "check_session_iframe");
    }
    let agent = suite.user_agent()?;
    let request = suite.request()?;
    let visit = agent.authorize(&suite, &request).await?;
    // `session_state` would be refused here as unexpected.
    request.code(&suite, &visit)?;
    Ok(())
}
