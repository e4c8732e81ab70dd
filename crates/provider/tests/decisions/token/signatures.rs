//! ID tokens in the client's algorithm, verified with the published keys.

use cardea_jose::{Algorithm, UnverifiedJws, VerifyingKey};

use super::super::world::{PORTAL, Settings};

#[tokio::test]
async fn each_client_gets_its_own_algorithm_and_the_published_keys_verify_it() {
    for algorithm in [
        Algorithm::Rs256,
        Algorithm::Es256,
        Algorithm::Ps256,
        Algorithm::EdDsa,
    ] {
        let mut settings = Settings::baseline();
        settings.config.clients[0].id_token_signed_response_alg = algorithm;
        let world = settings.build().await;
        let (completed, _) = world.log_in(PORTAL, None).await;
        let tokens = world.redeem(&completed.location).await.unwrap();

        let jws = UnverifiedJws::parse(tokens.id_token.as_deref().unwrap(), 8192).unwrap();
        assert_eq!(jws.algorithm(), algorithm);
        let jwks = world.provider.jwks();
        let key = jwks.find(jws.kid().unwrap()).unwrap();
        assert_eq!(key.alg, Some(algorithm));
        jws.verify(&VerifyingKey::from_jwk(key).unwrap(), "JWT")
            .unwrap();

        let access_token = UnverifiedJws::parse(&tokens.access_token, 8192).unwrap();
        assert_eq!(
            access_token.algorithm(),
            Algorithm::Rs256,
            "any resource server can read it"
        );
    }
}

#[tokio::test]
async fn an_algorithm_without_a_key_stops_the_start() {
    let mut settings = Settings::baseline();
    settings.config.clients[0].id_token_signed_response_alg = Algorithm::Es384;
    let error = settings.try_build().await.err().unwrap();
    assert_eq!(error.code(), "provider.key_missing");

    let mut settings = Settings::baseline();
    settings.config.card_rules.clear();
    let error = settings.try_build().await.err().unwrap();
    assert_eq!(error.code(), "provider.card_rules_missing");
}
