//! Test PKI against production, and look-alike names: cards are anchored by key.

use crate::authority::Authority;
use crate::card::{Baseline, certificate_kind};
use cardea_pki::profile::{Profile, ProfilePolicy};
use cardea_pki::{Certificate, PathPolicy, TrustStore, validate_path};
use cardea_test_pki::{CardProfile, KeyKind, TestPki};

fn parse(list: Vec<Vec<u8>>) -> Vec<Certificate> {
    list.iter()
        .map(|der| Certificate::parse(der).unwrap())
        .collect()
}

fn store(pki: &TestPki) -> TrustStore {
    TrustStore::new(
        parse(pki.card_anchors_der()),
        parse(pki.intermediates_der()),
    )
}

/// Attack A9. Two PKIs of the same names: only their keys tell a test card from a real one, even
/// when its issuer leaves the test mark out.
#[test]
fn a_card_of_the_test_pki_is_no_card_in_production_whatever_it_says() {
    let production = TestPki::fast(TestPki::SHARED_AT).unwrap();
    let test = TestPki::shared().unwrap();
    let profile = CardProfile::doctor().with_key(KeyKind::P256);
    let unmarked = |pki: &TestPki| {
        let card = pki.issue_card_with(&profile, pki.at(), |spec| {
            spec.certificate_kind = Some(0);
        });
        Certificate::parse(&card.unwrap().authentication.der).unwrap()
    };
    let cps = Profile::builtin("cps").unwrap();
    let code = |card: Certificate| {
        let policy = PathPolicy::login();
        let path = validate_path(&card, &[], &store(&production), &policy, production.at())
            .map_err(|error| error.code())?;
        cps.identify(&path, &ProfilePolicy::production())
            .map(|identity| identity.subject_id)
            .map_err(|error| error.code())
    };
    assert_eq!(code(unmarked(&production)), Ok("899700000011".to_owned()));
    assert_eq!(code(unmarked(test)), Err("pki.untrusted_anchor"));
}

/// The first letter is Cyrillic; to a person both names look the same.
/// Attack A17, of an authority.
#[test]
fn a_look_alike_authority_gains_nothing_and_a_trusted_one_loses_nothing() {
    const LATIN: &str = "CN=AC ESSAI PERSONNES,O=ESSAI,C=FR";
    const CYRILLIC: &str = "CN=\u{410}C ESSAI PERSONNES,O=ESSAI,C=FR";
    let cps = Profile::builtin("cps").unwrap();
    let code = |baseline: &Baseline, store: &TrustStore| {
        let card = Certificate::parse(&baseline.card.der()).unwrap();
        let policy = PathPolicy::login();
        let path = validate_path(&card, &[], store, &policy, crate::authority::NOW)
            .map_err(|error| error.code())?;
        cps.identify(&path, &ProfilePolicy::production())
            .map(|_| ())
            .map_err(|error| error.code())
    };
    for (name, issuer, trusted, expected) in [
        (
            "a stranger's look-alike",
            CYRILLIC,
            false,
            Err("pki.untrusted_anchor"),
        ),
        (
            "a stranger of the same name",
            LATIN,
            false,
            Err("pki.untrusted_anchor"),
        ),
        (
            "an authority that has such a name by right",
            CYRILLIC,
            true,
            Ok(()),
        ),
    ] {
        let own = Baseline::new();
        let stranger = Authority::root("CN=AC RACINE ESSAI,O=ESSAI,C=FR");
        let mut baseline = Baseline::new();
        baseline.root = if trusted { own.root.clone() } else { stranger };
        baseline.issuing = baseline.root.subordinate(issuer);
        baseline.card = crate::card::doctor(&baseline.issuing, &baseline.card_key);
        baseline.card.set(certificate_kind(0));
        let store = TrustStore::new(
            vec![own.root.certificate()],
            vec![own.issuing.certificate(), baseline.issuing.certificate()],
        );
        assert_eq!(code(&baseline, &store), expected, "{name}");
    }
}
