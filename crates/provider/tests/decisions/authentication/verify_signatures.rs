use cardea_assertion::UserVerification;
use cardea_test_pki::{CardProfile, KeyKind};

use super::super::world::{Instance, PORTAL, World};

/// Attack C5.
#[tokio::test]
async fn the_victims_certificate_with_another_cards_key_is_refused() {
    let world = World::new().await;
    let other = CardProfile::doctor().with_key(KeyKind::P256);
    let other = world.pki.issue_card(&other).unwrap().authentication;
    let refusal = world
        .refusal_of(|answer| answer.card_key = other.key.clone())
        .await;
    assert_eq!(refusal, ("assertion.signature_invalid", "login.refused"));
}

#[tokio::test]
async fn a_changed_assertion_is_refused() {
    let world = World::new().await;
    let begun = world.begin(PORTAL).await;
    let answer = world.answer(&begun).await;
    let (assertion, _) = answer.sign();
    let [header, payload, signature] = assertion.split('.').collect::<Vec<_>>()[..] else {
        panic!("three parts")
    };
    let claims = cardea_jose::parse_base64url(payload).unwrap();
    let claims = String::from_utf8(claims)
        .unwrap()
        .replace("0000000001", "0000000002");
    let changed = format!(
        "{header}.{}.{signature}",
        cardea_jose::base64url(claims.as_bytes())
    );
    let error = world
        .post_texts(&begun, &changed, &answer.attest(&changed))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "assertion.signature_invalid");
    assert_eq!(error.public.code(), "login.refused");
}

#[tokio::test]
async fn an_attestation_that_does_not_fit_the_assertion_is_refused() {
    let world = World::new().await;
    // By another instance than the card signed for.
    let refusal = world
        .refusal_of(|answer| answer.instance = Instance::new())
        .await;
    assert_eq!(refusal, ("assertion.attestation_mismatch", "login.refused"));

    // Of another answer, and with another user verification than the card signed.
    let begun = world.begin(PORTAL).await;
    let answer = world.answer(&begun).await;
    let (assertion, _) = answer.sign();
    let error = world
        .post_texts(&begun, &assertion, &answer.attest("another"))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "assertion.attestation_mismatch");

    let mut answer = world.answer(&begun).await;
    answer.claims.uv = UserVerification::None;
    let (assertion, _) = answer.sign();
    answer.claims.uv = UserVerification::Now;
    let attestation = answer.attest(&assertion);
    let error = world
        .post_texts(&begun, &assertion, &attestation)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "assertion.attestation_mismatch");
}

#[tokio::test]
async fn bytes_that_are_no_certificate_are_refused_without_a_reason() {
    let world = World::new().await;
    let refusal = world
        .refusal_of(|answer| answer.certificates = vec![vec![0x30; 64]])
        .await;
    assert_eq!(refusal, ("pki.certificate_malformed", "login.refused"));
}
