//! How clients prove themselves and their keys: client assertions and DPoP, at the token endpoint.

mod client_assertion;
mod dpop;

use cardea_jose::{Algorithm, JwkSet, SigningKey, base64url};
use cardea_oauth2_types::{GrantType, TokenParameters, TokenResponse};
use cardea_provider::{
    Client, ClientAuthentication, ClientCredentials, DpopRequest, TokenError, TokenRequest,
};
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use serde_json::{Value, json};

use super::world::{ISSUER, Settings, World};

/// A client without people, so that a token costs one request.
const SERVICE: &str = "service";

/// A service that proves itself by its keys.
fn service(client_id: &str, keys: &[&SigningKey]) -> Client {
    let keys = keys.iter().map(|key| key.public_jwk().clone()).collect();
    Client {
        jwks: JwkSet { keys },
        grant_types: vec![GrantType::ClientCredentials],
        ..Client::new(client_id, "Service", ClientAuthentication::PrivateKeyJwt)
    }
}

async fn world_with(clients: impl IntoIterator<Item = Client>) -> World {
    let mut settings = Settings::baseline();
    settings.config.clients.extend(clients);
    settings.build().await
}

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::Es256).unwrap()
}

/// The claims of a valid assertion, which cases change.
fn claims(world: &World, client_id: &str) -> Value {
    let now = world.now().unix_timestamp();
    let jti = cardea_jose::random_base64url(16).unwrap();
    json!({
        "iss": client_id, "sub": client_id, "aud": ISSUER,
        "iat": now, "exp": now + 60, "jti": jti,
    })
}

/// Signs whatever header and claims a case wants; `alg` says how.
fn signed(header: &Value, claims: &Value, key: &SigningKey) -> String {
    let part = |value: &Value| base64url(value.to_string().as_bytes());
    let input = format!("{}.{}", part(header), part(claims));
    let private = PKey::private_key_from_pem(&key.to_pem().unwrap()).unwrap();
    let mut signer = Signer::new(MessageDigest::sha256(), &private).unwrap();
    let der = signer.sign_oneshot_to_vec(input.as_bytes()).unwrap();
    let pair = openssl::ecdsa::EcdsaSig::from_der(&der).unwrap();
    let parts = [pair.r(), pair.s()].map(|part| part.to_vec_padded(32).unwrap());
    format!("{input}.{}", base64url(&parts.concat()))
}

fn asked_with(assertion: &str) -> TokenParameters {
    let bearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    TokenParameters {
        grant_type: Some("client_credentials".to_owned()),
        client_assertion_type: Some(bearer.to_owned()),
        client_assertion: Some(assertion.to_owned()),
        ..TokenParameters::default()
    }
}

/// A service's token request with an assertion and a DPoP proof.
async fn ask(
    world: &World,
    assertion: &str,
    dpop: DpopRequest<'_>,
) -> Result<TokenResponse, TokenError> {
    let parameters = asked_with(assertion);
    let credentials = ClientCredentials::read(None, &parameters)?;
    let request = TokenRequest {
        credentials: &credentials,
        parameters: &parameters,
        dpop,
    };
    world.provider.issue_tokens(request).await
}
