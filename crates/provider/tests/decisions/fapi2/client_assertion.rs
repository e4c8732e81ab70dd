//! How clients prove themselves: by a key and one of three algorithms, to the issuer alone (attacks
//! F3 and F4).

use cardea_jose::{Algorithm, SigningKey};
use cardea_oauth2_types::TokenParameters;
use cardea_provider::{ClientCredentials, TokenError};
use serde_json::{Value, json};

use super::super::world::ISSUER;
use super::{
    BEARER, Fapi, INSURER, PAR_URL, TOKEN_URL, nameless, names, parameters, read_credentials,
};

/// Pushes with changed claims of the assertion.
async fn push_asserting(
    fapi: &Fapi,
    change: impl FnOnce(&mut Value),
) -> Result<String, TokenError> {
    let credentials = fapi.credentials_with(change);
    fapi.push_as(&credentials, parameters(INSURER), None).await
}

async fn refusal(fapi: &Fapi, change: impl FnOnce(&mut Value)) -> (&'static str, &'static str) {
    names(&push_asserting(fapi, change).await.unwrap_err())
}

const AUDIENCE: (&str, &str) = (
    "invalid_client",
    "provider.client_assertion_audience_mismatch",
);
const TIME: (&str, &str) = ("invalid_client", "provider.client_assertion_time_invalid");
const INVALID: (&str, &str) = ("invalid_client", "provider.client_assertion_invalid");

/// An RSA key may sign with PS256 and not with RS256, which fits it as well.
#[tokio::test]
async fn fapi2_security_profile_final_ensure_signed_client_assertion_with_rs256_fails() {
    let pem = SigningKey::generate(Algorithm::Rs256).unwrap().to_pem();
    let pem = pem.unwrap();
    let [ps256, rs256] = [Algorithm::Ps256, Algorithm::Rs256]
        .map(|algorithm| SigningKey::from_pem(algorithm, &pem).unwrap());
    let fapi = Fapi::with(|settings| {
        let public = nameless(&ps256);
        settings.client(INSURER).jwks.keys = vec![public];
    })
    .await;
    for (key, refused) in [(&ps256, None), (&rs256, Some(INVALID))] {
        let claims = fapi.assertion_claims(INSURER);
        let credentials = read_credentials(&key.sign_jwt("JWT", &claims).unwrap()).unwrap();
        let pushed = fapi.push_as(&credentials, parameters(INSURER), None).await;
        assert_eq!(pushed.err().as_ref().map(names), refused);
        // At the token endpoint the same.
        let claims = fapi.assertion_claims(INSURER);
        let credentials = read_credentials(&key.sign_jwt("JWT", &claims).unwrap()).unwrap();
        let asked = TokenParameters {
            grant_type: Some("authorization_code".to_owned()),
            code: Some("guess".to_owned()),
            ..TokenParameters::default()
        };
        let proof = fapi.proof(&fapi.dpop_key, TOKEN_URL);
        let issued = fapi.issue(&credentials, &asked, Some(&proof)).await;
        let expected = refused.unwrap_or(("invalid_grant", "provider.code_unknown"));
        assert_eq!(names(&issued.unwrap_err()), expected);
    }
}

#[tokio::test]
async fn fapi2_security_profile_final_ensure_client_assertion_in_token_endpoint() {
    let fapi = Fapi::new().await;
    let location = fapi.log_in().await;
    let named = TokenParameters {
        client_id: Some(INSURER.to_owned()),
        ..TokenParameters::default()
    };
    let nameless = ClientCredentials::read(None, &named).unwrap();
    let refused = fapi
        .redeem_with(&location, &nameless, &fapi.dpop_key, |_| {})
        .await
        .unwrap_err();
    let expected = ("invalid_client", "provider.client_authentication_missing");
    assert_eq!(names(&refused), expected);
    // The code is not touched by who did not prove itself.
    fapi.redeem(&location).await.unwrap();
}

#[tokio::test]
async fn fapi2_security_profile_final_ensure_client_assertion_with_exp_is_5_minutes_in_past_fails()
{
    let fapi = Fapi::new().await;
    let now = fapi.world.now().unix_timestamp();
    let refused = refusal(&fapi, |claims| {
        claims["iat"] = json!(now - 600);
        claims["exp"] = json!(now - 300);
    });
    assert_eq!(refused.await, TIME);
}

