//! One thing wrong with a card grant at a time (attacks C1 to C5, F7, F9).

use cardea_assertion::UserVerification;
use cardea_provider::UserVerificationPolicy;
use cardea_test_pki::CardProfile;
use time::Duration;

use super::super::world::HeldEvidence;
use super::*;

/// Attack C4: signed for another audience, client or key, or over another challenge.
#[tokio::test]
async fn a_grant_with_one_claim_changed_is_refused_and_looks_like_any_other() {
    type Change = fn(&mut Grant);
    let cases: [(&str, Change, &str); 7] = [
        (
            "audience",
            |g| g.claims.aud = "https://other.example.fr".to_owned(),
            "assertion.audience_mismatch",
        ),
        (
            "audience with a slash",
            |g| g.claims.aud.push('/'),
            "assertion.audience_mismatch",
        ),
        (
            "client",
            |g| g.claims.client_id = OTHER.to_owned(),
            "assertion.client_mismatch",
        ),
        (
            "challenge",
            |g| g.claims.challenge = sha256_base64url(b"another"),
            "assertion.challenge_mismatch",
        ),
        (
            "nonce",
            |g| g.claims.nonce = sha256_base64url(b"another"),
            "assertion.challenge_mismatch",
        ),
        (
            "longer life than the challenge's",
            |g| g.claims.exp += 1,
            "assertion.challenge_mismatch",
        ),
        (
            "unknown challenge",
            |g| g.claims.jti = sha256_base64url(b"another"),
            "assertion.challenge_unknown",
        ),
    ];
    let world = world().await;
    for (name, change, code) in cases {
        assert_eq!(world.grant_refusal(change).await, unproven(code), "{name}");
    }
}

/// Attack C5: another card's key with the victim's certificate.
#[tokio::test]
async fn another_cards_key_is_refused() {
    let world = world().await;
    let other = world.pki.issue_card(&CardProfile::pharmacist()).unwrap();
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let pem = key.to_pem().unwrap();
    let forged = openssl::pkey::PKey::private_key_from_pem(&pem).unwrap();
    let refused = world.grant_refusal(|g| g.card_key = forged).await;
    assert_eq!(refused, unproven("assertion.signature_invalid"));
    // A certificate that iss and sub do not name.
    let der = other.authentication.der;
    let refused = world.grant_refusal(|g| g.certificate = der).await;
    assert_eq!(refused, unproven("assertion.malformed"));
}

#[tokio::test]
async fn an_agent_that_did_not_countersign_is_refused() {
    let world = world().await;
    let refused = world.grant_refusal(|g| g.instance = Instance::new()).await;
    assert_eq!(refused, unproven("assertion.attestation_mismatch"));
    let grant = world.grant(SOFTWARE).await;
    let (statement, _) = grant.sign();
    let (_, of_another) = world.grant(SOFTWARE).await.sign();
    let texts = (statement.as_str(), of_another.as_str());
    let error = world
        .accept_texts(SOFTWARE, &grant, texts)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "assertion.attestation_mismatch");
}

/// Attack C1: the same grant twice, one after the other and in flight together.
#[tokio::test(flavor = "multi_thread")]
async fn of_the_same_grant_handed_in_many_times_one_is_accepted() {
    let world = shared_world().await;
    let grant = Arc::new(world.grant(SOFTWARE).await);
    let attempts: Vec<_> = (0..10)
        .map(|_| {
            let (world, grant) = (Arc::clone(&world), Arc::clone(&grant));
            tokio::spawn(async move { world.accept_as(SOFTWARE, &grant).await.map(|_| ()) })
        })
        .collect();
    let mut accepted = 0;
    for attempt in attempts {
        match attempt.await.unwrap() {
            Ok(()) => accepted += 1,
            Err(error) => {
                assert_eq!(named(&error), unproven("assertion.challenge_replayed"));
            }
        }
    }
    assert_eq!(accepted, 1);
    let event = world.event("card_grant.refused").await;
    assert_eq!(event.code.as_deref(), Some("assertion.challenge_replayed"));
}

/// Attack C2: the challenge of another client, with a statement that names either.
#[tokio::test]
async fn the_challenge_of_another_client_is_refused_and_spent() {
    let world = world().await;
    let challenge = world.grant_challenge(OTHER).await;
    let mut stolen = world.grant_for(&challenge);
    stolen.claims.client_id = SOFTWARE.to_owned();
    let error = world.accept_as(SOFTWARE, &stolen).await.unwrap_err();
    assert_eq!(
        named(&error),
        unproven("assertion.challenge_foreign_client")
    );
    let event = world.event("card_grant.refused").await;
    assert_eq!(event.client_id.as_deref(), Some(SOFTWARE));
    let owners = world.grant_for(&challenge);
    let error = world.accept_as(OTHER, &owners).await.unwrap_err();
    assert_eq!(named(&error), unproven("assertion.challenge_replayed"));
}

/// Attack C3.
#[tokio::test]
async fn a_challenge_lasts_120_seconds() {
    let world = world().await;
    let in_time = world.grant(SOFTWARE).await;
    let late = world.grant(SOFTWARE).await;
    world.pass(Duration::seconds(119));
    world.accept_as(SOFTWARE, &in_time).await.unwrap();
    world.pass(Duration::seconds(1));
    let error = world.accept_as(SOFTWARE, &late).await.unwrap_err();
    assert_eq!(named(&error), unproven("assertion.challenge_expired"));
}

/// The grant's own end counts, too (RFC 7523 section 3, check 4).
#[tokio::test]
async fn a_grant_that_ends_before_its_challenge_is_refused_after_its_end() {
    let world = world().await;
    let mut grant = world.grant(SOFTWARE).await;
    grant.claims.exp = grant.claims.iat + 10;
    world.pass(Duration::seconds(10));
    let error = world.accept_as(SOFTWARE, &grant).await.unwrap_err();
    assert_eq!(named(&error), unproven("assertion.challenge_expired"));
}

