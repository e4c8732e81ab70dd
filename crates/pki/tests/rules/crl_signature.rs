//! Signatures on lists: they are checked after the list's bytes are gone.

use crate::authority::{extension, oid, p256, rsa, sign};
use crate::card::{Baseline, doctor};
use crate::evidence::check;
use crate::list::ListDraft;
use cardea_pki::revocation::Crl;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Padding;
use openssl::sign::{RsaPssSaltlen, Signer};
use x509_cert::crl::CertificateList;
use x509_cert::der::asn1::{Any, BitString, OctetString};
use x509_cert::der::{Decode, Encode};
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::AlgorithmIdentifierOwned;

const UNKNOWN: Result<(), &str> = Err("pki.revocation_unknown");

/// The baseline with an issuing authority that has this key.
fn issued_with(key: &PKey<Private>) -> Baseline {
    let mut baseline = Baseline::new();
    let name = baseline.issuing.name().to_string();
    baseline.issuing = baseline.root.subordinate_with_key(&name, key);
    baseline.card = doctor(&baseline.issuing, &baseline.card_key);
    baseline
}

fn judge(baseline: &Baseline, list: Vec<u8>) -> Result<(), &'static str> {
    let list = Crl::parse(&list).map_err(|error| error.code())?;
    check(baseline, vec![list, ListDraft::of(&baseline.root).crl()])
}

#[test]
fn each_kind_of_key_signs_lists() {
    let p384 = crate::authority::key_on(Nid::SECP384R1);
    let ed25519 = PKey::generate_ed25519().expect("a key");
    for (what, key) in [
        ("P-256", p256()),
        ("P-384", p384),
        ("RSA", rsa(2048)),
        ("Ed25519", ed25519),
    ] {
        let baseline = issued_with(&key);
        let list = ListDraft::of(&baseline.issuing);
        assert_eq!(judge(&baseline, list.der()), Ok(()), "{what}");
        let mut der = list.der();
        let last = der.len() - 1;
        der[last] ^= 1;
        assert_eq!(judge(&baseline, der), UNKNOWN, "{what}, one bit changed");
    }
}

/// RSASSA-PSS with SHA-256, MGF1 with SHA-256 and a salt of so many octets.
fn pss_algorithm(salt_octets: u8) -> AlgorithmIdentifierOwned {
    let sha256 = [0x30, 0x0b, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
    let mgf1 = [
        0x30, 0x18, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 8,
    ];
    let parameters = [
        &[0x30, 0x30, 0xa0, 0x0d][..],
        &sha256,
        &[0xa1, 0x1a],
        &mgf1,
        &sha256,
        &[0xa2, 3, 2, 1, salt_octets],
    ];
    AlgorithmIdentifierOwned {
        oid: oid("1.2.840.113549.1.1.10"),
        parameters: Some(Any::from_der(&parameters.concat()).expect("DER")),
    }
}

fn pss_list(baseline: &Baseline, stated_salt: u8, salt: i32) -> Vec<u8> {
    let mut tbs = ListDraft::of(&baseline.issuing).tbs;
    tbs.signature = pss_algorithm(stated_salt);
    let mut signer = Signer::new(MessageDigest::sha256(), &baseline.issuing.key).expect("RSA");
    signer.set_rsa_padding(Padding::PKCS1_PSS).expect("PSS");
    signer
        .set_rsa_mgf1_md(MessageDigest::sha256())
        .expect("PSS");
    let salt = RsaPssSaltlen::custom(salt);
    signer.set_rsa_pss_saltlen(salt).expect("PSS");
    let signature = signer.sign_oneshot_to_vec(&tbs.to_der().expect("DER"));
    let list = CertificateList {
        signature_algorithm: tbs.signature.clone(),
        tbs_cert_list: tbs,
        signature: BitString::from_bytes(&signature.expect("a signature")).expect("bits"),
    };
    list.to_der().expect("DER")
}

#[test]
fn a_pss_signature_has_the_salt_that_it_states() {
    let baseline = issued_with(&rsa(2048));
    assert_eq!(judge(&baseline, pss_list(&baseline, 32, 32)), Ok(()));
    assert_eq!(judge(&baseline, pss_list(&baseline, 20, 32)), UNKNOWN);
    // The same key's signature under the older padding is none under this one.
    let mut tbs = ListDraft::of(&baseline.issuing).tbs;
    tbs.signature = pss_algorithm(32);
    let signed = tbs.to_der().expect("DER");
    let list = CertificateList {
        signature_algorithm: tbs.signature.clone(),
        tbs_cert_list: tbs,
        signature: sign(&baseline.issuing.key, MessageDigest::sha256(), &signed),
    };
    let list = list.to_der().expect("DER");
    assert_eq!(judge(&baseline, list), UNKNOWN);
}

/// Ed25519 signs no digest, so the whole list would have to be kept.
#[test]
fn a_long_list_needs_an_algorithm_that_signs_a_digest() {
    let padded = |key: &PKey<Private>| {
        let baseline = issued_with(key);
        let mut list = ListDraft::of(&baseline.issuing);
        let padding = OctetString::new(vec![0; 1024 * 1024]).expect("octets");
        list.set(extension("1.2.3.4", false, &padding));
        judge(&baseline, list.der())
    };
    assert_eq!(padded(&p256()), Ok(()));
    let ed25519 = PKey::generate_ed25519().expect("a key");
    assert_eq!(padded(&ed25519), Err("pki.crl_malformed"));
}

/// A list of ten thousand entries in no order, each of which is found.
#[test]
fn every_entry_of_a_long_list_is_found() {
    let mut baseline = Baseline::new();
    let serial = |number: u32| {
        // An odd factor visits every number once, in no order.
        let octets = number.wrapping_mul(0x9e37_79b1).to_be_bytes();
        SerialNumber::new(&[&[1][..], &octets].concat()).expect("a number")
    };
    let mut list = ListDraft::of(&baseline.issuing);
    (0..10_000).for_each(|number| list.entry(&serial(number), None));
    let list = list.crl();
    assert_eq!(list.entries_count(), 10_000);
    let mut is_listed = |number| {
        baseline.card.tbs.serial_number = serial(number);
        list.has_entry_for(&baseline.card.certificate())
            .expect("comparable names")
    };
    for number in (0..10_000).step_by(97).chain([9_999]) {
        assert!(is_listed(number), "{number}");
        assert!(!is_listed(number + 10_000), "{number}");
    }
}
