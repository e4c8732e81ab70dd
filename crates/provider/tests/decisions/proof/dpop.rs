//! Attacks F9 and F10: proofs that break one rule, and tokens and codes without their key.

use cardea_jose::{DpopTarget, sign_dpop_proof};
use cardea_provider::{Demand, DpopNonceUse, Error, PresentedToken, TokenScheme};
use time::Duration;

use super::super::world::{PORTAL, SECOND, parameters};
use super::*;

const TOKEN_URL: &str = "https://id.example.fr/token";
const USERINFO_URL: &str = "https://id.example.fr/userinfo";

/// A world with two services, and the keys of both.
struct Services {
    world: World,
    assertion_key: SigningKey,
}

impl Services {
    async fn new(change: impl FnOnce(&mut Settings)) -> Self {
        let assertion_key = key();
        let mut settings = Settings::baseline();
        for client_id in [SERVICE, "other"] {
            let client = service(client_id, &[&assertion_key]);
            settings.config.clients.push(client);
        }
        change(&mut settings);
        Self {
            world: settings.build().await,
            assertion_key,
        }
    }

    async fn ask_as(
        &self,
        client_id: &str,
        proof: Option<&str>,
    ) -> Result<TokenResponse, TokenError> {
        let assertion = claims(&self.world, client_id);
        let assertion = self.assertion_key.sign_jwt("JWT", &assertion).unwrap();
        ask(&self.world, &assertion, at_token(proof)).await
    }

    async fn refusal(&self, client_id: &str, proof: &str) -> (&'static str, &'static str) {
        match self.ask_as(client_id, Some(proof)).await {
            Ok(_) => ("", "accepted"),
            Err(error) => (error.error.as_str(), error.code()),
        }
    }

    fn proof(&self, key: &SigningKey) -> String {
        let nonce = self.world.provider.dpop_nonce().unwrap();
        proof(key, TOKEN_URL, None, &self.world, Some(&nonce))
    }
}

fn at_token(proof: Option<&str>) -> DpopRequest<'_> {
    DpopRequest {
        proof,
        method: "POST",
        url: TOKEN_URL,
    }
}

fn proof(
    key: &SigningKey,
    url: &str,
    access_token: Option<&str>,
    world: &World,
    nonce: Option<&str>,
) -> String {
    let target = DpopTarget {
        method: "POST",
        url,
        access_token,
    };
    sign_dpop_proof(key, &target, world.now().unix_timestamp(), nonce).unwrap()
}

fn accepted() -> (&'static str, &'static str) {
    ("", "accepted")
}

#[tokio::test]
async fn a_token_is_bound_to_the_key_of_the_proof() {
    let services = Services::new(|_| {}).await;
    let key = key();
    let proof = services.proof(&key);
    let tokens = services.ask_as(SERVICE, Some(&proof)).await.unwrap();
    assert_eq!(tokens.token_type, "DPoP");
    let jws = cardea_jose::UnverifiedJws::parse(&tokens.access_token, 4096).unwrap();
    let claims: Value = jws.unverified_claims().unwrap();
    assert_eq!(claims["cnf"], json!({ "jkt": key.kid() }));
    let unbound = services.ask_as(SERVICE, None).await.unwrap();
    assert_eq!(unbound.token_type, "Bearer");
}

#[tokio::test]
async fn f9_a_proof_is_good_once_also_on_another_node_and_for_one_client() {
    let services = Services::new(|_| {}).await;
    let (first, second) = (key(), key());
    let replayed = ("invalid_dpop_proof", "provider.dpop_proof_replayed");
    let proof = services.proof(&first);
    assert_eq!(services.refusal(SERVICE, &proof).await, accepted());
    assert_eq!(services.refusal(SERVICE, &proof).await, replayed);
    assert_eq!(services.refusal("other", &proof).await, replayed);
    // A key belongs to one client, or it would tell that two tokens are one person's.
    let foreign = ("invalid_dpop_proof", "provider.dpop_key_of_other_client");
    let fresh = services.proof(&first);
    assert_eq!(services.refusal("other", &fresh).await, foreign);
    assert_eq!(services.refusal(SERVICE, &fresh).await, accepted());
    let of_other = services.proof(&second);
    assert_eq!(services.refusal("other", &of_other).await, accepted());
    // Not used for a day and an eighth, it may be anybody's.
    services.world.pass(Duration::hours(27));
    let later = services.proof(&first);
    assert_eq!(services.refusal("other", &later).await, accepted());
}

