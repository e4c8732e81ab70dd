//! A login's statement where a grant's is asked for, and the other way round.

use cardea_assertion::{AttestationClaims, UnverifiedChallenge};
use cardea_jose::VerifyingKey;

use super::super::world::PORTAL;
use super::*;

/// A compact JWS with another `typ` in its header, signed anew by the card.
fn with_typ(grant: &Grant, statement: &str, typ: &str) -> String {
    let mut parts = statement.split('.');
    let header = cardea_jose::parse_base64url(parts.next().unwrap()).unwrap();
    let mut header: serde_json::Value = serde_json::from_slice(&header).unwrap();
    header["typ"] = typ.into();
    let header = cardea_jose::base64url(&serde_json::to_vec(&header).unwrap());
    let input = format!("{header}.{}", parts.next().unwrap());
    let algorithm = algorithm_of(&grant.card_key);
    let signature = sign_by_card(&grant.card_key, algorithm, input.as_bytes());
    format!("{input}.{}", cardea_jose::base64url(&signature))
}

#[tokio::test]
async fn a_login_assertion_is_no_card_grant() {
    let world = world().await;
    let begun = world.begin(PORTAL).await;
    let answer = world.answer(&begun).await;
    let (assertion, attestation) = answer.sign();
    let grant = world.grant(SOFTWARE).await;
    let texts = (assertion.as_str(), attestation.as_str());
    let error = world
        .accept_texts(SOFTWARE, &grant, texts)
        .await
        .unwrap_err();
    assert_eq!(named(&error), unproven("jose.claims_malformed"));
    // The login itself goes on: nothing of it was spent.
    world
        .post_texts(&begun, &assertion, &attestation)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_card_grant_is_no_login_assertion() {
    let world = world().await;
    let grant = world.grant(SOFTWARE).await;
    let (statement, attestation) = grant.sign();
    let begun = world.begin(PORTAL).await;
    let error = world
        .post_texts(&begun, &statement, &attestation)
        .await
        .unwrap_err();
    assert_eq!(
        (error.public.code(), error.code()),
        ("login.refused", "jose.claims_malformed")
    );
    let texts = (statement.as_str(), attestation.as_str());
    world.accept_texts(SOFTWARE, &grant, texts).await.unwrap();
}

/// The claims fit and the `typ` does not: the type alone tells the two apart.
#[tokio::test]
async fn the_type_is_checked_and_not_only_the_claims() {
    let world = world().await;
    let grant = world.grant(SOFTWARE).await;
    let (statement, _) = grant.sign();
    let mistyped = with_typ(&grant, &statement, "card-assertion+jwt");
    let attestation = GrantAttestationClaims::new(&mistyped, grant.claims.uv)
        .sign(&grant.instance.key)
        .unwrap();
    let texts = (mistyped.as_str(), attestation.as_str());
    let error = world
        .accept_texts(SOFTWARE, &grant, texts)
        .await
        .unwrap_err();
    assert_eq!(named(&error), unproven("jose.type_mismatch"));

    let begun = world.begin(PORTAL).await;
    let answer = world.answer(&begun).await;
    let (assertion, _) = answer.sign();
    let mistyped = with_typ(&grant, &assertion, "card-grant+jwt");
    let attestation = answer.attest(&mistyped);
    let error = world
        .post_texts(&begun, &mistyped, &attestation)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "jose.type_mismatch");

    // A login's countersignature does not do for a grant.
    let grant = world.grant(SOFTWARE).await;
    let (statement, _) = grant.sign();
    let attestation = AttestationClaims::new(&statement, ISSUER, grant.claims.uv)
        .sign(&grant.instance.key)
        .unwrap();
    let texts = (statement.as_str(), attestation.as_str());
    let error = world
        .accept_texts(SOFTWARE, &grant, texts)
        .await
        .unwrap_err();
    assert_eq!(named(&error), unproven("jose.type_mismatch"));
}

/// The challenge of one cannot be answered at the other's endpoint, whatever the statement says.
#[tokio::test]
async fn a_challenge_is_for_its_own_purpose() {
    let world = world().await;
    let begun = world.begin(PORTAL).await;
    let of_login = world
        .provider
        .issue_challenge(&begun.request_id, begun.cookie())
        .await
        .unwrap();
    let mut grant = world.grant_for(&of_login);
    grant.claims.client_id = SOFTWARE.to_owned();
    let error = world.accept_as(SOFTWARE, &grant).await.unwrap_err();
    assert_eq!(named(&error), unproven("assertion.challenge_unknown"));

    let of_grant = world.grant_challenge(SOFTWARE).await;
    let mut answer = world.answer_to(&of_grant);
    answer.claims.client_id = PORTAL.to_owned();
    let error = world.post(&begun, &answer).await.unwrap_err();
    assert_eq!(error.code(), "assertion.challenge_unknown");

    // An agent sees the difference before it asks anybody.
    let unverified = UnverifiedChallenge::parse(&of_grant).unwrap();
    let any_key = SigningKey::generate(Algorithm::Es256).unwrap();
    let any_key = VerifyingKey::from_jwk(any_key.public_jwk()).unwrap();
    let error = unverified.verify(&any_key, ISSUER).unwrap_err();
    assert_eq!(error.code(), "jose.type_mismatch");
}
