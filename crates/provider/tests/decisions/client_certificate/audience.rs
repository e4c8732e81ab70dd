//! Audiences of client assertions at the origin for clients with certificates (attack F4).

use cardea_jose::{Algorithm, JwkSet, SigningKey};
use cardea_oauth2_types::TokenParameters;
use cardea_provider::{Client, ClientAuthentication, ClientCredentials};
use serde_json::json;

use super::super::world::{HeldEvidence, ISSUER};
use super::{SERVICE, service, world_of};

const ALIAS: &str = "https://mtls.example.fr";
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

#[tokio::test]
async fn f4_an_endpoint_of_the_alias_is_an_audience_and_its_origin_is_not() {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let client = Client {
        jwks: JwkSet {
            keys: vec![key.public_jwk().clone()],
        },
        ..service(ClientAuthentication::PrivateKeyJwt)
    };
    let world = world_of(client, HeldEvidence::Unreachable).await;
    world.provider.accept_audiences_at(ALIAS);
    for (aud, accepted) in [
        (ISSUER.to_owned(), true),
        (format!("{ALIAS}/token"), true),
        (format!("{ALIAS}/par"), true),
        (ALIAS.to_owned(), false),
        (format!("{ALIAS}/userinfo"), false),
        (format!("{ALIAS}.evil.test/token"), false),
        ("https://other.example.fr/token".to_owned(), false),
    ] {
        let now = world.now().unix_timestamp();
        let claims = json!({
            "iss": SERVICE, "sub": SERVICE, "aud": aud, "jti": aud, "iat": now, "exp": now + 60,
        });
        let parameters = TokenParameters {
            grant_type: Some("client_credentials".to_owned()),
            client_assertion_type: Some(JWT_BEARER.to_owned()),
            client_assertion: Some(key.sign_jwt("JWT", &claims).unwrap()),
            ..TokenParameters::default()
        };
        let credentials = ClientCredentials::read(None, &parameters).unwrap();
        let outcome = world.issue(&credentials, &parameters).await;
        let refused = outcome.err().map(|error| error.code());
        let expected = "provider.client_assertion_audience_mismatch";
        assert_eq!(refused, (!accepted).then_some(expected), "{aud}");
    }
}
