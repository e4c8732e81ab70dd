//! The key that is shown with a push (RFC 9449 section 10.1).

use cardea_jose::{Algorithm, DpopTarget, SigningKey, sign_dpop_proof};
use cardea_provider::{DpopRequest, TokenRequest};

use super::super::super::world::{PORTAL, World, parameters};
use super::{begin, complete, portal};

const PAR_URL: &str = "https://id.example.fr/par";
const TOKEN_URL: &str = "https://id.example.fr/token";

fn proof(world: &World, key: &SigningKey, url: &str) -> String {
    let target = DpopTarget {
        method: "POST",
        url,
        access_token: None,
    };
    let nonce = world.provider.dpop_nonce().unwrap();
    let now = world.now().unix_timestamp();
    sign_dpop_proof(key, &target, now, Some(&nonce)).unwrap()
}

/// Pushes with a proof of a key, and perhaps the name of one.
async fn push_bound(
    world: &World,
    proof: &str,
    named: Option<&str>,
) -> Result<String, (&'static str, &'static str)> {
    let mut asked = parameters(PORTAL);
    asked.dpop_jkt = named.map(str::to_owned);
    let dpop = DpopRequest {
        proof: Some(proof),
        method: "POST",
        url: PAR_URL,
    };
    let credentials = portal("portal+secret");
    let pushed = world
        .provider
        .push_authorization_request(&credentials, asked, dpop);
    match pushed.await {
        Ok(pushed) => Ok(pushed.request_uri),
        Err(error) => Err((error.error.as_str(), error.code())),
    }
}

/// RFC 9449 section 10.1: the key shown with a push is the one that the code is bound to.
#[tokio::test]
async fn a_proof_at_the_push_binds_the_code_to_its_key() {
    let world = World::new().await;
    let (own, other) = [(); 2]
        .map(|()| SigningKey::generate(Algorithm::Es256).unwrap())
        .into();
    for (named, redeemed_with, code) in [
        (None, &own, None),
        (Some(own.kid()), &own, None),
        (None, &other, Some("provider.code_key_mismatch")),
    ] {
        let request_uri = push_bound(&world, &proof(&world, &own, PAR_URL), named).await;
        let begun = begin(&world, &request_uri.unwrap()).await;
        let location = complete(&world, &begun).await;
        let (credentials, parameters) = World::token_request(PORTAL, &location);
        let at_token = proof(&world, redeemed_with, TOKEN_URL);
        let request = TokenRequest {
            credentials: &credentials,
            parameters: &parameters,
            dpop: DpopRequest {
                proof: Some(&at_token),
                method: "POST",
                url: TOKEN_URL,
            },
        };
        let tokens = world.provider.issue_tokens(request).await;
        assert_eq!(tokens.err().map(|error| error.code()), code);
    }
}

#[tokio::test]
async fn a_push_is_refused_when_its_proof_does_not_fit() {
    let world = World::new().await;
    let (own, other) = [(); 2]
        .map(|()| SigningKey::generate(Algorithm::Es256).unwrap())
        .into();
    let mismatch = push_bound(&world, &proof(&world, &own, PAR_URL), Some(other.kid())).await;
    assert_eq!(
        mismatch.unwrap_err(),
        ("invalid_dpop_proof", "provider.dpop_jkt_mismatch")
    );
    let elsewhere = push_bound(&world, &proof(&world, &own, TOKEN_URL), None).await;
    assert_eq!(elsewhere.unwrap_err().0, "invalid_dpop_proof");
    let once = proof(&world, &own, PAR_URL);
    push_bound(&world, &once, None).await.unwrap();
    let replayed = push_bound(&world, &once, None).await;
    assert_eq!(
        replayed.unwrap_err(),
        ("invalid_dpop_proof", "provider.dpop_proof_replayed")
    );
}
