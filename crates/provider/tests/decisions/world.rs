//! A provider with everything around it, and the steps of a login that tests take apart.

mod answer;
mod evidence;
mod noted_events;
mod portal;
mod tokens;
mod told;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use cardea_jose::{Algorithm, SigningKey};
use cardea_ledger::{KeyName, NoteSigner, SignatureKind};
use cardea_pki::profile::{Profile, ProfilePolicy};
use cardea_pki::{Certificate, PathPolicy, RevocationPolicy, TrustStore};
use cardea_provider::event::StoredEvents;
use cardea_provider::{
    AgentlessLogin, AuthorizationRules, CardRules, Clock, EndedSession, Error, Issuer, Lifetimes,
    MassLossBounds, Operator, ProofRules, ProtocolProfile, Provider, ProviderConfig, ProviderKeys,
    Records, UserVerificationPolicy,
};
use cardea_storage::Store;
use cardea_storage::event::{EventRecord, list_newest};
use cardea_test_pki::{CardProfile, IssuedCertificate, KeyKind, TestPki};
use openssl::pkey::PKey;
use time::{Duration, OffsetDateTime};

pub(crate) use answer::{Answer, Instance, algorithm_of, sign_by_card};
pub(crate) use evidence::{Gate, HeldEvidence};
pub(crate) use noted_events::NotedEvents;
pub(crate) use portal::{Begun, PORTAL, SECOND, parameters, query_value};
pub(crate) use tokens::{API, claims_of};

pub(crate) const ISSUER: &str = "https://id.example.fr";

/// The clock of a test.
pub(crate) struct TurnedClock(AtomicI64, AtomicI64);

impl TurnedClock {
    /// Says that it was set, or that it was not.
    pub(crate) fn set_by(&self, by: Duration) {
        self.1.store(by.whole_seconds(), Ordering::SeqCst);
    }
}

impl Clock for TurnedClock {
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(self.0.load(Ordering::SeqCst)).unwrap()
    }

    fn was_set_by(&self) -> Duration {
        Duration::seconds(self.1.load(Ordering::SeqCst))
    }
}

pub(crate) struct World {
    pub(crate) provider: Arc<Provider>,
    pub(crate) store: Store,
    pub(crate) clock: Arc<TurnedClock>,
    /// What was refused without a row.
    pub(crate) noted: Arc<NotedEvents>,
    pub(crate) pki: &'static TestPki,
    /// A pharmacist's authentication certificate and key.
    pub(crate) card: IssuedCertificate,
    /// The agent instance in use.
    pub(crate) instance: Instance,
    /// What the revocation sources answer.
    pub(crate) evidence: HeldEvidence,
}

/// What a test may decide differently.
pub(crate) struct Settings {
    pub(crate) config: ProviderConfig,
}

impl Settings {
    pub(crate) fn baseline() -> Self {
        let pki = TestPki::shared().unwrap();
        let parse = |der: Vec<Vec<u8>>| -> Vec<Certificate> {
            der.iter()
                .map(|der| Certificate::parse(der).unwrap())
                .collect()
        };
        let rules = CardRules {
            name: "test".to_owned(),
            trust_store: TrustStore::new(
                parse(pki.card_anchors_der()),
                parse(pki.intermediates_der()),
            ),
            path_policy: PathPolicy::login(),
            revocation_policy: RevocationPolicy::default(),
            profile: Profile::builtin("cps").unwrap().clone(),
            profile_policy: ProfilePolicy::sandbox(),
        };
        let config = ProviderConfig {
            issuer: Issuer::parse(ISSUER).unwrap(),
            clients: portal::clients(),
            card_rules: vec![rules],
            lifetimes: Lifetimes::default(),
            user_verification: UserVerificationPolicy::PinNow,
            authorization_rules: AuthorizationRules::default(),
            mass_loss: MassLossBounds::default(),
            sandbox: false,
            proof_rules: ProofRules::default(),
            agentless: AgentlessLogin::default(),
            profile: ProtocolProfile::default(),
        };
        Self { config }
    }

    pub(crate) async fn build(self) -> World {
        self.try_build().await.unwrap()
    }

    pub(crate) async fn try_build(self) -> Result<World, Error> {
        let pki = TestPki::shared().unwrap();
        let at = AtomicI64::new(pki.at().unix_timestamp());
        let clock = Arc::new(TurnedClock(at, AtomicI64::new(0)));
        let store = Store::open_in_memory().await.unwrap();
        let noted = Arc::default();
        let provider = provider(self.config, &store, &noted, &clock)?;
        let profile = CardProfile::pharmacist().with_key(KeyKind::P256);
        Ok(World {
            provider: Arc::new(provider),
            store,
            clock,
            noted,
            pki,
            card: pki.issue_card(&profile).unwrap().authentication,
            instance: Instance::new(),
            evidence: HeldEvidence::fresh(),
        })
    }
}

