use openssl::pkey::PKey;

use super::{KEY_NAME_BYTES_MAX, KeyName, NoteSigner, SignatureKind, VerifierKey};

const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

#[test]
fn a_name_is_one_word() {
    for good in ["a", "log.example/2026", "caf\u{e9}"] {
        assert_eq!(KeyName::new(good).unwrap().as_str(), good);
    }
    let long = "a".repeat(KEY_NAME_BYTES_MAX + 1);
    for bad in ["", "a b", "a+b", "a\n", "a\u{2003}b", "a\u{7f}", &long] {
        let refused = KeyName::new(bad).unwrap_err();
        assert_eq!(refused.code(), "transparency.key_malformed", "{bad}");
    }
}

#[test]
fn a_key_is_written_in_one_way() {
    let key = VerifierKey::parse(KEY).unwrap();
    assert_eq!(key.to_string(), KEY);
    assert_eq!(key.kind(), SignatureKind::Ed25519);
    for bad in [
        "",
        "PeterNeumann",
        "PeterNeumann+c74f20a3",
        "PeterNeumann+c74f20a3+",
        // An id in capitals, of another key, too short.
        "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        // Another name, a kind that is none of ours, 31 and 33 bytes.
        "PeterNeuman+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10Q=",
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
    ] {
        let refused = VerifierKey::parse(bad).unwrap_err();
        assert_eq!(refused.code(), "transparency.key_malformed", "{bad}");
    }
}

#[test]
fn the_kind_is_part_of_the_id() {
    let name = KeyName::new("one.example").unwrap();
    let log = VerifierKey::new(name.clone(), SignatureKind::Ed25519, [1; 32]);
    let witness = VerifierKey::new(name, SignatureKind::Cosignature, [1; 32]);
    assert_ne!(log.id(), witness.id());
    assert_eq!(VerifierKey::parse(&witness.to_string()), Ok(witness));
}

#[test]
fn only_ed25519_signs_notes() {
    let name = KeyName::new("one.example").unwrap();
    let group = openssl::ec::EcGroup::from_curve_name(openssl::nid::Nid::X9_62_PRIME256V1);
    let key = openssl::ec::EcKey::generate(&group.unwrap()).unwrap();
    let key = PKey::from_ec_key(key).unwrap();
    let refused = NoteSigner::new(name, SignatureKind::Ed25519, key).unwrap_err();
    assert_eq!(refused.code(), "transparency.key_malformed");
}