#[tokio::test]
async fn f9_a_nonce_of_ours_is_needed_and_grows_stale() {
    let services = Services::new(|_| {}).await;
    let (key, world) = (key(), &services.world);
    let missing = ("use_dpop_nonce", "provider.dpop_nonce_missing");
    let invalid = ("use_dpop_nonce", "provider.dpop_nonce_invalid");
    let with = |nonce: Option<&str>| proof(&key, TOKEN_URL, None, world, nonce);
    assert_eq!(services.refusal(SERVICE, &with(None)).await, missing);
    assert_eq!(
        services.refusal(SERVICE, &with(Some("guess"))).await,
        invalid
    );
    let nonce = world.provider.dpop_nonce().unwrap();
    assert_eq!(
        services.refusal(SERVICE, &with(Some(&nonce))).await,
        accepted()
    );
    world.pass(Duration::minutes(4));
    assert_eq!(
        services.refusal(SERVICE, &with(Some(&nonce))).await,
        accepted()
    );
    world.pass(Duration::minutes(2));
    assert_eq!(
        services.refusal(SERVICE, &with(Some(&nonce))).await,
        invalid
    );
}

#[tokio::test]
async fn f9_a_proof_is_of_this_moment() {
    async fn at(services: &Services, key: &SigningKey, seconds: i64, nonce: bool) -> &'static str {
        let issued_at = services.world.now().unix_timestamp() + seconds;
        let target = DpopTarget {
            method: "POST",
            url: TOKEN_URL,
            access_token: None,
        };
        let nonce = nonce.then(|| services.world.provider.dpop_nonce().unwrap());
        let proof = sign_dpop_proof(key, &target, issued_at, nonce.as_deref()).unwrap();
        services.refusal(SERVICE, &proof).await.1
    }
    let time = "jose.dpop_time_invalid";
    let key = key();
    let services = Services::new(|_| {}).await;
    for (seconds, expected) in [
        (-241, time),
        (-240, "accepted"),
        (-10, "accepted"),
        (10, "accepted"),
        (240, "accepted"),
        (241, time),
    ] {
        assert_eq!(
            at(&services, &key, seconds, true).await,
            expected,
            "{seconds}"
        );
    }
    let services = Services::new(|settings| {
        settings.config.proof_rules.dpop_nonce = DpopNonceUse::Optional;
    })
    .await;
    for (seconds, expected) in [(-61, time), (-60, "accepted"), (10, "accepted"), (11, time)] {
        assert_eq!(
            at(&services, &key, seconds, false).await,
            expected,
            "{seconds}"
        );
    }
}

#[tokio::test]
async fn f9_a_proof_for_another_request_is_refused_and_spends_nothing() {
    let services = Services::new(|_| {}).await;
    let key = key();
    let nonce = services.world.provider.dpop_nonce().unwrap();
    let elsewhere = proof(&key, USERINFO_URL, None, &services.world, Some(&nonce));
    let mismatch = ("invalid_dpop_proof", "jose.dpop_request_mismatch");
    assert_eq!(services.refusal(SERVICE, &elsewhere).await, mismatch);
    let garbled = ("invalid_dpop_proof", "jose.malformed");
    assert_eq!(services.refusal(SERVICE, "not a proof").await, garbled);
    assert_eq!(services.refusal(SERVICE, "").await, garbled);
}

#[tokio::test]
async fn a_client_that_registered_bound_tokens_cannot_leave_the_proof_out() {
    let services = Services::new(|settings| {
        for client in &mut settings.config.clients {
            if client.client_id == SERVICE {
                client.dpop_bound_access_tokens = Demand::Required;
            }
        }
    })
    .await;
    let error = services.ask_as(SERVICE, None).await.unwrap_err();
    let told = (error.error.as_str(), error.code());
    assert_eq!(told, ("invalid_dpop_proof", "provider.dpop_proof_missing"));
    let proof = services.proof(&key());
    assert_eq!(services.refusal(SERVICE, &proof).await, accepted());
}

