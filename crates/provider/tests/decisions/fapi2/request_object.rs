//! Signed requests at the push (FAPI 2.0 Message Signing section 5.3.1; attacks E10 and E12).

use cardea_jose::{Algorithm, SigningKey, base64url};
use cardea_oauth2_types::AuthorizationParameters;
use cardea_provider::{AuthorizationError, Demand};
use serde_json::{Value, json};

use super::super::world::{ISSUER, Settings, query_value};
use super::{Fapi, INSURER, nameless, names, parameters};

const TYP: &str = "oauth-authz-req+jwt";

/// The operator demands signed requests of everybody.
fn signing(settings: &mut Settings) {
    settings.config.authorization_rules.signed_request_objects = Demand::Required;
}

/// The claims of a valid object, which cases change.
fn claims(fapi: &Fapi) -> Value {
    let now = fapi.world.now().unix_timestamp();
    let mut claims = json!({ "iss": INSURER, "aud": ISSUER, "exp": now + 60, "nbf": now });
    for (name, value) in parameters(INSURER).to_pairs() {
        claims[name] = json!(value);
    }
    claims
}

/// Pushes an object, with nothing beside it but the client's id.
async fn push_object(fapi: &Fapi, object: &str) -> Result<String, (&'static str, &'static str)> {
    let asked = AuthorizationParameters {
        client_id: Some(INSURER.to_owned()),
        request: Some(object.to_owned()),
        ..AuthorizationParameters::default()
    };
    let pushed = fapi.push_as(&fapi.credentials(), asked, None).await;
    pushed.map_err(|refused| names(&refused))
}

async fn push_signed(
    fapi: &Fapi,
    change: impl FnOnce(&mut Value),
) -> Result<String, (&'static str, &'static str)> {
    let mut claims = claims(fapi);
    change(&mut claims);
    let object = fapi.key.sign_jwt(TYP, &claims).unwrap();
    push_object(fapi, &object).await
}

fn without(claims: &mut Value, name: &str) {
    claims.as_object_mut().unwrap().remove(name);
}

const OUT_OF_TIME: (&str, &str) = (
    "invalid_request_object",
    "provider.request_object_out_of_time",
);
const UNPROVEN: (&str, &str) = ("invalid_request_object", "provider.request_object_unproven");

#[tokio::test]
async fn a_signed_request_is_the_request() {
    let fapi = Fapi::with(signing).await;
    let request_uri = push_signed(&fapi, |claims| claims["state"] = json!("signed"))
        .await
        .unwrap();
    let begun = fapi.begin(&request_uri).await;
    let location = fapi.complete(&begun).await.unwrap().location();
    assert_eq!(query_value(&location, "state").as_deref(), Some("signed"));
    fapi.redeem(&location).await.unwrap();
}

#[tokio::test]
async fn fapi2_security_profile_final_ensure_unsigned_request_at_par_endpoint_fails() {
    let expected = ("invalid_request", "provider.request_object_missing");
    // By the operator's word for all clients, or by one client's registration.
    let for_all = Fapi::with(signing).await;
    assert_eq!(for_all.push_refusal(|_| {}).await, expected);
    let of_one = Fapi::with(|settings| {
        settings.client(INSURER).signed_request_object = Demand::Required;
    })
    .await;
    assert_eq!(of_one.push_refusal(|_| {}).await, expected);
    assert!(push_signed(&of_one, |_| {}).await.is_ok());
    let other = parameters(super::CLINIC);
    let credentials = of_one.other_credentials();
    let pushed = of_one.push_as(&credentials, other, None).await;
    assert!(pushed.is_ok());
}

#[tokio::test]
async fn fapi2_security_profile_final_ensure_request_object_without_redirect_uri_fails() {
    let fapi = Fapi::with(signing).await;
    let refused = push_signed(&fapi, |claims| without(claims, "redirect_uri")).await;
    let expected = ("invalid_request", "provider.redirect_uri_missing");
    assert_eq!(refused, Err(expected));
}

