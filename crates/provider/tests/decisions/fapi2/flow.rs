//! Whole logins, and what a request may and need not say.

use cardea_jose::{Algorithm, UnverifiedJws};
use cardea_provider::UserinfoAnswer;

use super::super::world::{ISSUER, claims_of, query_value};
use super::{Fapi, PAR_URL, parameters};

#[tokio::test]
async fn fapi2_security_profile_final_happy_flow() {
    let fapi = Fapi::new().await;
    let proof = fapi.proof(&fapi.dpop_key, PAR_URL);
    let pushed = fapi
        .push_as(
            &fapi.credentials(),
            parameters(super::INSURER),
            Some(&proof),
        )
        .await
        .unwrap();
    let begun = fapi.begin(&pushed).await;
    let location = fapi.complete(&begun).await.unwrap().location();
    // Attack E19: the answer says whose it is.
    assert_eq!(query_value(&location, "iss").as_deref(), Some(ISSUER));
    let tokens = fapi.redeem(&location).await.unwrap();
    assert_eq!(tokens.token_type, "DPoP");
    let id_token = tokens.id_token.clone().unwrap();
    for token in [&tokens.access_token, &id_token] {
        let jws = UnverifiedJws::parse(token, 8192).unwrap();
        assert_eq!(jws.algorithm(), Algorithm::Es256);
    }
    let claims = claims_of(&tokens.access_token);
    assert_eq!(claims["cnf"]["jkt"], fapi.dpop_key.kid());
    let userinfo = fapi
        .world
        .userinfo_with(&fapi.dpop_key, &tokens.access_token);
    let UserinfoAnswer::Claims(person) = userinfo.await.unwrap() else {
        panic!("plain JSON was registered")
    };
    assert_eq!(person["sub"], claims_of(&id_token)["sub"]);
    // Attack F10: the same token without its key opens nothing.
    let bare = fapi.world.userinfo(&tokens.access_token).await.unwrap_err();
    assert_eq!(bare.code(), "provider.access_token_scheme_mismatch");
}

#[tokio::test]
async fn fapi2_security_profile_final_user_rejects_authentication() {
    let fapi = Fapi::new().await;
    let begun = fapi.begin(&fapi.push(|_| {}).await.unwrap()).await;
    let provider = &fapi.world.provider;
    let cancelled = provider.cancel_login(&begun.request_id, begun.cookie());
    let location = cancelled.await.unwrap().response.location();
    let said = |name| query_value(&location, name);
    assert_eq!(said("error").as_deref(), Some("access_denied"));
    assert_eq!(said("state").as_deref(), Some("the state"));
    assert_eq!(said("iss").as_deref(), Some(ISSUER));
}

#[tokio::test]
async fn fapi2_security_profile_final_ensure_authorization_request_without_state_success() {
    let fapi = Fapi::new().await;
    let location = fapi.log_in_with(|asked| asked.state = None).await;
    assert_eq!(query_value(&location, "state"), None);
    fapi.redeem(&location).await.unwrap();
}

#[tokio::test]
async fn fapi2_security_profile_final_ensure_authorization_request_without_nonce_success() {
    let fapi = Fapi::new().await;
    let location = fapi.log_in_with(|asked| asked.nonce = None).await;
    let id_token = fapi.redeem(&location).await.unwrap().id_token.unwrap();
    assert!(claims_of(&id_token).get("nonce").is_none());
}

async fn comes_back_as_nonce(nonce: String) {
    let fapi = Fapi::new().await;
    let sent = nonce.clone();
    let location = fapi.log_in_with(|asked| asked.nonce = Some(sent)).await;
    let id_token = fapi.redeem(&location).await.unwrap().id_token.unwrap();
    assert_eq!(claims_of(&id_token)["nonce"], nonce);
}

#[tokio::test]
async fn fapi2_security_profile_final_ensure_authorization_request_with_64_char_nonce_success() {
    comes_back_as_nonce("n".repeat(64)).await;
}

/// What the suite sends is taken; what is longer than a token should be is refused at the push.
#[tokio::test]
async fn fapi2_security_profile_final_ensure_authorization_request_with_long_nonce() {
    comes_back_as_nonce("n".repeat(384)).await;
    let fapi = Fapi::new().await;
    let refused = fapi
        .push_refusal(|asked| asked.nonce = Some("n".repeat(1025)))
        .await;
    assert_eq!(refused, ("invalid_request", "oauth2.parameter_too_long"));
}

#[tokio::test]
async fn fapi2_security_profile_final_ensure_authorization_request_with_long_state() {
    let fapi = Fapi::new().await;
    let state = "s".repeat(384);
    let sent = state.clone();
    let location = fapi.log_in_with(|asked| asked.state = Some(sent)).await;
    assert_eq!(query_value(&location, "state"), Some(state));
}

#[tokio::test]
async fn fapi2_security_profile_final_ensure_other_scope_order_succeeds() {
    let fapi = Fapi::new().await;
    let location = fapi
        .log_in_with(|asked| asked.scope = Some("professional openid profile".to_owned()))
        .await;
    let tokens = fapi.redeem(&location).await.unwrap();
    let mut granted: Vec<_> = tokens.scope.split(' ').collect();
    granted.sort_unstable();
    assert_eq!(granted, ["openid", "professional", "profile"]);
}

#[tokio::test]
async fn fapi2_security_profile_final_test_claims_parameter_identity_claims() {
    let fapi = Fapi::new().await;
    let wanted = r#"{"id_token":{"family_name":null},"userinfo":{"given_name":null}}"#;
    let location = fapi
        .log_in_with(|asked| {
            asked.scope = Some("openid".to_owned());
            asked.claims = Some(wanted.to_owned());
        })
        .await;
    let tokens = fapi.redeem(&location).await.unwrap();
    let id_token = claims_of(&tokens.id_token.unwrap());
    assert!(id_token["family_name"].is_string(), "{id_token}");
    assert!(id_token.get("given_name").is_none(), "{id_token}");
    let userinfo = fapi
        .world
        .userinfo_with(&fapi.dpop_key, &tokens.access_token);
    let UserinfoAnswer::Claims(person) = userinfo.await.unwrap() else {
        panic!("plain JSON was registered")
    };
    assert!(person["given_name"].is_string(), "{person:?}");
    assert!(person.get("family_name").is_none(), "{person:?}");
}
