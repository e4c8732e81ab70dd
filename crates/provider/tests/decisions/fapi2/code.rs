//! The authorization code: whose it is, how long, and how often (attacks F1, F2 and E7).

use cardea_provider::{Demand, PresentedCertificate};
use cardea_test_pki::{CertificateSpec, KeyKind, TestPki};
use time::Duration;

use super::super::world::{World, claims_of};
use super::{CLINIC, Fapi, INSURER, TOKEN_URL, names};

#[tokio::test]
async fn fapi2_security_profile_final_ensure_authorization_code_is_bound_to_client() {
    let fapi = Fapi::new().await;
    let location = fapi.log_in().await;
    let other = fapi.other_credentials();
    let refused = fapi
        .redeem_with(&location, &other, &fapi.other_key, |_| {})
        .await
        .unwrap_err();
    let expected = ("invalid_grant", "provider.code_client_mismatch");
    assert_eq!(names(&refused), expected);
}

/// The form names another client than the assertion.
#[tokio::test]
async fn fapi2_security_profile_final_ensure_client_id_in_token_endpoint() {
    let fapi = Fapi::new().await;
    let assertion = {
        let claims = fapi.assertion_claims(INSURER);
        fapi.key.sign_jwt("JWT", &claims).unwrap()
    };
    let mut parameters = cardea_oauth2_types::TokenParameters {
        client_assertion_type: Some(super::BEARER.to_owned()),
        client_assertion: Some(assertion),
        client_id: Some(CLINIC.to_owned()),
        ..Default::default()
    };
    let read = cardea_provider::ClientCredentials::read(None, &parameters);
    let error = read.unwrap_err();
    assert_eq!(error.oauth_error().as_str(), "invalid_client");
    assert_eq!(error.code(), "provider.client_authentication_failed");
    parameters.client_id = Some(INSURER.to_owned());
    assert!(cardea_provider::ClientCredentials::read(None, &parameters).is_ok());
}

#[tokio::test]
async fn fapi2_security_profile_final_attempt_reuse_authorization_code_after_one_second() {
    let fapi = Fapi::new().await;
    let location = fapi.log_in().await;
    let tokens = fapi.redeem(&location).await.unwrap();
    fapi.world.pass(Duration::seconds(1));
    let refused = fapi.redeem(&location).await.unwrap_err();
    assert_eq!(names(&refused), ("invalid_grant", "provider.code_reused"));
    let userinfo = fapi
        .world
        .userinfo_with(&fapi.dpop_key, &tokens.access_token);
    let dead = userinfo.await.unwrap_err();
    assert_eq!(dead.code(), "provider.access_token_revoked");
}

/// Section 5.3.2.2: sixty seconds at most, also where more was configured.
#[tokio::test]
async fn fapi2_security_profile_final_ensure_token_endpoint_fails_with_expired_auth_code() {
    let fapi = Fapi::with(|settings| {
        settings.config.lifetimes.authorization_code = Duration::minutes(10);
        settings.config.lifetimes.presence_grace = Duration::minutes(20);
    })
    .await;
    for (age, refused) in [(59, false), (60, true)] {
        let location = fapi.log_in().await;
        fapi.world.pass(Duration::seconds(age));
        let redeemed = fapi.redeem(&location).await;
        let outcome = redeemed.as_ref().err().map(names);
        let expected = refused.then_some(("invalid_grant", "provider.code_expired"));
        assert_eq!(outcome, expected, "{age} s");
    }
}

#[tokio::test]
async fn fapi2_security_profile_final_ensure_pkce_code_verifier_required() {
    let fapi = Fapi::new().await;
    let location = fapi.log_in().await;
    let credentials = fapi.credentials();
    let refused = fapi
        .redeem_with(&location, &credentials, &fapi.dpop_key, |asked| {
            asked.code_verifier = None;
        })
        .await
        .unwrap_err();
    let expected = ("invalid_grant", "provider.code_verifier_missing");
    assert_eq!(names(&refused), expected);
}

#[tokio::test]
async fn fapi2_security_profile_final_incorrect_pkce_code_verifier_rejected() {
    let fapi = Fapi::new().await;
    let location = fapi.log_in().await;
    let credentials = fapi.credentials();
    let refused = fapi
        .redeem_with(&location, &credentials, &fapi.dpop_key, |asked| {
            asked.code_verifier = Some("w".repeat(43));
        })
        .await
        .unwrap_err();
    let expected = ("invalid_grant", "provider.code_verifier_mismatch");
    assert_eq!(names(&refused), expected);
}

/// Neither a proof nor a certificate: no token, and the code stays good for who has the key.
#[tokio::test]
async fn fapi2_security_profile_final_ensure_holder_of_key_required() {
    let fapi = Fapi::new().await;
    let location = fapi.log_in().await;
    let (_, mut parameters) = World::token_request(INSURER, &location);
    parameters.client_id = None;
    let refused = fapi
        .issue(&fapi.credentials(), &parameters, None)
        .await
        .unwrap_err();
    let expected = ("invalid_dpop_proof", "provider.dpop_proof_missing");
    assert_eq!(names(&refused), expected);
    let proof = fapi.proof(&fapi.dpop_key, TOKEN_URL);
    fapi.issue(&fapi.credentials(), &parameters, Some(&proof))
        .await
        .unwrap();
}

/// RFC 8705 binds as well as RFC 9449 does: with its certificate a client needs no proof.
#[tokio::test]
async fn a_certificate_is_as_good_as_a_proof() {
    let pki = TestPki::shared().unwrap();
    let issued = pki.issue(&CertificateSpec {
        key: KeyKind::P256,
        ..CertificateSpec::tls_server("insurer.example.fr", pki.at())
    });
    let certificate = PresentedCertificate::read(&[issued.unwrap().der]).unwrap();
    let fapi = Fapi::with(|settings| {
        settings.client(INSURER).certificate_bound_access_tokens = Demand::Required;
    })
    .await;
    let location = fapi.log_in().await;
    let (_, mut parameters) = World::token_request(INSURER, &location);
    parameters.client_id = None;
    let bare = fapi.issue(&fapi.credentials(), &parameters, None).await;
    let missing = "provider.certificate_binding_missing";
    assert_eq!(bare.unwrap_err().code(), missing);
    let shown = fapi.credentials().with_certificate(certificate.clone());
    let tokens = fapi.issue(&shown, &parameters, None).await.unwrap();
    let confirmation = &claims_of(&tokens.access_token)["cnf"];
    assert_eq!(confirmation["x5t#S256"], certificate.x5t_s256());
}
