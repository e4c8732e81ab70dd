//! A provider with two clients and no card, for tests of single decisions that no public method
//! reaches by itself.

use std::sync::Arc;

use cardea_jose::{Algorithm, SigningKey};
use cardea_ledger::{KeyName, NoteSigner, SignatureKind};
use cardea_oauth2_types::Scope;
use cardea_pki::profile::{Profile, ProfilePolicy};
use cardea_pki::{PathPolicy, RevocationPolicy, TrustStore};
use cardea_storage::session::{Session, SessionState};
use cardea_storage::subject::{PersonId, load_or_create};
use cardea_storage::{Store, session};
use openssl::pkey::PKey;
use time::OffsetDateTime;

use crate::{
    AgentlessLogin, CardRules, Client, ClientAuthentication, Clock, Issuer, Lifetimes,
    MassLossBounds, ProofRules, ProtocolProfile, Provider, ProviderConfig, ProviderKeys,
    StoredEvents, UserVerificationPolicy,
};

struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> OffsetDateTime {
        now()
    }
}

/// The moment at which everything happens.
pub(crate) fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap()
}

/// The clients are named after their algorithms, `EdDSA` and `ES256`.
pub(crate) async fn bare_provider() -> (Provider, Store) {
    let (provider, store) = bare_provider_without_log_key().await;
    provider.log_signer().open(Arc::new(log_signer()));
    (provider, store)
}

/// The same before the server has opened the log's key.
pub(crate) async fn bare_provider_without_log_key() -> (Provider, Store) {
    let algorithms = [Algorithm::EdDsa, Algorithm::Es256];
    let rules = CardRules {
        name: "none".to_owned(),
        trust_store: TrustStore::new(Vec::new(), Vec::new()),
        path_policy: PathPolicy::login(),
        revocation_policy: RevocationPolicy::default(),
        profile: Profile::builtin("cps").unwrap().clone(),
        profile_policy: ProfilePolicy::sandbox(),
    };
    let config = ProviderConfig {
        issuer: Issuer::parse("https://id.example.fr").unwrap(),
        clients: algorithms.map(client).to_vec(),
        card_rules: vec![rules],
        lifetimes: Lifetimes::default(),
        user_verification: UserVerificationPolicy::PinNow,
        authorization_rules: crate::config::AuthorizationRules::default(),
        mass_loss: MassLossBounds::default(),
        sandbox: false,
        proof_rules: ProofRules::default(),
        agentless: AgentlessLogin::default(),
        profile: ProtocolProfile::default(),
    };
    let key = |algorithm| SigningKey::generate(algorithm).unwrap();
    let keys = ProviderKeys::new(algorithms.map(key), key(Algorithm::Es256)).unwrap();
    let store = Store::open_in_memory().await.unwrap();
    let (events, clock) = (Arc::new(StoredEvents), Arc::new(StoppedClock));
    let provider = Provider::new(config, keys, store.clone(), events, clock).unwrap();
    (provider, store)
}

/// A key of the log.
pub(crate) fn log_signer() -> NoteSigner {
    let name = KeyName::new("id.example.fr/log").unwrap();
    let key = PKey::generate_ed25519().unwrap();
    NoteSigner::new(name, SignatureKind::Ed25519, key).unwrap()
}

fn client(algorithm: Algorithm) -> Client {
    Client {
        redirect_uris: vec!["https://portal.example.fr/cb".to_owned()],
        backchannel_logout_uri: Some("https://portal.example.fr/backchannel".to_owned()),
        id_token_signed_response_alg: algorithm,
        scope: Scope::parse("openid").unwrap(),
        ..Client::new(algorithm.as_str(), "Portail", ClientAuthentication::None)
    }
}

/// Stores an active session; its presence key has the same name.
pub(crate) async fn with_active_session(store: &Store, id: &str) -> Session {
    let mut transaction = store.begin().await.unwrap();
    let person = PersonId {
        scheme: "rpps",
        value: "899700000001",
    };
    let sub = load_or_create(&mut transaction, person, "sub", now())
        .await
        .unwrap();
    let session = Session {
        id: id.to_owned(),
        sub,
        identity: "{}".to_owned(),
        card_sha256: "card".to_owned(),
        instance_jkt: "instance".to_owned(),
        presence_jkt: id.to_owned(),
        acr: "urn:cardea:acr:card-pin".to_owned(),
        revocation_age: None,
        state: SessionState::Active,
        cookie: None,
        authenticated_at: now(),
        present_at: Some(now()),
        used_at: now(),
    };
    session::insert(&mut transaction, &session).await.unwrap();
    transaction.commit().await.unwrap();
    session
}
