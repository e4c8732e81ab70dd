//! Card grants of business software: a valid one, of which cases change one part.

mod bounds;
mod confusion;
mod refusals;
mod tokens;
mod workstations;

use std::sync::Arc;

use cardea_assertion::{
    Confirmation, GrantAttestationClaims, GrantClaims, SigningInput, UserVerification,
    certificate_name,
};
use cardea_jose::{
    Algorithm, DpopTarget, SigningKey, UnverifiedJws, sha256_base64url, sign_dpop_proof,
};
use cardea_oauth2_types::{GrantType, Scope, TokenParameters, TokenResponse};
use cardea_provider::{
    Client, ClientAuthentication, ClientCredentials, DpopRequest, Error, PendingCardGrant,
    TokenError, TokenRequest,
};

use super::world::{API, ISSUER, Instance, SECOND, Settings, World, algorithm_of, sign_by_card};

/// A public client of business software.
const SOFTWARE: &str = "software";
/// Another one.
const OTHER: &str = "other-software";
const TOKEN_URL: &str = "https://id.example.fr/token";

fn software(client_id: &str) -> Client {
    Client {
        grant_types: vec![GrantType::CardGrant, GrantType::RefreshToken],
        scope: Scope::parse("openid profile professional").unwrap(),
        resources: vec![API.to_owned()],
        ..Client::new(client_id, "Logiciel d’officine", ClientAuthentication::None)
    }
}

fn settings() -> Settings {
    let mut settings = Settings::baseline();
    settings
        .config
        .clients
        .extend([software(SOFTWARE), software(OTHER)]);
    settings
}

async fn world() -> World {
    settings().build().await
}

/// Everything that goes into a grant.
struct Grant {
    claims: GrantClaims,
    card_key: openssl::pkey::PKey<openssl::pkey::Private>,
    certificate: Vec<u8>,
    instance: Instance,
    presence_key: SigningKey,
    /// The key of the proof; the presence key unless a test says otherwise.
    proof_key: SigningKey,
    parameters: TokenParameters,
}

impl Grant {
    /// The card's statement and the agent's countersignature.
    fn sign(&self) -> (String, String) {
        let algorithm = algorithm_of(&self.card_key);
        let input = SigningInput::new(algorithm, &[&self.certificate], &self.claims).unwrap();
        let signature = sign_by_card(&self.card_key, algorithm, input.as_bytes());
        let statement = input.into_assertion(&signature);
        let attestation = GrantAttestationClaims::new(&statement, self.claims.uv)
            .sign(&self.instance.key)
            .unwrap();
        (statement, attestation)
    }
}

impl World {
    async fn grant_challenge(&self, client_id: &str) -> String {
        let parameters = TokenParameters::default();
        self.grant_challenge_for(client_id, parameters)
            .await
            .unwrap()
    }

    async fn grant_challenge_for(
        &self,
        client_id: &str,
        mut parameters: TokenParameters,
    ) -> Result<String, Error> {
        let credentials = Self::credentials(client_id, &mut parameters);
        let issued = self
            .provider
            .issue_grant_challenge(&credentials, &parameters)
            .await?;
        assert_eq!(issued.expires_in, 120);
        Ok(issued.challenge)
    }

    /// A valid grant for a fresh challenge.
    async fn grant(&self, client_id: &str) -> Grant {
        self.grant_for(&self.grant_challenge(client_id).await)
    }

    fn grant_for(&self, challenge: &str) -> Grant {
        let jws = UnverifiedJws::parse(challenge, 4096).unwrap();
        let asked: serde_json::Value = jws.unverified_claims().unwrap();
        let text = |name: &str| asked[name].as_str().unwrap().to_owned();
        let presence_key = SigningKey::generate(Algorithm::Es256).unwrap();
        let card = certificate_name(&self.card.der);
        Grant {
            claims: GrantClaims {
                iss: card.clone(),
                sub: card,
                aud: text("iss"),
                client_id: text("client_id"),
                challenge: sha256_base64url(challenge.as_bytes()),
                nonce: text("nonce"),
                jti: text("jti"),
                iat: asked["iat"].as_i64().unwrap(),
                exp: asked["exp"].as_i64().unwrap(),
                card_serial: "0000000001".to_owned(),
                uv: UserVerification::Now,
                cnf: Confirmation {
                    jkt: presence_key.kid().to_owned(),
                },
                instance_jkt: self.instance.key.kid().to_owned(),
            },
            card_key: self.card.key.clone(),
            certificate: self.card.der.clone(),
            instance: self.instance.clone(),
            proof_key: presence_key.clone(),
            presence_key,
            parameters: TokenParameters::default(),
        }
    }

