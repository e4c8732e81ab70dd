//! `self_signed_tls_client_auth`: the certificate, or its key, stands in the client's `jwks`.

use cardea_jose::{Jwk, JwkSet};
use cardea_provider::{Client, ClientAuthentication};
use cardea_test_pki::IssuedCertificate;
use serde_json::{Value, json};

use super::super::world::HeldEvidence;
use super::{ask, issue, pki, service, spec, world_of};

fn key_of(certificate: &IssuedCertificate) -> Value {
    let public = openssl::x509::X509::from_der(&certificate.der).unwrap();
    let jwk = Jwk::from_public_key(&public.public_key().unwrap()).unwrap();
    serde_json::to_value(jwk).unwrap()
}

fn with_certificate(certificate: &IssuedCertificate) -> Value {
    let mut key = key_of(certificate);
    key["x5c"] = json!([openssl::base64::encode_block(&certificate.der)]);
    key
}

fn registered(key: &Value) -> Client {
    let jwks: JwkSet = serde_json::from_value(json!({ "keys": [key] })).unwrap();
    Client {
        jwks,
        ..service(ClientAuthentication::SelfSignedTlsClientAuth)
    }
}

#[tokio::test]
async fn the_certificate_or_the_key_that_is_registered_authenticates() {
    let own = issue(&spec());
    // Another certificate for the same key, as after a renewal.
    let renewed = {
        let mut spec = spec();
        spec.serial = Some(vec![1, 2, 3, 4, 5, 6, 7, 8]);
        let authority = pki().authority(spec.issuer).unwrap();
        authority.issue_with_key(&spec, own.key.clone()).unwrap()
    };
    let other = issue(&spec());
    let expired = issue(&spec().expired(pki().at()));
    let (by_key, by_certificate) = (key_of(&own), with_certificate(&own));
    let unregistered = Some("provider.client_certificate_unregistered");
    for (key, shown, refused) in [
        (&by_key, Some(&own), None),
        (&by_key, Some(&renewed), None),
        (&by_certificate, Some(&own), None),
        (&by_certificate, Some(&renewed), unregistered),
        (&by_key, Some(&other), unregistered),
        (&by_certificate, Some(&other), unregistered),
        (&by_key, None, Some("provider.client_certificate_missing")),
        (
            &key_of(&expired),
            Some(&expired),
            Some("pki.certificate_expired"),
        ),
    ] {
        // No path is built: no evidence is asked for either.
        let world = world_of(registered(key), HeldEvidence::Unreachable).await;
        let outcome = ask(&world, shown).await;
        assert_eq!(outcome.err().map(|error| error.code()), refused);
    }
}

#[test]
fn a_registration_needs_a_key_and_its_own_certificate() {
    let (one, other) = (issue(&spec()), issue(&spec()));
    registered(&with_certificate(&one)).check().unwrap();
    let mut foreign = with_certificate(&one);
    foreign["x5c"] = with_certificate(&other)["x5c"].clone();
    let mut text = with_certificate(&one);
    text["x5c"] = json!(["no certificate"]);
    for client in [
        registered(&foreign),
        registered(&text),
        service(ClientAuthentication::SelfSignedTlsClientAuth),
    ] {
        let error = client.check().unwrap_err();
        assert!(error.to_string().contains("jwks"), "{error}");
    }
}