#[tokio::test]
async fn fapi2_security_profile_final_ensure_request_object_with_multiple_aud_succeeds() {
    let fapi = Fapi::with(signing).await;
    let several = json!([ISSUER, "https://other.example.fr"]);
    let pushed = push_signed(&fapi, |claims| claims["aud"] = several).await;
    assert!(pushed.is_ok(), "{pushed:?}");
}

#[tokio::test]
async fn fapi2_security_profile_final_ensure_request_object_without_exp_fails() {
    let fapi = Fapi::with(signing).await;
    let refused = push_signed(&fapi, |claims| without(claims, "exp")).await;
    assert_eq!(refused, Err(OUT_OF_TIME));
}

#[tokio::test]
async fn fapi2_security_profile_final_ensure_request_object_without_nbf_fails() {
    let fapi = Fapi::with(signing).await;
    let refused = push_signed(&fapi, |claims| without(claims, "nbf")).await;
    assert_eq!(refused, Err(OUT_OF_TIME));
}

#[tokio::test]
async fn fapi2_security_profile_final_ensure_expired_request_object_fails() {
    let fapi = Fapi::with(signing).await;
    let now = fapi.world.now().unix_timestamp();
    let refused = push_signed(&fapi, |claims| {
        claims["nbf"] = json!(now - 600);
        claims["exp"] = json!(now - 300);
    });
    assert_eq!(refused.await, Err(OUT_OF_TIME));
}

#[tokio::test]
async fn fapi2_security_profile_final_ensure_request_object_with_bad_aud_fails() {
    let fapi = Fapi::with(signing).await;
    let expected = (
        "invalid_request_object",
        "provider.request_object_audience_mismatch",
    );
    for aud in [
        json!("https://other.example.fr"),
        json!("https://id.example.fr/par"),
        json!([]),
    ] {
        let refused = push_signed(&fapi, |claims| claims["aud"] = aud.clone()).await;
        assert_eq!(refused, Err(expected), "{aud}");
    }
}

/// An hour from `nbf`, and not from the moment of the push.
#[tokio::test]
async fn fapi2_security_profile_final_ensure_request_object_with_exp_over_60_fails() {
    let fapi = Fapi::with(signing).await;
    let now = fapi.world.now().unix_timestamp();
    for (nbf, exp, accepted) in [
        (now, now + 3600, true),
        (now, now + 70 * 60, false),
        (now - 1800, now + 1800, true),
        (now - 1800, now + 1801, false),
    ] {
        let pushed = push_signed(&fapi, |claims| {
            claims["nbf"] = json!(nbf);
            claims["exp"] = json!(exp);
        })
        .await;
        let outcome = pushed.map(|_| ());
        let expected = if accepted { Ok(()) } else { Err(OUT_OF_TIME) };
        assert_eq!(outcome, expected, "{} {}", nbf - now, exp - now);
    }
}

#[tokio::test]
async fn fapi2_security_profile_final_ensure_request_object_with_nbf_over_60_fails() {
    let fapi = Fapi::with(signing).await;
    let now = fapi.world.now().unix_timestamp();
    let refused = push_signed(&fapi, |claims| claims["nbf"] = json!(now - 70 * 60)).await;
    assert_eq!(refused, Err(OUT_OF_TIME));
}

#[tokio::test]
async fn fapi2_security_profile_final_ensure_request_object_with_nbf_8_seconds_in_the_future_is_accepted()
 {
    let fapi = Fapi::with(signing).await;
    let now = fapi.world.now().unix_timestamp();
    for ahead in [8, 10] {
        let pushed = push_signed(&fapi, |claims| claims["nbf"] = json!(now + ahead)).await;
        assert!(pushed.is_ok(), "{ahead} s: {pushed:?}");
    }
}

