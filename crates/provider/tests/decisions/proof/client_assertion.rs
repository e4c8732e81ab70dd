//! Attack F4 and H19: client assertions that break one rule.

use super::*;

async fn outcome(world: &World, assertion: &str) -> &'static str {
    match ask(world, assertion, DpopRequest::default()).await {
        Ok(_) => "accepted",
        Err(error) => {
            assert_eq!(error.error.as_str(), "invalid_client", "{}", error.code());
            error.code()
        }
    }
}

const INVALID: &str = "provider.client_assertion_invalid";
const TIME: &str = "provider.client_assertion_time_invalid";
const AUDIENCE: &str = "provider.client_assertion_audience_mismatch";

#[tokio::test]
async fn a_key_of_every_kind_authenticates_its_client() {
    use Algorithm::{EdDsa, Es256, Es384, Ps256, Rs256};
    let keys = [Rs256, Ps256, Es256, Es384, EdDsa].map(|it| SigningKey::generate(it).unwrap());
    let each: Vec<&SigningKey> = keys.iter().collect();
    let world = world_with([service(SERVICE, &each)]).await;
    for key in &keys {
        let assertion = key.sign_jwt("JWT", &claims(&world, SERVICE)).unwrap();
        let algorithm = key.algorithm();
        assert_eq!(
            outcome(&world, &assertion).await,
            "accepted",
            "{algorithm:?}"
        );
    }
}

#[tokio::test]
async fn f4_claims_that_break_one_rule_are_refused() {
    let key = key();
    let world = world_with([service(SERVICE, &[&key]), service("other", &[&key])]).await;
    let now = world.now().unix_timestamp();
    let at = |path: &str| json!(format!("{ISSUER}{path}"));
    for (name, value, expected) in [
        ("aud", at(""), "accepted"),
        ("aud", at("/token"), "accepted"),
        ("aud", at("/par"), "accepted"),
        ("aud", json!("https://other.example.fr/token"), AUDIENCE),
        ("aud", json!([ISSUER]), AUDIENCE),
        ("aud", json!([ISSUER, "https://other.example.fr"]), AUDIENCE),
        ("iss", json!("other"), INVALID),
        ("sub", json!("other"), INVALID),
        ("exp", json!(now), TIME),
        ("exp", json!(now - 300), TIME),
        ("exp", json!(now + 1), "accepted"),
        ("exp", json!(now + 3_660), "accepted"),
        ("exp", json!(now + 3_661), TIME),
        ("exp", json!(-1), TIME),
        ("exp", json!((now + 60).to_string()), INVALID),
        ("exp", json!(1e300), INVALID),
        ("iat", json!(now + 8), "accepted"),
        ("iat", json!(now + 60), "accepted"),
        ("iat", json!(now + 61), TIME),
        ("nbf", json!(now + 8), "accepted"),
        ("nbf", json!(now + 61), TIME),
        ("jti", json!(""), INVALID),
        ("jti", json!("x".repeat(256)), "accepted"),
        ("jti", json!("x".repeat(257)), INVALID),
        ("jti", json!(1), INVALID),
        // What the client signed for another purpose: a request object, an ID token, a logout
        // token.
        ("client_id", json!(SERVICE), INVALID),
        ("response_type", json!("code"), INVALID),
        ("nonce", json!("n"), INVALID),
        ("events", json!({}), INVALID),
        ("software", json!("9.1"), "accepted"),
    ] {
        let mut changed = claims(&world, SERVICE);
        changed[name] = value.clone();
        let assertion = key.sign_jwt("JWT", &changed).unwrap();
        assert_eq!(
            outcome(&world, &assertion).await,
            expected,
            "{name} {value}"
        );
    }
    for (name, expected) in [
        ("aud", INVALID),
        ("exp", INVALID),
        ("jti", INVALID),
        ("iss", INVALID),
        ("sub", INVALID),
        ("iat", "accepted"),
    ] {
        let mut changed = claims(&world, SERVICE);
        changed.as_object_mut().unwrap().remove(name);
        let assertion = key.sign_jwt("JWT", &changed).unwrap();
        assert_eq!(outcome(&world, &assertion).await, expected, "no {name}");
    }
}