    /// Hands a grant in as a client, with a proof of its own.
    async fn accept_as(
        &self,
        client_id: &str,
        grant: &Grant,
    ) -> Result<PendingCardGrant, TokenError> {
        let (statement, attestation) = grant.sign();
        let texts = (statement.as_str(), attestation.as_str());
        self.accept_texts(client_id, grant, texts).await
    }

    async fn accept_texts(
        &self,
        client_id: &str,
        grant: &Grant,
        texts: (&str, &str),
    ) -> Result<PendingCardGrant, TokenError> {
        let nonce = self.provider.dpop_nonce().unwrap();
        let proof = self.grant_proof(&grant.proof_key, Some(&nonce));
        self.accept_with(client_id, grant, texts, Some(&proof))
            .await
    }

    fn grant_proof(&self, key: &SigningKey, nonce: Option<&str>) -> String {
        let target = DpopTarget {
            method: "POST",
            url: TOKEN_URL,
            access_token: None,
        };
        sign_dpop_proof(key, &target, self.now().unix_timestamp(), nonce).unwrap()
    }

    async fn accept_with(
        &self,
        client_id: &str,
        grant: &Grant,
        (statement, attestation): (&str, &str),
        proof: Option<&str>,
    ) -> Result<PendingCardGrant, TokenError> {
        let (credentials, parameters) =
            Self::grant_request(client_id, grant, (statement, attestation));
        let request = TokenRequest {
            credentials: &credentials,
            parameters: &parameters,
            dpop: DpopRequest {
                proof,
                method: "POST",
                url: TOKEN_URL,
            },
        };
        self.provider
            .accept_card_grant(request, &self.evidence)
            .await
    }

    fn grant_request(
        client_id: &str,
        grant: &Grant,
        (statement, attestation): (&str, &str),
    ) -> (ClientCredentials, TokenParameters) {
        let mut parameters = TokenParameters {
            grant_type: Some(GrantType::CardGrant.as_str().to_owned()),
            assertion: Some(statement.to_owned()),
            attestation: Some(attestation.to_owned()),
            ..grant.parameters.clone()
        };
        let credentials = Self::credentials(client_id, &mut parameters);
        (credentials, parameters)
    }

    /// The whole way of a grant whose card is there.
    async fn redeem_grant(&self, grant: &Grant) -> Result<TokenResponse, TokenError> {
        self.redeem_grant_as(SOFTWARE, grant).await
    }

    async fn redeem_grant_as(
        &self,
        client_id: &str,
        grant: &Grant,
    ) -> Result<TokenResponse, TokenError> {
        let pending = self.accept_as(client_id, grant).await?;
        self.present(&grant.presence_key).await;
        self.provider.complete_card_grant(pending).await
    }

    /// The refusal of a grant of which one part was changed: what the client learns, its code, and
    /// the precise code.
    async fn grant_refusal(
        &self,
        change: impl FnOnce(&mut Grant),
    ) -> (&'static str, &'static str, &'static str) {
        let mut grant = self.grant(SOFTWARE).await;
        change(&mut grant);
        let error = self.accept_as(SOFTWARE, &grant).await.unwrap_err();
        named(&error)
    }
}

fn named(error: &TokenError) -> (&'static str, &'static str, &'static str) {
    (error.error.as_str(), error.public_code(), error.code())
}

/// A refusal before the signature is proven, which looks the same whatever was wrong.
fn unproven(code: &'static str) -> (&'static str, &'static str, &'static str) {
    ("invalid_grant", "login.refused", code)
}

/// Two hands on one world.
async fn shared_world() -> Arc<World> {
    Arc::new(world().await)
}

/// The refusal of a grant in a world that was changed before: its precise code, and the client's.
pub(super) async fn refused_grant(
    change: impl AsyncFnOnce(&World),
) -> (&'static str, &'static str) {
    let world = world().await;
    change(&world).await;
    let (_, public, precise) = world.grant_refusal(|_| {}).await;
    (precise, public)
}
