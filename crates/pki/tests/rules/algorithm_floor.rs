//! Keys and digests below the floor.

use crate::authority::{Authority, NOW, key_on, p256, rsa};
use crate::card::{Baseline, doctor};
use crate::path::{code, with_card, with_issuing};
use cardea_pki::{Certificate, PathPolicy, TrustStore, validate_path};
use openssl::bn::{BigNum, BigNumContext, BigNumRef, MsbOption};
use openssl::ec::{Asn1Flag, EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::hash::{MessageDigest, hash};
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use x509_cert::certificate::CertificateInner;
use x509_cert::der::Encode;
use x509_cert::der::asn1::BitString;

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
    let issue_with = |key: &PKey<Private>| {
        let issuing = baseline.root.subordinate_with_key("CN=AUTRE AC,C=FR", key);
        let card = doctor(&issuing, &baseline.card_key);
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

fn rsa_public(modulus: &BigNumRef, exponent: &BigNumRef) -> Vec<u8> {
    let (modulus, exponent) = (modulus.to_owned().unwrap(), exponent.to_owned().unwrap());
    let key = Rsa::from_public_components(modulus, exponent).unwrap();
    key.public_key_to_der().unwrap()
}

#[test]
fn rsa_exponents_are_odd_and_short() {
    let key = Rsa::generate(2048).unwrap();
    let with_bit = |bit| {
        let mut exponent = BigNum::from_u32(1).unwrap();
        exponent.set_bit(bit).unwrap();
        exponent
    };
    let refused = Err("pki.key_refused");
    for (name, exponent, expected) in [
        ("65537", BigNum::from_u32(65_537).unwrap(), Ok(())),
        ("64 bits", with_bit(63), Ok(())),
        ("65 bits", with_bit(64), refused),
        ("2000 bits", with_bit(1999), refused),
        ("even", BigNum::from_u32(65_538).unwrap(), refused),
    ] {
        let spki = rsa_public(key.n(), &exponent);
        assert_eq!(
            with_card(|card| card.raw_key(&spki)),
            expected,
            "{name}: {exponent}"
        );
    }
}

/// A key whose public exponent is as long as its modulus, so that checking a signature takes as
/// long as making one.
fn long_exponent_key() -> PKey<Private> {
    let key = Rsa::generate(3072).unwrap();
    let (p, q) = (key.p().unwrap(), key.q().unwrap());
    let one = BigNum::from_u32(1).unwrap();
    let (below_p, below_q) = (p - &one, q - &one);
    let order = &below_p * &below_q;
    let mut context = BigNumContext::new().unwrap();
    let (exponent, secret) = loop {
        let mut exponent = BigNum::new().unwrap();
        exponent.rand(3070, MsbOption::ONE, true).unwrap();
        let mut secret = BigNum::new().unwrap();
        if secret.mod_inverse(&exponent, &order, &mut context).is_ok() {
            break (exponent, secret);
        }
    };
    let owned = |number: &BigNumRef| number.to_owned().unwrap();
    let rsa = Rsa::from_private_components(
        owned(key.n()),
        exponent,
        owned(&secret),
        owned(p),
        owned(q),
        &secret % &below_p,
        &secret % &below_q,
        owned(key.iqmp().unwrap()),
    );
    PKey::from_rsa(rsa.unwrap()).unwrap()
}

/// Certificates that a stranger brings along, each signed by the next: nothing is verified with
/// their keys.
/// Attack A25.
#[test]
fn a_chain_of_slow_keys_is_refused_before_it_is_used() {
    let baseline = Baseline::new();
    let key = long_exponent_key();
    let mut authorities = vec![Authority::root("CN=S0,C=FR")];
    authorities[0].key = key.clone();
    for depth in 1..6 {
        let name = format!("CN=S{depth},C=FR");
        let next = authorities[depth - 1].subordinate_with_key(&name, &key);
        authorities.push(next);
    }
    let card = doctor(&authorities[5], &p256()).certificate();
    let extra: Vec<Certificate> = authorities[1..]
        .iter()
        .map(Authority::certificate)
        .collect();
    let policy = PathPolicy::login();
    let outcome = validate_path(&card, &extra, &baseline.store(), &policy, NOW);
    assert_eq!(code(outcome), Err("pki.key_refused"));
}

/// The bound of work is one of time: a slow curve counts for more.
#[test]
fn a_check_with_a_slow_key_counts_as_several() {
    let baseline = Baseline::new();
    let judge = |key: &PKey<Private>, signature_checks_max| {
        let issuing = baseline.root.subordinate_with_key("CN=AUTRE AC,C=FR", key);
        let card = doctor(&issuing, &baseline.card_key).certificate();
        let anchors = vec![baseline.root.certificate()];
        let store = TrustStore::new(anchors, vec![issuing.certificate()]);
        let policy = PathPolicy {
            signature_checks_max,
            ..PathPolicy::login()
        };
        code(validate_path(&card, &[], &store, &policy, NOW))
    };
    let exceeded = Err("pki.path_budget_exceeded");
    for (name, key, cost) in [
        ("P-256", p256(), 1),
        ("RSA 2048", rsa(2048), 1),
        ("brainpoolP256r1", key_on(Nid::BRAINPOOL_P256R1), 2),
        ("brainpoolP512r1", key_on(Nid::BRAINPOOL_P512R1), 5),
        ("P-384", key_on(Nid::SECP384R1), 5),
    ] {
        // The root's own check comes on top.
        assert_eq!(judge(&key, cost + 1), Ok(()), "{name}");
        assert_eq!(judge(&key, cost), exceeded, "{name}");
    }
}

/// CVE-2017-15361: the modulus is a power of 65537 modulo every small prime.
#[test]
fn a_key_that_can_be_factored_is_refused() {
    let mut modulus = BigNum::from_u32(2).unwrap();
    for prime in [
        11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157,
    ] {
        modulus.mul_word(prime).unwrap();
    }
    while modulus.num_bits() < 2048 {
        modulus.mul_word(u32::from(u16::MAX)).unwrap();
    }
    modulus.add_word(1).unwrap();
    let exponent = BigNum::from_u32(65_537).unwrap();
    let refused = with_card(|card| card.raw_key(&rsa_public(&modulus, &exponent)));
    assert_eq!(refused, Err("pki.key_refused"));
    modulus.add_word(2).unwrap();
    let other = with_card(|card| card.raw_key(&rsa_public(&modulus, &exponent)));
    assert_eq!(other, Ok(()));
}

/// With a key that is nothing, `u2 * key` adds nothing to a check: `r` and `s` are free to choose
/// (SEC 1 section 4.1.4).
/// Attack A25.
#[test]
fn a_key_at_infinity_is_refused_and_its_forgeries_with_it() {
    let at_infinity = BitString::from_bytes(&[0]).unwrap();
    let own = with_card(|card| {
        card.tbs.subject_public_key_info.subject_public_key = at_infinity.clone();
    });
    assert_eq!(own, Err("pki.key_refused"));

    let mut baseline = Baseline::new();
    let key_info = &mut baseline.issuing.draft.tbs.subject_public_key_info;
    key_info.subject_public_key = at_infinity.clone();
    let tbs = baseline.card.tbs.clone();
    let message = hash(MessageDigest::sha256(), &tbs.to_der().unwrap()).unwrap();
    let generator = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296";
    let forgery = EcdsaSig::from_private_components(
        BigNum::from_hex_str(generator).unwrap(),
        BigNum::from_slice(&message).unwrap(),
    );
    let card = CertificateInner {
        signature_algorithm: tbs.signature.clone(),
        signature: BitString::from_bytes(&forgery.unwrap().to_der().unwrap()).unwrap(),
        tbs_certificate: tbs,
    };
    let card = Certificate::parse(&card.to_der().unwrap()).unwrap();
    let outcome = validate_path(&card, &[], &baseline.store(), &PathPolicy::login(), NOW);
    assert_eq!(code(outcome), Err("pki.key_refused"));
}
