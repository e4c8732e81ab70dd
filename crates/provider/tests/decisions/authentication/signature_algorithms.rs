//! Logins by issued cards with each kind of key, and the pairs of key and algorithm that are not.

use cardea_jose::Algorithm;
use cardea_pki::profile::{Profile, ProfilePolicy};
use cardea_pki::{Certificate, PathPolicy, RevocationPolicy, TrustStore};
use cardea_provider::CardRules;
use cardea_test_pki::hba::HbaProfile;
use cardea_test_pki::{
    AuthorityName, CardFamily, CardProfile, CountryPki, CrlSpec, IssuedCertificate, KeyKind,
    TestPki,
};
use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private};
use openssl::pkey_ctx::PkeyCtx;

use super::super::world::{HeldEvidence, PORTAL, Settings, World};

const NOT_ALLOWED: (&str, &str) = ("jose.algorithm_not_allowed", "login.refused");
const INVALID: (&str, &str) = ("assertion.signature_invalid", "login.refused");
const NOT_LISTED: (&str, &str) = (
    "provider.assertion_algorithm_not_accepted",
    "login.card_not_accepted",
);

/// A pharmacist's card with a key that the test brings.
fn card(key: PKey<Private>) -> IssuedCertificate {
    let pki = TestPki::shared().unwrap();
    let spec = CardProfile::pharmacist()
        .with_card_number("9999000001/2600000001")
        .authentication(pki.at())
        .unwrap();
    let authority = pki.authority(CardFamily::Cps.issuer()).unwrap();
    authority.issue_with_key(&spec, key).unwrap()
}

