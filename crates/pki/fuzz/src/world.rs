//! The one authority, card and moment that mutated certificates, lists and answers are about.

use super::signing::{CARD_KEY, KEY};
use cardea_pki::{Certificate, PathPolicy, TrustStore, ValidatedPath, validate_path};
use cardea_test_pki::{
    Authority, AuthorityName, CardProfile, CertificateSpec, IssuedCertificate, KeyKind, Pointers,
    PublicationPoints, PublicationSettings, TestPki,
};
use std::collections::BTreeMap;
use std::sync::LazyLock;
use time::OffsetDateTime;

/// The present.
pub const AT: OffsetDateTime = TestPki::SHARED_AT;
/// The serial number of the card that lists and answers are asked about.
pub const SERIAL: [u8; 16] = [0x4c, 0xff, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13];

/// Two issuing authorities as anchors of their own, both with the key that everybody knows.
pub static PKI: LazyLock<TestPki> = LazyLock::new(|| {
    let names = [
        AuthorityName::FORT_PERSONNES,
        AuthorityName::STANDARD_PERSONNES,
    ];
    let authority = |name: AuthorityName| {
        let mut spec = CertificateSpec::authority(name, name.subject(), AT);
        spec.pointers = Pointers::None;
        spec.serial = Some(vec![0x11; 16]);
        let points = PublicationPoints::new(name, &PublicationSettings::default());
        let made = Authority::self_signed(&spec, KEY.clone(), points).expect("a good recipe");
        (name, made)
    };
    let authorities: BTreeMap<_, _> = names.into_iter().map(authority).collect();
    TestPki::restore(authorities, AT)
});

/// The anchors alone.
pub static STORE: LazyLock<TrustStore> = LazyLock::new(|| {
    let anchors = PKI.intermediates_der();
    let parse = |der: &Vec<u8>| Certificate::parse(der).expect("a good certificate");
    TrustStore::new(anchors.iter().map(parse).collect(), Vec::new())
});

/// The card that lists and answers are asked about.
pub static CARD: LazyLock<IssuedCertificate> =
    LazyLock::new(|| issue(&profile(CardProfile::doctor()), |_| {}));

/// The path of [`CARD`].
pub static CARD_PATH: LazyLock<ValidatedPath> = LazyLock::new(|| {
    let card = Certificate::parse(&CARD.der).expect("a good certificate");
    validate_path(&card, &[], &STORE, &PathPolicy::login(), AT).expect("a good path")
});

/// A holder whose card is the same each time.
pub fn profile(holder: CardProfile) -> CardProfile {
    holder
        .with_key(KeyKind::P256)
        .with_card_number("9999000001/2600000001")
}

/// The authentication certificate of `holder`, changed before it is issued.
pub fn issue(holder: &CardProfile, change: impl Fn(&mut CertificateSpec)) -> IssuedCertificate {
    let mut spec = holder.authentication(AT).expect("a good recipe");
    change(&mut spec);
    issue_spec(spec)
}

/// Issues `spec` with [`SERIAL`], unless it has a serial number of its own, and a known key.
pub fn issue_spec(mut spec: CertificateSpec) -> IssuedCertificate {
    spec.serial.get_or_insert(SERIAL.to_vec());
    let issuer = PKI.authority(spec.issuer).expect("one of the two");
    issuer
        .issue_with_key(&spec, CARD_KEY.clone())
        .expect("a good recipe")
}