#[tokio::test]
async fn proofs_and_keys_are_swept() {
    let services = Services::new(|_| {}).await;
    let proof = services.proof(&key());
    assert_eq!(services.refusal(SERVICE, &proof).await, accepted());
    let world = &services.world;
    assert_eq!(world.provider.forget_ended().await.unwrap(), 0);
    // The proof and the assertion, a day after they would be refused for their age; the key stays
    // the service's for a day.
    world.pass(Duration::hours(23));
    assert_eq!(world.provider.forget_ended().await.unwrap(), 0);
    world.pass(Duration::days(2));
    assert!(world.provider.forget_ended().await.unwrap() >= 3);
}

/// Attacks H19, F4 and F10: a clock that was set forgets nothing, and a wrong one that nobody has
/// noticed forgets no proof for a day.
#[tokio::test]
async fn h19_a_clock_that_is_wrong_forgets_no_proof() {
    let services = Services::new(|_| {}).await;
    let proof = services.proof(&key());
    assert_eq!(services.refusal(SERVICE, &proof).await, accepted());
    let world = &services.world;
    world.pass(Duration::days(100));
    world.clock.set_by(Duration::days(100));
    let refused = world.provider.forget_ended().await.unwrap_err();
    assert_eq!(refused.code(), "provider.clock_apart");
    world.clock.set_by(Duration::ZERO);
    world.pass(Duration::hours(-100 * 24 + 2));
    assert_eq!(world.provider.forget_ended().await.unwrap(), 0);
    world.pass(Duration::hours(-2));
    let replayed = services.refusal(SERVICE, &proof).await;
    assert_eq!(
        replayed,
        ("invalid_dpop_proof", "provider.dpop_proof_replayed")
    );
}

/// A public client's key is remembered no longer than its proofs: anybody can send them.
#[tokio::test]
async fn a_key_in_the_name_of_a_public_client_is_soon_forgotten() {
    let world = World::new().await;
    let nonce = world.provider.dpop_nonce().unwrap();
    let proof = proof(&key(), TOKEN_URL, None, &world, Some(&nonce));
    let (credentials, parameters) = World::token_request(SECOND, "https://a.test/?code=guess");
    let request = TokenRequest {
        credentials: &credentials,
        parameters: &parameters,
        dpop: at_token(Some(&proof)),
    };
    let error = world.provider.issue_tokens(request).await.unwrap_err();
    assert_eq!(error.code(), "provider.code_unknown");
    world.pass(Duration::minutes(11));
    assert_eq!(world.provider.forget_ended().await.unwrap(), 1);
    world.pass(Duration::days(1));
    assert_eq!(world.provider.forget_ended().await.unwrap(), 1);
}

/// A login at the portal whose code is bound to a key.
async fn bound_code(world: &World, jkt: &str) -> String {
    let begun = world
        .begin_with(|asked| {
            *asked = parameters(PORTAL);
            asked.dpop_jkt = Some(jkt.to_owned());
        })
        .await;
    let answer = world.answer(&begun).await;
    world.post(&begun, &answer).await.unwrap();
    world.present(&answer.presence_key).await;
    let completed = world
        .provider
        .complete_authorization(&begun.request_id, begun.cookie(), None)
        .await
        .unwrap();
    completed.response.location()
}

async fn redeem_with(
    world: &World,
    location: &str,
    key: Option<&SigningKey>,
) -> Result<TokenResponse, TokenError> {
    let nonce = world.provider.dpop_nonce().unwrap();
    let proof = key.map(|key| proof(key, TOKEN_URL, None, world, Some(&nonce)));
    let (credentials, parameters) = World::token_request(PORTAL, location);
    let request = TokenRequest {
        credentials: &credentials,
        parameters: &parameters,
        dpop: at_token(proof.as_deref()),
    };
    world.provider.issue_tokens(request).await
}