fn ec(curve: Nid) -> PKey<Private> {
    let group = EcGroup::from_curve_name(curve).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn rsa() -> PKey<Private> {
    KeyKind::Rsa2048.generate().unwrap()
}

/// A key that its certificate restricts to PSS.
fn rsa_pss() -> PKey<Private> {
    let mut context = PkeyCtx::new_id(Id::RSA_PSS).unwrap();
    context.keygen_init().unwrap();
    context.set_rsa_keygen_bits(2048).unwrap();
    context.keygen().unwrap()
}

async fn logs_in(world: &World, algorithm: Algorithm) {
    let begun = world.begin(PORTAL).await;
    let mut answer = world.answer(&begun).await;
    answer.algorithm = algorithm;
    let outcome = world.post(&begun, &answer).await;
    assert!(outcome.is_ok(), "{algorithm:?}: {:?}", outcome.err());
}

#[tokio::test]
async fn each_kind_of_card_key_logs_in_with_its_own_algorithms() {
    let mut world = World::new().await;
    let keys: [(_, &[Algorithm]); 4] = [
        (rsa(), &[Algorithm::Rs256, Algorithm::Ps256]),
        (rsa_pss(), &[Algorithm::Ps256]),
        (ec(Nid::X9_62_PRIME256V1), &[Algorithm::Es256]),
        (ec(Nid::SECP384R1), &[Algorithm::Es384]),
    ];
    for (key, algorithms) in keys {
        world.card = card(key);
        for algorithm in algorithms {
            logs_in(&world, *algorithm).await;
        }
    }
}

/// Attack C8.
#[tokio::test]
async fn a_key_and_an_algorithm_that_do_not_agree_are_refused() {
    let mut world = World::new().await;
    let p256 = || ec(Nid::X9_62_PRIME256V1);
    let p384 = || ec(Nid::SECP384R1);
    let cases = [
        ("RS256 with a P-256 key", p256(), Algorithm::Rs256),
        ("PS256 with a P-384 key", p384(), Algorithm::Ps256),
        ("ES256 with a P-384 key", p384(), Algorithm::Es256),
        ("ES384 with a P-256 key", p256(), Algorithm::Es384),
        ("ES256 with an RSA key", rsa(), Algorithm::Es256),
        ("BP256R1 with a P-256 key", p256(), Algorithm::Bp256r1),
        ("RS256 with a key for PSS", rsa_pss(), Algorithm::Rs256),
        (
            "ES256 with a brainpool key",
            ec(Nid::BRAINPOOL_P256R1),
            Algorithm::Es256,
        ),
        (
            "ES256 with a Koblitz key",
            ec(Nid::SECP256K1),
            Algorithm::Es256,
        ),
        ("EdDSA with a P-256 key", p256(), Algorithm::EdDsa),
    ];
    for (name, key, algorithm) in cases {
        world.card = card(key);
        let refusal = world
            .refusal_of(|answer| answer.algorithm = algorithm)
            .await;
        assert_eq!(refusal, NOT_ALLOWED, "{name}");
    }
}

#[tokio::test]
async fn a_signature_by_the_other_algorithm_of_the_same_key_is_refused() {
    let mut world = World::new().await;
    world.card = card(rsa());
    for (named, done) in [
        (Algorithm::Rs256, Algorithm::Ps256),
        (Algorithm::Ps256, Algorithm::Rs256),
    ] {
        let begun = world.begin(PORTAL).await;
        let mut answer = world.answer(&begun).await;
        answer.algorithm = done;
        let (honest, _) = answer.sign();
        answer.algorithm = named;
        let (other, _) = answer.sign();
        let (input, _) = other.rsplit_once('.').unwrap();
        let (_, signature) = honest.rsplit_once('.').unwrap();
        let forged = format!("{input}.{signature}");
        let attestation = answer.attest(&forged);
        let error = world
            .post_texts(&begun, &forged, &attestation)
            .await
            .unwrap_err();
        assert_eq!((error.code(), error.public.code()), INVALID, "{named:?}");
    }
}

/// A world that takes German cards too.
struct German {
    pki: CountryPki,
    world: World,
}

impl German {
    async fn new() -> Self {
        let pki = CountryPki::germany(TestPki::shared().unwrap().at()).unwrap();
        let parse = |der: &[u8]| Certificate::parse(der).unwrap();
        let anchors = vec![parse(pki.anchor_der())];
        let issuing = vec![parse(pki.issuing().certificate_der())];
        let mut settings = Settings::baseline();
        settings.config.card_rules.push(CardRules {
            name: "germany".to_owned(),
            trust_store: TrustStore::new(anchors, issuing),
            path_policy: PathPolicy::login(),
            revocation_policy: RevocationPolicy::default(),
            profile: Profile::builtin("hba").unwrap().clone(),
            profile_policy: ProfilePolicy::sandbox(),
        });
        let mut world = settings.build().await;
        let mut lists = TestPki::shared().unwrap().fresh_crls(&[]).unwrap();
        for authority in [pki.root(), pki.issuing()] {
            let list = CrlSpec::new(AuthorityName::FORT_PERSONNES, pki.at());
            lists.push(authority.crl(&list).unwrap());
        }
        world.evidence = HeldEvidence::Crls(lists);
        Self { pki, world }
    }

    fn take(&mut self, key: PKey<Private>) {
        let spec = HbaProfile::physician()
            .authentication(self.pki.at())
            .unwrap();
        self.world.card = self.pki.issuing().issue_with_key(&spec, key).unwrap();
    }
}

#[tokio::test]
async fn a_brainpool_card_logs_in_where_its_profile_is_configured() {
    let mut german = German::new().await;
    german.take(ec(Nid::BRAINPOOL_P256R1));
    logs_in(&german.world, Algorithm::Bp256r1).await;
    for algorithm in [Algorithm::Es256, Algorithm::Es384] {
        let refusal = german
            .world
            .refusal_of(|answer| answer.algorithm = algorithm);
        assert_eq!(refusal.await, NOT_ALLOWED, "{algorithm:?}");
    }
}

#[tokio::test]
async fn an_algorithm_of_another_countrys_cards_is_refused() {
    // No profile that is configured signs with it: refused before anything about the card.
    let mut world = World::new().await;
    world.card = card(ec(Nid::BRAINPOOL_P256R1));
    assert_eq!(world.refusal_of(|_| {}).await, NOT_ALLOWED);

    // The German profile does, which does not let a French card sign with it.
    let mut german = German::new().await;
    german.world.card = card(ec(Nid::BRAINPOOL_P256R1));
    assert_eq!(german.world.refusal_of(|_| {}).await, NOT_LISTED);

    // Nor does the French profile let a German card sign with ES384.
    german.take(ec(Nid::SECP384R1));
    assert_eq!(german.world.refusal_of(|_| {}).await, NOT_LISTED);
}
