//! Which algorithm fits which card key: one pair accepted each, every other pair refused
//! (attack C8).

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use cardea_assertion::{
    AssertionClaims, CARD_ALGORITHMS, Confirmation, Error, SigningInput, UnverifiedAssertion,
    UserVerification, VerifiedAssertion,
};
use cardea_jose::Algorithm;
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::{Padding, Rsa};
use openssl::sign::{RsaPssSaltlen, Signer};

const EVERY: [Algorithm; 5] = [
    Algorithm::Rs256,
    Algorithm::Ps256,
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::Bp256r1,
];

fn ec(curve: Nid) -> PKey<Private> {
    let group = EcGroup::from_curve_name(curve).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn rsa() -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()
}

/// An assertion that names `named`, with a signature that really is by the key, hashed as `hash`.
fn assertion(named: Algorithm, key: &PKey<Private>, hash: MessageDigest, pss: bool) -> String {
    let claims = AssertionClaims {
        aud: "https://id.example.fr".to_owned(),
        origin: "https://id.example.fr".to_owned(),
        client_id: "portal".to_owned(),
        challenge: "c".repeat(43),
        nonce: "n".repeat(43),
        jti: "j".repeat(22),
        iat: 1_000_001,
        card_serial: "0042".to_owned(),
        uv: UserVerification::Now,
        cnf: Confirmation {
            jkt: "p".repeat(43),
        },
        instance_jkt: "i".repeat(43),
    };
    let input = SigningInput::new(named, &[b"leaf"], &claims).unwrap();
    let mut signer = Signer::new(hash, key).unwrap();
    if pss {
        signer.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
        signer
            .set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)
            .unwrap();
    }
    let mut signature = signer.sign_oneshot_to_vec(input.as_bytes()).unwrap();
    if let Ok(key) = key.ec_key() {
        let bytes = i32::try_from(key.group().degree().div_ceil(8)).unwrap();
        let parts = EcdsaSig::from_der(&signature).unwrap();
        signature = parts.r().to_vec_padded(bytes).unwrap();
        signature.extend(parts.s().to_vec_padded(bytes).unwrap());
    }
    input.into_assertion(&signature)
}

fn verify(
    text: &str,
    key: &PKey<Private>,
    allowed: &[Algorithm],
) -> Result<VerifiedAssertion, Error> {
    let der = key.public_key_to_der().unwrap();
    UnverifiedAssertion::parse(text)?.verify(PKey::public_key_from_der(&der).unwrap(), allowed)
}

#[test]
fn each_key_signs_with_its_own_algorithms_and_no_other() {
    let sha256 = MessageDigest::sha256();
    let keys = [
        (rsa(), sha256, [Algorithm::Rs256].as_slice(), false),
        (rsa(), sha256, &[Algorithm::Ps256], true),
        (
            ec(Nid::X9_62_PRIME256V1),
            sha256,
            &[Algorithm::Es256],
            false,
        ),
        (
            ec(Nid::SECP384R1),
            MessageDigest::sha384(),
            &[Algorithm::Es384],
            false,
        ),
        (
            ec(Nid::BRAINPOOL_P256R1),
            sha256,
            &[Algorithm::Bp256r1],
            false,
        ),
        (ec(Nid::SECP256K1), sha256, &[], false),
        (
            ec(Nid::BRAINPOOL_P384R1),
            MessageDigest::sha384(),
            &[],
            false,
        ),
        (ec(Nid::SECP521R1), MessageDigest::sha512(), &[], false),
    ];
    for (key, hash, own, pss) in keys {
        for named in EVERY {
            let text = assertion(named, &key, hash, pss);
            let outcome = verify(&text, &key, &EVERY);
            if own.contains(&named) {
                assert_eq!(outcome.unwrap().algorithm(), named);
                continue;
            }
            // RS256 and PS256 belong to the same keys: there the signature itself is wrong.
            let both_rsa = own
                .iter()
                .chain([&named])
                .all(|algorithm| matches!(algorithm, Algorithm::Rs256 | Algorithm::Ps256));
            let code = match own {
                [_] if both_rsa => "assertion.signature_invalid",
                _ => "jose.algorithm_not_allowed",
            };
            assert_eq!(
                outcome.unwrap_err().code(),
                code,
                "{named:?} by {:?}",
                key.id()
            );
        }
    }
}

#[test]
fn the_right_curve_with_the_wrong_hash_is_refused() {
    let cases = [
        (
            Algorithm::Es256,
            Nid::X9_62_PRIME256V1,
            MessageDigest::sha384(),
        ),
        (Algorithm::Es384, Nid::SECP384R1, MessageDigest::sha256()),
        (
            Algorithm::Bp256r1,
            Nid::BRAINPOOL_P256R1,
            MessageDigest::sha384(),
        ),
    ];
    for (named, curve, hash) in cases {
        let key = ec(curve);
        let refusal = verify(&assertion(named, &key, hash, false), &key, &EVERY).unwrap_err();
        assert_eq!(refusal.code(), "assertion.signature_invalid", "{named:?}");
    }
}

#[test]
fn an_algorithm_that_is_not_allowed_is_refused_although_it_fits() {
    let key = ec(Nid::BRAINPOOL_P256R1);
    let text = assertion(Algorithm::Bp256r1, &key, MessageDigest::sha256(), false);
    assert!(verify(&text, &key, &[Algorithm::Bp256r1]).is_ok());
    let refusal = verify(&text, &key, &CARD_ALGORITHMS).unwrap_err();
    assert_eq!(refusal.code(), "jose.algorithm_not_allowed");

    let key = rsa();
    let text = assertion(Algorithm::Ps256, &key, MessageDigest::sha256(), true);
    assert!(verify(&text, &key, &CARD_ALGORITHMS).is_ok());
    let refusal = verify(&text, &key, &[Algorithm::Rs256]).unwrap_err();
    assert_eq!(refusal.code(), "jose.algorithm_not_allowed");
}

#[test]
fn a_card_has_no_edwards_key() {
    let key = PKey::generate_ed25519().unwrap();
    let text = assertion(
        Algorithm::EdDsa,
        &ec(Nid::X9_62_PRIME256V1),
        MessageDigest::sha256(),
        false,
    );
    let refusal = verify(&text, &key, &[Algorithm::EdDsa]).unwrap_err();
    assert_eq!(refusal.code(), "jose.algorithm_not_allowed");
}

#[test]
fn names_outside_the_closed_list_do_not_parse() {
    use base64::Engine as _;
    let key = ec(Nid::X9_62_PRIME256V1);
    let text = assertion(Algorithm::Es256, &key, MessageDigest::sha256(), false);
    let (header, rest) = text.split_once('.').unwrap();
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let header = String::from_utf8(engine.decode(header).unwrap()).unwrap();
    for name in [
        "none", "HS256", "RS1", "RS512", "ES256K", "ES512", "BP384R1", "bp256r1", "",
    ] {
        let changed = header.replace("\"ES256\"", &format!("\"{name}\""));
        let text = format!("{}.{rest}", engine.encode(changed));
        let refusal = UnverifiedAssertion::parse(&text).unwrap_err();
        assert_eq!(refusal.code(), "jose.algorithm_not_allowed", "{name}");
    }
}