#[tokio::test]
async fn f10_a_code_bound_to_a_key_is_redeemed_with_that_key_alone() {
    let world = World::new().await;
    let (own, other) = (key(), key());
    for wrong in [Some(&other), None] {
        let location = bound_code(&world, own.kid()).await;
        let error = redeem_with(&world, &location, wrong).await.unwrap_err();
        let told = (error.error.as_str(), error.code());
        assert_eq!(told, ("invalid_grant", "provider.code_key_mismatch"));
    }
    let location = bound_code(&world, own.kid()).await;
    let tokens = redeem_with(&world, &location, Some(&own)).await.unwrap();
    assert_eq!(tokens.token_type, "DPoP");
}

/// A proof that only lacks our nonce leaves the code as it was.
#[tokio::test]
async fn a_code_survives_the_first_request_without_a_nonce() {
    let world = World::new().await;
    let own = key();
    let location = bound_code(&world, own.kid()).await;
    let (credentials, parameters) = World::token_request(PORTAL, &location);
    let bare = proof(&own, TOKEN_URL, None, &world, None);
    let request = TokenRequest {
        credentials: &credentials,
        parameters: &parameters,
        dpop: at_token(Some(&bare)),
    };
    let error = world.provider.issue_tokens(request).await.unwrap_err();
    assert_eq!(error.error.as_str(), "use_dpop_nonce");
    redeem_with(&world, &location, Some(&own)).await.unwrap();
}

async fn at_userinfo(
    world: &World,
    token: &str,
    scheme: TokenScheme,
    proof: Option<&str>,
) -> &'static str {
    let dpop = DpopRequest {
        proof,
        method: "POST",
        url: USERINFO_URL,
    };
    let presented = PresentedToken {
        token,
        scheme,
        dpop,
        certificate: None,
    };
    let answer = world.provider.userinfo(presented).await;
    answer.err().as_ref().map_or("accepted", Error::code)
}

#[tokio::test]
async fn f10_a_bound_token_comes_with_its_key_and_an_unbound_one_does_not_pretend() {
    let world = World::new().await;
    let (own, other) = (key(), key());
    let location = bound_code(&world, own.kid()).await;
    let bound = redeem_with(&world, &location, Some(&own)).await.unwrap();
    let (completed, _) = world.log_in(PORTAL, None).await;
    let unbound = world.redeem(&completed.location).await.unwrap();
    let nonce = world.provider.dpop_nonce().unwrap();
    let make = |key: &SigningKey, token: Option<&str>, nonce: Option<&str>| {
        proof(key, USERINFO_URL, token, &world, nonce)
    };
    let (token, n) = (bound.access_token.as_str(), Some(nonce.as_str()));
    let good = make(&own, Some(token), n);
    use TokenScheme::{Bearer, Dpop};
    for (token, scheme, proof, expected) in [
        (token, Bearer, None, "provider.access_token_scheme_mismatch"),
        (
            token,
            Bearer,
            Some(good.clone()),
            "provider.access_token_scheme_mismatch",
        ),
        (token, Dpop, None, "provider.dpop_proof_missing"),
        (
            token,
            Dpop,
            Some(make(&other, Some(token), n)),
            "provider.access_token_key_mismatch",
        ),
        (
            token,
            Dpop,
            Some(make(&own, None, n)),
            "jose.dpop_access_token_mismatch",
        ),
        (
            token,
            Dpop,
            Some(make(&own, Some(&unbound.access_token), n)),
            "jose.dpop_access_token_mismatch",
        ),
        (
            token,
            Dpop,
            Some(make(&own, Some(token), None)),
            "provider.dpop_nonce_missing",
        ),
        (token, Dpop, Some(good.clone()), "accepted"),
        (token, Dpop, Some(good), "provider.dpop_proof_replayed"),
        (
            &unbound.access_token,
            Dpop,
            Some(make(&other, Some(&unbound.access_token), n)),
            "provider.access_token_scheme_mismatch",
        ),
    ] {
        let outcome = at_userinfo(&world, token, scheme, proof.as_deref()).await;
        assert_eq!(outcome, expected, "{scheme:?}");
    }
}
