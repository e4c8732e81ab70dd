use cardea_provider::LoginAttempt;
use time::Duration;

use super::super::world::{Begun, PORTAL, World};

#[tokio::test]
async fn a_challenge_is_good_until_its_last_second() {
    let world = World::new().await;
    let begun = world.begin(PORTAL).await;
    let answer = world.answer(&begun).await;
    world.pass(Duration::seconds(119));
    assert!(world.post(&begun, &answer).await.is_ok());
}

/// Attack C3.
#[tokio::test]
async fn an_expired_challenge_is_refused_and_burnt() {
    let world = World::new().await;
    let begun = world.begin(PORTAL).await;
    let answer = world.answer(&begun).await;
    world.pass(Duration::seconds(120));
    let error = world.post(&begun, &answer).await.unwrap_err();
    assert_eq!(error.code(), "assertion.challenge_expired");
    assert_eq!(error.public.code(), "login.refused");
    // A clock that is set back brings nothing to life again.
    world.pass(Duration::seconds(-60));
    let error = world.post(&begun, &answer).await.unwrap_err();
    assert_eq!(error.code(), "assertion.challenge_replayed");
}

/// Attack C1: in sequence.
#[tokio::test]
async fn a_replayed_challenge_is_refused() {
    let world = World::new().await;
    let begun = world.begin(PORTAL).await;
    let answer = world.answer(&begun).await;
    world.post(&begun, &answer).await.unwrap();
    let error = world.post(&begun, &answer).await.unwrap_err();
    assert_eq!(error.code(), "assertion.challenge_replayed");
    assert_eq!(error.public.code(), "login.refused");
}

/// An ECDSA signature (r, s) has a twin (r, n - s) that verifies as well (attack C12).
#[tokio::test]
async fn the_twin_of_a_signature_replays_nothing() {
    let world = World::new().await;
    let begun = world.begin(PORTAL).await;
    let answer = world.answer(&begun).await;
    let (assertion, attestation) = answer.sign();
    let twin = twin_of(&assertion);
    assert_ne!(twin, assertion);
    // Posted first, the twin is an answer like any other: the card did sign these claims.
    let posted = world.post_texts(&begun, &twin, &answer.attest(&twin)).await;
    assert!(posted.is_ok());
    let replayed = world.post_texts(&begun, &assertion, &attestation).await;
    let error = replayed.unwrap_err();
    assert_eq!(error.code(), "assertion.challenge_replayed");
}

fn twin_of(assertion: &str) -> String {
    use openssl::bn::{BigNum, BigNumContext};
    let (input, signature) = assertion.rsplit_once('.').unwrap();
    let mut joined = cardea_jose::parse_base64url(signature).unwrap();
    let group = openssl::ec::EcGroup::from_curve_name(openssl::nid::Nid::X9_62_PRIME256V1);
    let mut order = BigNum::new().unwrap();
    group
        .unwrap()
        .order(&mut order, &mut BigNumContext::new().unwrap())
        .unwrap();
    let s = BigNum::from_slice(&joined[32..]).unwrap();
    let twin = (&*order - &*s).to_vec_padded(32).unwrap();
    joined.truncate(32);
    joined.extend(twin);
    format!("{input}.{}", cardea_jose::base64url(&joined))
}

/// Attack C1: in flight together.
#[tokio::test]
async fn of_fifty_parallel_posts_of_one_answer_one_opens_a_session() {
    let world = World::new().await;
    let begun = world.begin(PORTAL).await;
    let (assertion, attestation) = world.answer(&begun).await.sign();
    let posts: Vec<_> = (0..50)
        .map(|_| {
            let provider = world.provider.clone();
            let (assertion, attestation) = (assertion.clone(), attestation.clone());
            let (request_id, cookie) = (begun.request_id.clone(), begun.login_cookie.clone());
            tokio::spawn(async move {
                let attempt = LoginAttempt {
                    request_id: &request_id,
                    login_cookie: cookie.expose(),
                    assertion: &assertion,
                    attestation: &attestation,
                };
                let evidence = super::super::world::HeldEvidence::fresh();
                provider
                    .authenticate(attempt, &evidence)
                    .await
                    .map_err(|error| error.code())
            })
        })
        .collect();
    let mut opened = 0;
    for post in posts {
        match post.await.unwrap() {
            Ok(_) => opened += 1,
            Err(code) => assert_eq!(code, "assertion.challenge_replayed"),
        }
    }
    assert_eq!(opened, 1);
}

#[tokio::test]
async fn a_challenge_that_was_never_issued_is_refused() {
    let world = World::new().await;
    let refusal = world
        .refusal_of(|answer| answer.claims.jti = "invented".to_owned())
        .await;
    assert_eq!(refusal, ("assertion.challenge_unknown", "login.refused"));
}

