//! Keys and digests below the floor.

use crate::authority::{NOW, key_on, rsa};
use crate::card::Baseline;
use crate::path::{code, with_card, with_issuing};
use cardea_pki::{PathPolicy, TrustStore, validate_path};
use openssl::bn::BigNum;
use openssl::ec::{Asn1Flag, EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;

#[test]
fn keys_below_the_floor_are_refused() {
    let (short, curve) = (Err("pki.rsa_key_too_short"), Err("pki.curve_refused"));
    let refused = Err("pki.key_refused");
    let small_exponent = Rsa::generate_with_e(2048, &BigNum::from_u32(3).unwrap()).unwrap();
    let cases = [
        ("RSA 2048", rsa(2048), Ok(())),
        ("P-384", key_on(Nid::SECP384R1), Ok(())),
        ("brainpoolP256r1", key_on(Nid::BRAINPOOL_P256R1), Ok(())),
        ("Ed25519", PKey::generate_ed25519().unwrap(), Ok(())),
        ("RSA 1024", rsa(1024), short),
        ("RSA 2047", rsa(2047), short),
        (
            "RSA exponent 3",
            PKey::from_rsa(small_exponent).unwrap(),
            refused,
        ),
        ("P-192", key_on(Nid::X9_62_PRIME192V1), curve),
        ("P-224", key_on(Nid::SECP224R1), curve),
        ("secp256k1", key_on(Nid::SECP256K1), curve),
        ("X25519", PKey::generate_x25519().unwrap(), refused),
    ];
    for (name, key, expected) in cases {
        assert_eq!(with_card(|card| card.key(&key)), expected, "{name}");
    }
}

/// CVE-2020-0601: a curve given by its parameters could be any curve.
#[test]
fn a_curve_given_by_parameters_is_refused() {
    let mut group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    group.set_asn1_flag(Asn1Flag::EXPLICIT_CURVE);
    let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    assert_eq!(with_card(|card| card.key(&key)), Err("pki.curve_refused"));
}

#[test]
fn a_weak_key_of_an_issuer_is_refused() {
    let baseline = Baseline::new();
    let issue_with = |key: &PKey<openssl::pkey::Private>| {
        let issuing = baseline.root.subordinate_with_key("CN=AUTRE AC,C=FR", key);
        let card = crate::card::doctor(&issuing, &baseline.card_key);
        let store = TrustStore::new(
            vec![baseline.root.certificate()],
            vec![issuing.certificate()],
        );
        code(validate_path(
            &card.certificate(),
            &[],
            &store,
            &PathPolicy::login(),
            NOW,
        ))
    };
    assert_eq!(issue_with(&rsa(2048)), Ok(()));
    assert_eq!(issue_with(&rsa(1024)), Err("pki.rsa_key_too_short"));
    assert_eq!(
        issue_with(&key_on(Nid::SECP224R1)),
        Err("pki.curve_refused")
    );
}

#[test]
fn digests_below_the_floor_are_refused() {
    let refused = Err("pki.signature_algorithm_sha1");
    for (name, outcome, expected) in [
        (
            "SHA-384",
            with_card(|card| card.digest(MessageDigest::sha384())),
            Ok(()),
        ),
        (
            "SHA-1 on the card",
            with_card(|card| card.digest(MessageDigest::sha1())),
            refused,
        ),
        (
            "SHA-1 on the issuer",
            with_issuing(|draft| draft.digest(MessageDigest::sha1())),
            refused,
        ),
    ] {
        assert_eq!(outcome, expected, "{name}");
    }
}

/// An anchor is trusted for its key, so how it signed itself does not matter.
#[test]
fn the_anchors_own_signature_is_not_judged() {
    let mut baseline = Baseline::new();
    baseline.root.draft.digest(MessageDigest::sha1());
    assert_eq!(code(baseline.validate()), Ok(()));
}
