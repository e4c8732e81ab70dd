//! Nodes whose clocks are wrong, beside one whose is right: none undoes what the others rest on.

use std::sync::Arc;

use cardea_jose::{Algorithm, SigningKey};
use cardea_pki::profile::{Profile, ProfilePolicy};
use cardea_pki::{PathPolicy, RevocationPolicy, TrustStore};
use cardea_provider::rotation::{MadeKey, RotationRules, TokenKeys, Withdrawal};
use cardea_provider::{
    AgentlessLogin, AuthorizationRules, CardRules, Clock, Issuer, Lifetimes, MassLossBounds,
    ProofRules, ProtocolProfile, Provider, ProviderConfig, ProviderKeys, StoredEvents,
    UserVerificationPolicy,
};
use cardea_storage::Store;
use cardea_storage::signing_key::SealedKey;
use cardea_storage::spent_jti::{Spending, spend};
use time::{Duration, OffsetDateTime};

use crate::postgres_cluster;

/// A machine's clock, that much ahead. Where the database has no clock it says itself that it was
/// set.
struct WrongClock(Duration);

impl Clock for WrongClock {
    fn now(&self) -> OffsetDateTime {
        crate::revocation_host::now() + self.0
    }

    fn was_set_by(&self) -> Duration {
        self.0
    }
}

const WRONG: [Duration; 4] = [
    Duration::hours(3),
    Duration::days(100),
    Duration::hours(-3),
    Duration::seconds(45),
];

async fn on_both(test: impl AsyncFn(Store)) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cardea.sqlite");
    let url = format!("sqlite://{}", file.display());
    test(Store::open(&url).await.unwrap()).await;
    let folder = tokio::task::spawn_blocking(postgres_cluster::socket_folder);
    let folder = folder.await.unwrap();
    let random = cardea_jose::random_base64url(8).unwrap().to_lowercase();
    let name = format!("clocks_{random}");
    let created = std::process::Command::new("createdb")
        .args(["--host", folder, "--username", "postgres", &name])
        .status();
    assert!(created.unwrap().success());
    let url = format!("postgres://postgres@localhost/{name}?host={folder}");
    test(Store::open(&url).await.unwrap()).await;
}

fn keys(store: &Store, ahead: Duration) -> TokenKeys {
    let rules = RotationRules {
        algorithms: vec![Algorithm::Es256],
        ..RotationRules::default()
    };
    let (events, clock) = (Arc::new(StoredEvents), Arc::new(WrongClock(ahead)));
    TokenKeys::new(store.clone(), events, clock, rules, None)
}

fn made() -> [MadeKey; 1] {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    [MadeKey {
        public_jwk: key.public_jwk().clone(),
        sealed: Some(SealedKey {
            sealed: String::new(),
            encryption_key_id: String::new(),
        }),
    }]
}

/// Attack H19: whatever a node's clock says, it makes no keys, and deletes none of those that the
/// others sign with.
#[tokio::test(flavor = "multi_thread")]
async fn h19_a_node_with_a_wrong_clock_changes_no_keys() {
    on_both(async |store| {
        let healthy = keys(&store, Duration::ZERO);
        healthy.keep_to_schedule(&made()).await.unwrap();
        healthy.rotate(&made()).await.unwrap();
        let before = healthy.read().await.unwrap();
        assert_eq!(before.records.len(), 2);
        for ahead in WRONG {
            let wrong = keys(&store, ahead);
            let seen = wrong.read().await.unwrap();
            assert_eq!(
                seen.time.agreed().unwrap_err().code(),
                "provider.clock_apart"
            );
            let kept = wrong.keep_to_schedule(&made()).await;
            assert_eq!(kept.unwrap_err().code(), "provider.clock_apart");
            let rotated = wrong.rotate(&made()).await;
            assert_eq!(rotated.unwrap_err().code(), "provider.clock_apart");
            assert_eq!(healthy.read().await.unwrap().records, before.records);
            let nothing_due = healthy.keep_to_schedule(&made()).await.unwrap();
            assert!(nothing_due.added.is_empty() && nothing_due.deleted.is_empty());
        }
        // What has a clock of its own says how far the node's is ahead; small errors are none.
        let near = keys(&store, Duration::seconds(20)).read().await.unwrap();
        assert!(near.time.agreed().is_ok());
        if store.clock_millis().await.unwrap().is_some() {
            let ahead = near.time.ahead.whole_seconds();
            assert!((15..=25).contains(&ahead), "{ahead}");
            // An emergency at such a node goes by the clock of all.
            let wrong = keys(&store, Duration::days(100));
            let all = Withdrawal {
                kids: Vec::new(),
                reason: None,
            };
            wrong.withdraw(&all, &made(), None).await.unwrap();
            let after = healthy.read().await.unwrap();
            let [only] = after.records.as_slice() else {
                panic!("{after:?}");
            };
            assert!(
                only.signs_from <= after.time.now,
                "it signs at once, everywhere"
            );
        }
    })
    .await;
}

fn provider(store: &Store, ahead: Duration) -> Provider {
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
        clients: Vec::new(),
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
    let key = || SigningKey::generate(Algorithm::Es256).unwrap();
    let keys = ProviderKeys::new([key()], key()).unwrap();
    let (events, clock) = (Arc::new(StoredEvents), Arc::new(WrongClock(ahead)));
    Provider::new(config, keys, store.clone(), events, clock).unwrap()
}

async fn spent(store: &Store, name: &str, expires_at: OffsetDateTime) -> Spending {
    let mut transaction = store.begin().await.unwrap();
    let spending = spend(&mut transaction, name, expires_at).await.unwrap();
    transaction.commit().await.unwrap();
    spending
}

/// Attacks H19, F4 and F10: what was used once is used on every node, though one of them has long
/// forgotten it by its clock.
#[tokio::test(flavor = "multi_thread")]
async fn h19_a_node_with_a_wrong_clock_forgets_no_spent_proof() {
    on_both(async |store| {
        let now = WrongClock(Duration::ZERO).now();
        let soon = now + Duration::minutes(1);
        assert_eq!(spent(&store, "assertion", soon).await, Spending::First);
        let of_yesterday = now - Duration::hours(25);
        assert_eq!(spent(&store, "old", of_yesterday).await, Spending::First);
        for ahead in WRONG {
            let refused = provider(&store, ahead).forget_ended().await.unwrap_err();
            assert_eq!(refused.code(), "provider.clock_apart");
        }
        assert_eq!(spent(&store, "old", of_yesterday).await, Spending::Repeated);
        let healthy = provider(&store, Duration::ZERO);
        assert_eq!(healthy.forget_ended().await.unwrap(), 1);
        assert_eq!(spent(&store, "assertion", soon).await, Spending::Repeated);
    })
    .await;
}