/// Attacks C2 and E17.
#[tokio::test]
async fn the_challenge_of_another_browser_is_refused_and_burnt() {
    let world = World::new().await;
    let attacker = world.begin(PORTAL).await;
    let victim = world.begin(PORTAL).await;
    // The attacker's answer posted in the victim's browser: to the victim's own page, and to the
    // attacker's page; then to the victim's page by a browser that holds both cookies.
    let planted = Begun {
        request_id: attacker.request_id.clone(),
        login_cookie: victim.login_cookie.clone(),
    };
    let crossed = Begun {
        request_id: victim.request_id.clone(),
        login_cookie: attacker.login_cookie.clone(),
    };
    for browser in [&victim, &planted, &crossed] {
        let answer = world.answer(&attacker).await;
        let error = world.post(browser, &answer).await.unwrap_err();
        assert_eq!(error.code(), "assertion.challenge_foreign_browser");
        assert_eq!(error.public.code(), "login.refused");
        let error = world.post(&attacker, &answer).await.unwrap_err();
        assert_eq!(error.code(), "assertion.challenge_replayed");
    }
}

#[tokio::test]
async fn a_stranger_who_names_no_login_of_ours_leaves_no_row() {
    let world = World::new().await;
    let begun = world.begin(PORTAL).await;
    let mut invented = world.answer(&begun).await;
    invented.claims.jti = "invented".to_owned();
    let (assertion, attestation) = invented.sign();
    let rows = world.events().await.len();
    let unheard_of = "A".repeat(43);
    for request_id in ["", "x", unheard_of.as_str()] {
        for (assertion, code) in [
            ("garbage", "jose.malformed"),
            (&assertion, "assertion.challenge_unknown"),
        ] {
            let attempt = LoginAttempt {
                request_id,
                login_cookie: "self-made",
                assertion,
                attestation: &attestation,
            };
            let error = world.provider.authenticate(attempt, &world.evidence).await;
            let error = error.unwrap_err();
            assert_eq!((error.code(), error.public.code()), (code, "login.refused"));
            let noted = world.take_note(rows).await;
            assert_eq!(noted.kind.name(), "login.refused");
            assert_eq!(noted.kind.code(), Some(code));
            assert_eq!(noted.authorization_request_id, None, "a stranger's text");
        }
    }
}

#[tokio::test]
async fn a_challenge_spent_under_an_unknown_login_is_on_record() {
    let world = World::new().await;
    let begun = world.begin(PORTAL).await;
    let (assertion, attestation) = world.answer(&begun).await.sign();
    let unheard_of = "A".repeat(43);
    let attempt = LoginAttempt {
        request_id: &unheard_of,
        login_cookie: begun.cookie(),
        assertion: &assertion,
        attestation: &attestation,
    };
    let error = world.provider.authenticate(attempt, &world.evidence).await;
    let code = "assertion.challenge_foreign_browser";
    assert_eq!(error.unwrap_err().code(), code);
    assert_eq!(
        world.event("login.refused").await.code.as_deref(),
        Some(code)
    );
}

#[tokio::test]
async fn an_answer_to_another_challenge_is_refused() {
    let world = World::new().await;
    for name in ["challenge", "nonce"] {
        let refusal = world
            .refusal_of(|answer| match name {
                "challenge" => answer.claims.challenge = cardea_jose::sha256_base64url(b"document"),
                _ => answer.claims.nonce = "another".to_owned(),
            })
            .await;
        assert_eq!(
            refusal,
            ("assertion.challenge_mismatch", "login.refused"),
            "{name}"
        );
    }
}

#[tokio::test]
async fn an_answered_or_expired_login_takes_no_further_card() {
    let world = World::new().await;
    let begun = world.begin(PORTAL).await;
    let spare = world.answer(&begun).await;
    let answer = world.answer(&begun).await;
    world.post(&begun, &answer).await.unwrap();
    world.present(&answer.presence_key).await;
    let complete = world
        .provider
        .complete_authorization(&begun.request_id, begun.cookie(), None);
    complete.await.unwrap();
    let error = world.post(&begun, &spare).await.unwrap_err();
    assert_eq!(error.code(), "provider.authorization_request_completed");

    let begun = world.begin(PORTAL).await;
    world.pass(Duration::seconds(599));
    let answer = world.answer(&begun).await;
    world.pass(Duration::seconds(1));
    let error = world.post(&begun, &answer).await.unwrap_err();
    assert_eq!(error.code(), "provider.authorization_request_expired");
}

#[tokio::test]
async fn challenges_are_distinct_bounded_and_for_the_browser_that_began() {
    let world = World::new().await;
    let begun = world.begin(PORTAL).await;
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let answer = world.answer(&begun).await;
        assert_eq!(answer.claims.nonce.len(), 43, "256 bits");
        assert!(seen.insert(answer.claims.nonce) && seen.insert(answer.claims.jti));
    }
    let error = world
        .provider
        .issue_challenge(&begun.request_id, begun.cookie())
        .await
        .unwrap_err();
    assert_eq!(error.code(), "provider.challenge_limit_reached");

    let begun = world.begin(PORTAL).await;
    for (request_id, cookie, code) in [
        (
            begun.request_id.as_str(),
            "another",
            "provider.login_cookie_mismatch",
        ),
        (
            "another",
            begun.cookie(),
            "provider.authorization_request_unknown",
        ),
    ] {
        let error = world
            .provider
            .issue_challenge(request_id, cookie)
            .await
            .unwrap_err();
        assert_eq!(error.code(), code);
    }
    world.pass(Duration::minutes(10));
    let error = world
        .provider
        .issue_challenge(&begun.request_id, begun.cookie())
        .await
        .unwrap_err();
    assert_eq!(error.code(), "provider.authorization_request_expired");
}