#[tokio::test]
async fn fapi2_security_profile_final_ensure_client_assertion_with_wrong_aud_fails() {
    let fapi = Fapi::new().await;
    for aud in ["https://other.example.fr", "https://id.example.fr/"] {
        let refused = refusal(&fapi, |claims| claims["aud"] = json!(aud)).await;
        assert_eq!(refused, AUDIENCE, "{aud}");
    }
}

#[tokio::test]
async fn fapi2_security_profile_final_ensure_client_assertion_with_no_sub_fails() {
    let fapi = Fapi::new().await;
    let mut claims = fapi.assertion_claims(INSURER);
    claims.as_object_mut().unwrap().remove("sub");
    let assertion = fapi.key.sign_jwt("JWT", &claims).unwrap();
    let asked = TokenParameters {
        client_id: Some(INSURER.to_owned()),
        client_assertion_type: Some(BEARER.to_owned()),
        client_assertion: Some(assertion),
        ..TokenParameters::default()
    };
    let error = ClientCredentials::read(None, &asked).unwrap_err();
    let told = (error.oauth_error().as_str(), error.code());
    assert_eq!(told, INVALID);
}

#[tokio::test]
async fn fapi2_security_profile_final_par_test_array_as_audience_fails() {
    let fapi = Fapi::new().await;
    for aud in [json!([ISSUER]), json!([ISSUER, PAR_URL, TOKEN_URL])] {
        let refused = refusal(&fapi, |claims| claims["aud"] = aud.clone()).await;
        assert_eq!(refused, AUDIENCE, "{aud}");
    }
}

#[tokio::test]
async fn fapi2_security_profile_final_par_test_par_endpoint_url_as_audience_fails() {
    let fapi = Fapi::new().await;
    let refused = refusal(&fapi, |claims| claims["aud"] = json!(PAR_URL));
    assert_eq!(refused.await, AUDIENCE);
}

#[tokio::test]
async fn fapi2_security_profile_final_par_test_token_endpoint_url_as_audience_fails() {
    let fapi = Fapi::new().await;
    let refused = refusal(&fapi, |claims| claims["aud"] = json!(TOKEN_URL));
    assert_eq!(refused.await, AUDIENCE);
}

#[tokio::test]
async fn fapi2_security_profile_final_par_ensure_jwt_client_assertions_nbf_8_seconds_in_the_future_is_accepted()
 {
    let fapi = Fapi::new().await;
    let now = fapi.world.now().unix_timestamp();
    for (iat, nbf) in [(now + 8, now + 8), (now + 10, now + 10)] {
        let pushed = push_asserting(&fapi, |claims| {
            claims["iat"] = json!(iat);
            claims["nbf"] = json!(nbf);
        });
        pushed.await.unwrap();
    }
}

#[tokio::test]
async fn fapi2_security_profile_final_par_ensure_jwt_client_assertions_nbf_over_60_seconds_in_the_future_fails()
 {
    let fapi = Fapi::new().await;
    let now = fapi.world.now().unix_timestamp();
    for claim in ["nbf", "iat"] {
        let refused = refusal(&fapi, |claims| {
            claims[claim] = json!(now + 61);
            claims["exp"] = json!(now + 120);
        });
        assert_eq!(refused.await, TIME, "{claim}");
    }
}

/// An assertion of another client's key, and one that was used (attack F4).
#[tokio::test]
async fn f4_an_assertion_is_its_client_s_own_and_good_once() {
    let fapi = Fapi::new().await;
    let claims = fapi.assertion_claims(INSURER);
    let forged = read_credentials(&fapi.other_key.sign_jwt("JWT", &claims).unwrap()).unwrap();
    let refused = fapi.push_as(&forged, parameters(INSURER), None).await;
    assert_eq!(names(&refused.unwrap_err()), INVALID);
    let once = fapi.credentials();
    fapi.push_as(&once, parameters(INSURER), None)
        .await
        .unwrap();
    let again = fapi.push_as(&once, parameters(INSURER), None).await;
    let replayed = ("invalid_client", "provider.client_assertion_replayed");
    assert_eq!(names(&again.unwrap_err()), replayed);
}