#[tokio::test]
async fn f4_headers_that_break_one_rule_are_refused() {
    let (own, foreign) = (key(), key());
    let clients = [service(SERVICE, &[&own]), service("other", &[&foreign])];
    let world = world_with(clients).await;
    let header = |members: Value| {
        let mut header = json!({ "alg": "ES256" });
        for (name, value) in members.as_object().unwrap() {
            header[name] = value.clone();
        }
        header
    };
    let own_kid = own.kid();
    let foreign_jwk = json!(foreign.public_jwk());
    for (members, signer, expected) in [
        (json!({}), &own, "accepted"),
        (json!({ "kid": own_kid }), &own, "accepted"),
        (json!({ "typ": "JWT" }), &own, "accepted"),
        (
            json!({ "typ": "client-authentication+jwt" }),
            &own,
            "accepted",
        ),
        (json!({ "typ": "dpop+jwt" }), &own, INVALID),
        (json!({ "typ": "at+jwt" }), &own, INVALID),
        (json!({}), &foreign, INVALID),
        (json!({ "kid": foreign.kid() }), &foreign, INVALID),
        (json!({ "kid": own_kid }), &foreign, INVALID),
        (json!({ "jwk": foreign_jwk }), &foreign, INVALID),
        (json!({ "jku": "https://evil.test/jwks" }), &own, INVALID),
        (json!({ "x5u": "https://evil.test/x" }), &own, INVALID),
        (json!({ "crit": ["exp"] }), &own, INVALID),
        (json!({ "alg": "none" }), &own, INVALID),
        (json!({ "alg": "HS256" }), &own, INVALID),
        (json!({ "alg": "RS256" }), &own, INVALID),
    ] {
        let assertion = signed(&header(members.clone()), &claims(&world, SERVICE), signer);
        assert_eq!(outcome(&world, &assertion).await, expected, "{members}");
    }
}

#[tokio::test]
async fn f4_a_public_key_is_no_secret() {
    let key = key();
    let world = world_with([service(SERVICE, &[&key])]).await;
    let part = |value: &Value| base64url(value.to_string().as_bytes());
    let header = json!({ "alg": "HS256", "kid": key.kid() });
    let input = format!("{}.{}", part(&header), part(&claims(&world, SERVICE)));
    let public = PKey::private_key_from_pem(&key.to_pem().unwrap()).unwrap();
    for secret in [
        public.public_key_to_pem().unwrap(),
        public.public_key_to_der().unwrap(),
        serde_json::to_vec(key.public_jwk()).unwrap(),
    ] {
        let secret = PKey::hmac(&secret).unwrap();
        let mut signer = Signer::new(MessageDigest::sha256(), &secret).unwrap();
        let tag = signer.sign_oneshot_to_vec(input.as_bytes()).unwrap();
        let assertion = format!("{input}.{}", base64url(&tag));
        // Not even which client it speaks for is read.
        let error = ClientCredentials::read(None, &asked_with(&assertion)).unwrap_err();
        assert_eq!(error.code(), INVALID);
    }
    let unsigned = format!(
        "{}.{}.",
        part(&json!({ "alg": "none" })),
        part(&claims(&world, SERVICE))
    );
    let error = ClientCredentials::read(None, &asked_with(&unsigned)).unwrap_err();
    assert_eq!(error.code(), INVALID);
}

#[tokio::test]
async fn f4_an_assertion_is_good_once_also_after_a_restart_and_on_another_node() {
    let key = key();
    let clients = || [service(SERVICE, &[&key]), service("other", &[&key])];
    let world = world_with(clients()).await;
    let replayed = "provider.client_assertion_replayed";
    let assertion = key.sign_jwt("JWT", &claims(&world, SERVICE)).unwrap();
    assert_eq!(outcome(&world, &assertion).await, "accepted");
    assert_eq!(outcome(&world, &assertion).await, replayed);
    let mut settings = Settings::baseline();
    settings.config.clients.extend(clients());
    let other_node = world.restarted_with(settings);
    assert_eq!(outcome(&other_node, &assertion).await, replayed);
    // Another client may have drawn the same jti.
    let mut of_other = claims(&world, "other");
    let jws = cardea_jose::UnverifiedJws::parse(&assertion, 4096).unwrap();
    of_other["jti"] = jws.unverified_claims::<Value>().unwrap()["jti"].clone();
    let assertion = key.sign_jwt("JWT", &of_other).unwrap();
    assert_eq!(outcome(&other_node, &assertion).await, "accepted");
}