#[tokio::test]
async fn fapi2_security_profile_final_ensure_signed_request_object_with_rs256_fails() {
    let pem = SigningKey::generate(Algorithm::Rs256).unwrap().to_pem();
    let pem = pem.unwrap();
    let [ps256, rs256] = [Algorithm::Ps256, Algorithm::Rs256]
        .map(|algorithm| SigningKey::from_pem(algorithm, &pem).unwrap());
    let fapi = Fapi::with(|settings| {
        signing(settings);
        let public = nameless(&ps256);
        settings.client(INSURER).jwks.keys.push(public);
    })
    .await;
    let claims = claims(&fapi);
    let good = ps256.sign_jwt(TYP, &claims).unwrap();
    assert!(push_object(&fapi, &good).await.is_ok());
    let refused = rs256.sign_jwt(TYP, &claims).unwrap();
    assert_eq!(push_object(&fapi, &refused).await, Err(UNPROVEN));
}

#[tokio::test]
async fn fapi2_security_profile_final_ensure_request_object_signature_algorithm_is_not_none() {
    let fapi = Fapi::with(signing).await;
    for algorithm in ["none", "None", "NONE"] {
        let header = base64url(
            json!({ "alg": algorithm, "typ": TYP })
                .to_string()
                .as_bytes(),
        );
        let payload = base64url(claims(&fapi).to_string().as_bytes());
        let unsigned = format!("{header}.{payload}.");
        let refused = push_object(&fapi, &unsigned).await.unwrap_err();
        assert_eq!(refused.0, "invalid_request_object", "{algorithm}");
    }
}

#[tokio::test]
async fn fapi2_security_profile_final_ensure_request_object_with_invalid_signature_fails() {
    let fapi = Fapi::with(signing).await;
    let object = fapi.key.sign_jwt(TYP, &claims(&fapi)).unwrap();
    let (signed, signature) = object.rsplit_once('.').unwrap();
    let mut bytes = cardea_jose::parse_base64url(signature).unwrap();
    bytes[0] ^= 0x5a;
    let refused = push_object(&fapi, &format!("{signed}.{}", base64url(&bytes))).await;
    assert_eq!(refused, Err(UNPROVEN));
}

/// The key belongs to another client.
#[tokio::test]
async fn fapi2_security_profile_final_ensure_matching_key_in_authorization_request() {
    let fapi = Fapi::with(signing).await;
    let object = fapi.other_key.sign_jwt(TYP, &claims(&fapi)).unwrap();
    assert_eq!(push_object(&fapi, &object).await, Err(UNPROVEN));
}

#[tokio::test]
async fn fapi2_security_profile_final_par_authorization_request_containing_request_uri() {
    let fapi = Fapi::with(signing).await;
    let refused = push_signed(&fapi, |claims| {
        claims["request_uri"] = json!("urn:ietf:params:oauth:request_uri:abc");
    });
    let expected = (
        "invalid_request_object",
        "provider.request_object_malformed",
    );
    assert_eq!(refused.await, Err(expected));
}

/// Attack G5: another token that the same key signed is no request.
#[tokio::test]
async fn a_token_of_another_type_is_no_request() {
    let fapi = Fapi::with(signing).await;
    for typ in ["client-authentication+jwt", "at+jwt", "dpop+jwt"] {
        let object = fapi.key.sign_jwt(typ, &claims(&fapi)).unwrap();
        let refused = push_object(&fapi, &object).await.unwrap_err();
        assert_eq!(refused.0, "invalid_request_object", "{typ}");
    }
}

/// A signed request that the browser carries is no pushed one.
#[tokio::test]
async fn a_signed_request_still_has_to_be_pushed() {
    let fapi = Fapi::with(signing).await;
    let asked = AuthorizationParameters {
        client_id: Some(INSURER.to_owned()),
        request: Some(fapi.key.sign_jwt(TYP, &claims(&fapi)).unwrap()),
        ..AuthorizationParameters::default()
    };
    let begun = fapi.world.provider.begin_authorization(asked, None).await;
    let Err(AuthorizationError::Redirect { source, .. }) = begun else {
        panic!("{begun:?}")
    };
    assert_eq!(source.code(), "provider.pushed_request_missing");
}