/// Attack F9: no proof, one without our nonce, one by another key. Only the last one, which speaks
/// of another key than the card signed, spends the challenge.
#[tokio::test]
async fn a_grant_without_a_proof_by_its_key_is_refused() {
    let world = world().await;
    let grant = world.grant(SOFTWARE).await;
    let (statement, attestation) = grant.sign();
    let texts = (statement.as_str(), attestation.as_str());
    let error = world
        .accept_with(SOFTWARE, &grant, texts, None)
        .await
        .unwrap_err();
    let code = "provider.dpop_proof_missing";
    assert_eq!(named(&error), ("invalid_dpop_proof", code, code));
    let without_nonce = world.grant_proof(&grant.presence_key, None);
    let proof = Some(without_nonce.as_str());
    let error = world
        .accept_with(SOFTWARE, &grant, texts, proof)
        .await
        .unwrap_err();
    assert_eq!(error.error.as_str(), "use_dpop_nonce");
    world.accept_texts(SOFTWARE, &grant, texts).await.unwrap();

    let mut grant = world.grant(SOFTWARE).await;
    grant.proof_key = SigningKey::generate(Algorithm::Es256).unwrap();
    let error = world.accept_as(SOFTWARE, &grant).await.unwrap_err();
    let code = "provider.card_grant_key_mismatch";
    assert_eq!(named(&error), ("invalid_grant", code, code));
    grant.proof_key = grant.presence_key.clone();
    let error = world.accept_as(SOFTWARE, &grant).await.unwrap_err();
    assert_eq!(error.code(), "assertion.challenge_replayed");
}

/// After the signature is proven, the client learns what the card's holder can act on.
#[tokio::test]
async fn a_revoked_card_and_an_untyped_pin_are_named() {
    let mut world = world().await;
    let weak = |g: &mut Grant| g.claims.uv = UserVerification::Cached;
    let refused = world.grant_refusal(weak).await;
    let code = "provider.user_verification_insufficient";
    assert_eq!(refused, ("invalid_grant", "login.card_not_accepted", code));
    world.evidence = HeldEvidence::revoking(&world.card);
    let refused = world.grant_refusal(|_| {}).await;
    let code = "pki.certificate_revoked";
    assert_eq!(refused, ("invalid_grant", "login.card_revoked", code));
    let event = world.event("card_grant.refused").await;
    assert_eq!(event.code.as_deref(), Some(code));
}

/// Any program can begin a grant, so the operator's softer policy for logins is not one for it.
#[tokio::test]
async fn no_policy_lets_a_grant_rest_on_less_than_the_pin() {
    let mut settings = settings();
    settings.config.user_verification = UserVerificationPolicy::CardAlone;
    let world = settings.build().await;
    for uv in [UserVerification::Cached, UserVerification::None] {
        let refused = world.grant_refusal(|g| g.claims.uv = uv).await;
        let code = "provider.user_verification_insufficient";
        assert_eq!(refused, ("invalid_grant", "login.card_not_accepted", code));
    }
    let grant = world.grant(SOFTWARE).await;
    assert!(world.accept_as(SOFTWARE, &grant).await.is_ok());
}

/// Attack F7: a client that is not registered for the grant gets neither challenge nor tokens.
#[tokio::test]
async fn only_registered_clients_get_challenges_and_tokens() {
    let world = world().await;
    let error = world
        .grant_challenge_for(SECOND, TokenParameters::default())
        .await
        .unwrap_err();
    assert_eq!(error.code(), "provider.grant_type_not_allowed");
    assert_eq!(error.oauth_error().as_str(), "unauthorized_client");
    let grant = world.grant(SOFTWARE).await;
    let error = world.accept_as(SECOND, &grant).await.unwrap_err();
    let code = "provider.grant_type_not_allowed";
    assert_eq!(named(&error), ("unauthorized_client", code, code));
    // Nor does any client get them where nobody waits for the presence key.
    let (statement, attestation) = grant.sign();
    let texts = (statement.as_str(), attestation.as_str());
    let (credentials, parameters) = World::grant_request(SOFTWARE, &grant, texts);
    let error = world
        .issue_with(&grant.presence_key, &credentials, &parameters)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "provider.grant_type_unsupported");
}

#[tokio::test]
async fn a_grant_without_its_parts_is_refused_and_writes_nothing() {
    let world = world().await;
    let grant = world.grant(SOFTWARE).await;
    let rows = world.events().await.len();
    let error = world
        .accept_texts(SOFTWARE, &grant, ("", ""))
        .await
        .unwrap_err();
    // An empty text has no form of a statement.
    assert_eq!(named(&error), unproven("jose.malformed"));
    let noted = world.take_note(rows).await;
    assert_eq!(noted.kind.code(), Some("jose.malformed"));
    let (credentials, mut parameters) = World::grant_request(SOFTWARE, &grant, ("", ""));
    parameters.assertion = None;
    let proof = world.grant_proof(&grant.presence_key, None);
    let request = TokenRequest {
        credentials: &credentials,
        parameters: &parameters,
        dpop: DpopRequest {
            proof: Some(&proof),
            method: "POST",
            url: TOKEN_URL,
        },
    };
    let refused = world
        .provider
        .accept_card_grant(request, &world.evidence)
        .await;
    let code = "provider.card_grant_assertion_missing";
    assert_eq!(
        named(&refused.unwrap_err()),
        ("invalid_request", code, code)
    );
    world.take_note(rows).await;
}