/// What is refused for another reason does not spend the assertion's name for the honest one.
#[tokio::test]
async fn a_refused_assertion_spends_nothing() {
    let key = key();
    let world = world_with([service(SERVICE, &[&key])]).await;
    let good = claims(&world, SERVICE);
    let mut bad = good.clone();
    bad["aud"] = json!("https://other.example.fr");
    let bad = key.sign_jwt("JWT", &bad).unwrap();
    assert_eq!(outcome(&world, &bad).await, AUDIENCE);
    let good = key.sign_jwt("JWT", &good).unwrap();
    assert_eq!(outcome(&world, &good).await, "accepted");
}

#[tokio::test]
async fn spent_assertions_are_swept_when_they_would_have_expired() {
    let key = key();
    let world = world_with([service(SERVICE, &[&key])]).await;
    let assertion = key.sign_jwt("JWT", &claims(&world, SERVICE)).unwrap();
    assert_eq!(outcome(&world, &assertion).await, "accepted");
    world.provider.forget_ended().await.unwrap();
    let replayed = "provider.client_assertion_replayed";
    assert_eq!(outcome(&world, &assertion).await, replayed);
    // A day longer than it would be taken.
    world.pass(time::Duration::hours(24));
    assert_eq!(world.provider.forget_ended().await.unwrap(), 0);
    world.pass(time::Duration::hours(2));
    assert!(world.provider.forget_ended().await.unwrap() > 0);
    assert_eq!(outcome(&world, &assertion).await, TIME);
}

#[tokio::test]
async fn f3_a_client_with_a_key_has_no_other_method_and_no_key_serves_another_method() {
    let key = key();
    let world = world_with([service(SERVICE, &[&key])]).await;
    let mismatch = "provider.client_authentication_method_mismatch";
    // The portal registered a secret.
    let assertion = key.sign_jwt("JWT", &claims(&world, "portal")).unwrap();
    assert_eq!(outcome(&world, &assertion).await, mismatch);
    let unknown = key.sign_jwt("JWT", &claims(&world, "nobody")).unwrap();
    let failed = "provider.client_authentication_failed";
    assert_eq!(outcome(&world, &unknown).await, failed);
    let parameters = TokenParameters {
        grant_type: Some("client_credentials".to_owned()),
        client_id: Some(SERVICE.to_owned()),
        client_secret: Some("a secret".to_owned()),
        ..TokenParameters::default()
    };
    let credentials = ClientCredentials::read(None, &parameters).unwrap();
    let error = world.issue(&credentials, &parameters).await.unwrap_err();
    assert_eq!(error.code(), mismatch);
}

/// Assertions cut, doubled and with bytes changed: each is refused, and none stops the program.
#[tokio::test]
async fn f4_hostile_assertions_are_refused() {
    let key = key();
    let world = world_with([service(SERVICE, &[&key])]).await;
    let good = key.sign_jwt("JWT", &claims(&world, SERVICE)).unwrap();
    let mut state: u64 = 4;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(state >> 33).unwrap() % below
    };
    for round in 0..1_000 {
        let mut bytes = good.clone().into_bytes();
        let (at, other) = (random(bytes.len()), random(bytes.len()));
        match round % 4 {
            0 => bytes.truncate(at),
            1 => bytes[at] = b"A_.%\"9"[random(6)],
            2 => bytes.swap(at, other),
            _ => drop(bytes.splice(at..at, good.bytes().take(random(64)))),
        }
        let text = String::from_utf8(bytes).unwrap();
        if text != good {
            let answer = ask(&world, &text, DpopRequest::default()).await;
            assert_eq!(
                answer.unwrap_err().error.as_str(),
                "invalid_client",
                "{text}"
            );
        }
    }
    assert_eq!(outcome(&world, &good).await, "accepted");
}
