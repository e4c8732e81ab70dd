use super::super::world::{PORTAL, World};

#[tokio::test]
async fn a_pair_of_statements_of_the_right_form_is_read() {
    let world = World::new().await;
    let begun = world.begin(PORTAL).await;
    let answer = world.answer(&begun).await;
    assert!(world.post(&begun, &answer).await.is_ok());
}

#[tokio::test]
async fn what_is_no_assertion_is_refused_without_a_reason() {
    let world = World::new().await;
    let begun = world.begin(PORTAL).await;
    let (assertion, attestation) = world.answer(&begun).await.sign();
    let long = "a".repeat(25 * 1024);
    let [header, _, signature] = assertion.split('.').collect::<Vec<_>>()[..] else {
        panic!()
    };
    let no_claims = format!("{header}.{}.{signature}", cardea_jose::base64url(b"{}"));
    let none = cardea_jose::base64url(br#"{"alg":"none","typ":"card-assertion+jwt"}"#);
    let unsigned = format!("{none}.e30.");
    let challenge = world
        .provider
        .issue_challenge(&begun.request_id, begun.cookie())
        .await
        .unwrap();
    let cases = [
        ("", attestation.as_str(), "jose.malformed"),
        ("a.b", &attestation, "jose.malformed"),
        (&long, &attestation, "jose.too_large"),
        (&no_claims, &attestation, "jose.claims_malformed"),
        (&unsigned, &attestation, "jose.algorithm_not_allowed"),
        (&challenge, &attestation, "jose.malformed"),
    ];
    for (assertion, attestation, code) in cases {
        let error = world
            .post_texts(&begun, assertion, attestation)
            .await
            .unwrap_err();
        assert_eq!((error.code(), error.public.code()), (code, "login.refused"));
    }
    assert!(
        world
            .post_texts(&begun, &assertion, &attestation)
            .await
            .is_ok(),
        "nothing was spent"
    );
}

#[tokio::test]
async fn what_is_no_attestation_is_refused_and_the_challenge_is_spent() {
    let long = "a".repeat(25 * 1024);
    for (attestation, code) in [("", "jose.malformed"), (&long, "jose.too_large")] {
        let world = World::new().await;
        let begun = world.begin(PORTAL).await;
        let (assertion, honest) = world.answer(&begun).await.sign();
        let refused = world.post_texts(&begun, &assertion, attestation).await;
        let error = refused.unwrap_err();
        assert_eq!((error.code(), error.public.code()), (code, "login.refused"));
        let again = world.post_texts(&begun, &assertion, &honest).await;
        let code = again.unwrap_err().code();
        assert_eq!(code, "assertion.challenge_replayed");
    }
}