fn provider(
    config: ProviderConfig,
    store: &Store,
    noted: &Arc<NotedEvents>,
    clock: &Arc<TurnedClock>,
) -> Result<Provider, Error> {
    let clock = Arc::clone(clock) as Arc<dyn Clock>;
    let (keys, noted) = (keys(token_keys()), Arc::clone(noted) as _);
    let provider = Provider::new(config, keys, store.clone(), noted, clock)?;
    provider.log_signer().open(Arc::clone(log_key()) as _);
    Ok(provider)
}

/// The key of the log.
pub(crate) fn log_key() -> &'static Arc<NoteSigner> {
    static KEY: OnceLock<Arc<NoteSigner>> = OnceLock::new();
    KEY.get_or_init(|| {
        let name = KeyName::new("id.example.fr/log").unwrap();
        let key = PKey::generate_ed25519().unwrap();
        Arc::new(NoteSigner::new(name, SignatureKind::Ed25519, key).unwrap())
    })
}

/// One key of each algorithm that a client may choose; RSA keys take long to make, so all tests
/// share them.
pub(crate) fn token_keys() -> Vec<SigningKey> {
    static KEYS: OnceLock<Vec<SigningKey>> = OnceLock::new();
    let token_keys = KEYS.get_or_init(|| {
        let algorithms = [
            Algorithm::Rs256,
            Algorithm::Ps256,
            Algorithm::Es256,
            Algorithm::EdDsa,
        ];
        algorithms
            .map(|algorithm| SigningKey::generate(algorithm).unwrap())
            .to_vec()
    });
    token_keys.clone()
}

/// Token keys, and a challenge key of its own.
pub(crate) fn keys(token_keys: Vec<SigningKey>) -> ProviderKeys {
    let challenge_key = SigningKey::generate(Algorithm::Es256).unwrap();
    ProviderKeys::new(token_keys, challenge_key).unwrap()
}

/// The key that the provider signs tokens of an algorithm with.
pub(crate) fn token_key(algorithm: Algorithm) -> SigningKey {
    let mut token_keys = token_keys().into_iter();
    let found = token_keys.find(|key| key.algorithm() == algorithm);
    found.unwrap()
}

impl World {
    pub(crate) async fn new() -> Self {
        Settings::baseline().build().await
    }

    /// The records, in the name of an operator who gives a command.
    pub(crate) fn records(&self) -> Records {
        let operator = Operator {
            uid: 0,
            user: Some("root".to_owned()),
            login_uid: None,
            login_user: None,
        };
        let (log, clock) = (Arc::new(StoredEvents), Arc::clone(&self.clock));
        Records::new(self.store.clone(), log, clock, operator)
    }

    /// The same database and clock under a provider that has just started.
    pub(crate) fn restarted(&self) -> Self {
        self.restarted_with(Settings::baseline())
    }

    /// The same, after the operator changed the configuration.
    pub(crate) fn restarted_with(&self, settings: Settings) -> Self {
        self.around(provider(settings.config, &self.store, &self.noted, &self.clock).unwrap())
    }

    /// The same, after the operator changed the token keys.
    pub(crate) fn restarted_with_keys(&self, token_keys: Vec<SigningKey>) -> Self {
        let keys = keys(token_keys);
        let config = Settings::baseline().config;
        let (events, clock) = (Arc::clone(&self.noted), Arc::clone(&self.clock));
        let started = Provider::new(config, keys, self.store.clone(), events as _, clock as _);
        self.around(started.unwrap())
    }

    fn around(&self, started: Provider) -> Self {
        Self {
            provider: Arc::new(started),
            store: self.store.clone(),
            clock: Arc::clone(&self.clock),
            noted: Arc::clone(&self.noted),
            pki: self.pki,
            card: self.card.clone(),
            instance: self.instance.clone(),
            evidence: HeldEvidence::fresh(),
        }
    }

    pub(crate) fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }

    pub(crate) fn pass(&self, duration: Duration) {
        self.clock
            .0
            .fetch_add(duration.whole_seconds(), Ordering::SeqCst);
    }

    /// Lets time pass with the sweep at work; returns every session that it ended.
    pub(crate) async fn pass_sweeping(&self, duration: Duration) -> Vec<EndedSession> {
        let until = self.now() + duration;
        let mut ended = Vec::new();
        while self.now() < until {
            self.pass((until - self.now()).min(Duration::seconds(5)));
            ended.extend(self.provider.sweep().await.unwrap());
        }
        ended
    }

    /// Every event so far, oldest first.
    pub(crate) async fn events(&self) -> Vec<EventRecord> {
        let mut transaction = self.store.begin_read().await.unwrap();
        list_newest(&mut transaction, 1000).await.unwrap()
    }

    /// The newest event of a kind.
    pub(crate) async fn event(&self, kind: &str) -> EventRecord {
        let events = self.events().await;
        let found = events.into_iter().rev().find(|event| event.kind == kind);
        found.unwrap_or_else(|| panic!("no event {kind}"))
    }
}
