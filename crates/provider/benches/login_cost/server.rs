//! A provider with the settings of a real one: keys of the sizes in use, a SQLite file, and
//! authorities with the model's RSA 4096 keys.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cardea_jose::{Algorithm, SigningKey, sha256_base64url};
use cardea_oauth2_types::{AuthorizationParameters, Scope, TokenParameters};
use cardea_pki::profile::{Profile, ProfilePolicy};
use cardea_pki::{Certificate, PathPolicy, RevocationPolicy, TrustStore};
use cardea_provider::{
    AgentlessLogin, CardRules, Client, ClientAuthentication, Clock, Issuer, Lifetimes,
    MassLossBounds, ProofRules, ProtocolProfile, Provider, ProviderConfig, ProviderKeys,
    StoredEvents, UserVerificationPolicy,
};
use cardea_storage::{SecretDigest, Store};
use cardea_test_pki::{KeyKind, TestPki};
use openssl::pkey::{PKey, Private};
use time::OffsetDateTime;

use crate::Failure;

pub(crate) const ISSUER: &str = "https://id.example.fr";
const CLIENT_ID: &str = "portal";
const CLIENT_SECRET: &str = "an-invented-secret-of-a-portal";
const REDIRECT_URI: &str = "https://portal.example.fr/callback";
const VERIFIER: &str = "an-invented-verifier-of-a-portal-with-enough-characters";

/// A clock that moves on by a second a login.
pub(crate) struct SteppedClock(AtomicI64);

impl Clock for SteppedClock {
    fn now(&self) -> OffsetDateTime {
        let seconds = self.0.load(Ordering::SeqCst);
        OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

impl SteppedClock {
    pub(crate) fn step(&self) -> OffsetDateTime {
        self.0.fetch_add(1, Ordering::SeqCst);
        self.now()
    }
}

/// The keys as OpenSSL holds them, for the bare signatures beside the login.
pub(crate) struct ServerKeys {
    pub(crate) challenge: PKey<Private>,
    pub(crate) token: PKey<Private>,
}

/// The server's side without HTTP.
pub(crate) struct Server {
    pub(crate) provider: Provider,
    pub(crate) clock: Arc<SteppedClock>,
    pub(crate) keys: ServerKeys,
}

impl Server {
    /// A provider that trusts the cards of `pki`, on a new database in `folder`.
    pub(crate) async fn start(folder: &Path, pki: &TestPki) -> Result<Self, Failure> {
        let clock = Arc::new(SteppedClock(AtomicI64::new(pki.at().unix_timestamp())));
        let store = Store::open(&format!("sqlite://{}/cardea.db", folder.display())).await?;
        let keys = ServerKeys {
            challenge: KeyKind::P256.generate()?,
            token: KeyKind::Rsa2048.generate()?,
        };
        let token_key = SigningKey::from_private_key(Algorithm::Rs256, keys.token.clone())?;
        let challenge_key = SigningKey::from_private_key(Algorithm::Es256, keys.challenge.clone())?;
        let provider_keys = ProviderKeys::new([token_key], challenge_key)?;
        let provider = Provider::new(
            config(pki)?,
            provider_keys,
            store,
            Arc::new(StoredEvents),
            Arc::clone(&clock) as Arc<dyn Clock>,
        )?;
        Ok(Self {
            provider,
            clock,
            keys,
        })
    }
}

fn config(pki: &TestPki) -> Result<ProviderConfig, Failure> {
    let parse = |certificates: Vec<Vec<u8>>| -> Result<Vec<Certificate>, cardea_pki::Error> {
        certificates
            .iter()
            .map(|der| Certificate::parse(der))
            .collect()
    };
    let rules = CardRules {
        name: "test-cards".to_owned(),
        trust_store: TrustStore::new(
            parse(pki.card_anchors_der())?,
            parse(pki.intermediates_der())?,
        ),
        path_policy: PathPolicy::login(),
        revocation_policy: RevocationPolicy::default(),
        profile: Profile::builtin("cps")
            .ok_or("the profile cps is missing")?
            .clone(),
        profile_policy: ProfilePolicy::sandbox(),
    };
    let secret = ClientAuthentication::SecretBasic(SecretDigest::of(CLIENT_SECRET).into());
    let client = Client {
        redirect_uris: vec![REDIRECT_URI.to_owned()],
        backchannel_logout_uri: Some("https://portal.example.fr/backchannel".to_owned()),
        scope: Scope::parse("openid profile professional")?,
        ..Client::new(CLIENT_ID, "Portail de démonstration", secret)
    };
    Ok(ProviderConfig {
        issuer: Issuer::parse(ISSUER)?,
        clients: vec![client],
        card_rules: vec![rules],
        lifetimes: Lifetimes::default(),
        user_verification: UserVerificationPolicy::PinNow,
        authorization_rules: cardea_provider::AuthorizationRules::default(),
        mass_loss: MassLossBounds::default(),
        sandbox: false,
        proof_rules: ProofRules::default(),
        agentless: AgentlessLogin::default(),
        profile: ProtocolProfile::default(),
    })
}

/// The portal's authorization request.
pub(crate) fn authorization_request() -> AuthorizationParameters {
    AuthorizationParameters {
        client_id: Some(CLIENT_ID.to_owned()),
        redirect_uri: Some(REDIRECT_URI.to_owned()),
        response_type: Some("code".to_owned()),
        scope: Some("openid profile professional".to_owned()),
        state: Some("an invented state of the portal".to_owned()),
        nonce: Some("an invented nonce of the portal".to_owned()),
        code_challenge: Some(sha256_base64url(VERIFIER.as_bytes())),
        code_challenge_method: Some("S256".to_owned()),
        ..AuthorizationParameters::default()
    }
}

/// The portal's token request: the `Authorization` header and the body.
pub(crate) fn token_request(location: &str) -> Result<(String, TokenParameters), Failure> {
    let url = url::Url::parse(location)?;
    let code = url.query_pairs().find(|(name, _)| name == "code");
    let parameters = TokenParameters {
        grant_type: Some("authorization_code".to_owned()),
        code: code.map(|(_, value)| value.into_owned()),
        redirect_uri: Some(REDIRECT_URI.to_owned()),
        code_verifier: Some(VERIFIER.to_owned()),
        ..TokenParameters::default()
    };
    let header = STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}"));
    Ok((format!("Basic {header}"), parameters))
}
