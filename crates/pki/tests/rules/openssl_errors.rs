//! What OpenSSL noted while it refused something stays on the thread's list unless it is taken
//! away, and then closes the connection of somebody else that is read next on that thread.

use crate::authority::{SUBJECT_KEY_IDENTIFIER, key_on, p256, raw_extension, rsa};
use crate::card::{Baseline, doctor};
use cardea_pki::{Certificate, ExpectedSubject};
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::x509::X509;

/// Asked after each judgement that the tests of paths and of evidence have made.
pub(crate) fn assert_none() {
    let left = ErrorStack::get();
    assert!(left.errors().is_empty(), "{left:?}");
}

/// What the other tests are worth: OpenSSL does leave something behind.
#[test]
fn openssl_itself_leaves_its_notes_behind() {
    let baseline = Baseline::new();
    let card = X509::from_der(&baseline.card.der()).expect("a certificate");
    let verified = card.verify(&p256()).expect("an answer");
    assert!(!verified && !ErrorStack::get().errors().is_empty());
}

#[test]
fn a_forged_signature_leaves_nothing_behind_whatever_the_key() {
    let keys = [
        p256(),
        key_on(Nid::SECP384R1),
        rsa(2048),
        PKey::generate_ed25519().expect("a key"),
    ];
    for key in keys {
        let mut baseline = Baseline::new();
        let named = baseline.issuing.name().to_string();
        baseline.issuing = baseline.root.subordinate_with_key(&named, &key);
        let mut forger = baseline.root.subordinate_with_key(&named, &p256());
        forger.draft.remove(SUBJECT_KEY_IDENTIFIER);
        baseline.card = doctor(&forger, &baseline.card_key);
        let refused = baseline.validate().map(drop).map_err(|error| error.code());
        assert_eq!(refused, Err("pki.untrusted_anchor"));
        assert_none();
        let mut der = doctor(&baseline.issuing, &baseline.card_key).der();
        if let Some(last) = der.last_mut() {
            *last ^= 1;
        }
        let forged = Certificate::parse(&der).expect("it is well formed");
        let (store, at) = (baseline.store(), crate::authority::NOW);
        let policy = cardea_pki::PathPolicy::login();
        assert!(cardea_pki::validate_path(&forged, &[], &store, &policy, at).is_err());
        assert_none();
    }
}

#[test]
fn names_that_cannot_be_read_leave_nothing_behind() {
    let mut baseline = Baseline::new();
    for value in [&[0x30, 0x03, 0x82, 0x05, 0x61][..], &[0x05, 0x00], &[0xff]] {
        baseline.card.set(raw_extension("2.5.29.17", false, value));
        // Whoever reads it or refuses it, nothing stays.
        if let Ok(certificate) = Certificate::parse(&baseline.card.der()) {
            let expected = ExpectedSubject::Dns("portal.example.test".to_owned());
            assert!(!expected.is_named_by(&certificate));
        }
        assert_none();
    }
}

#[test]
fn what_is_no_certificate_leaves_nothing_behind() {
    let der = Baseline::new().card.der();
    for cut in (0..der.len()).step_by(7) {
        let mut changed = der.clone();
        if let Some(byte) = changed.get_mut(cut) {
            *byte ^= 0x5a;
        }
        let _ = Certificate::parse(&changed);
        assert_none();
        let _ = Certificate::parse(der.get(..cut).unwrap_or_default());
        assert_none();
    }
    assert!(Certificate::parse_pem_bundle(b"-----BEGIN CERTIFICATE-----\nAAAA\n").is_err());
    assert_none();
    assert!(Certificate::parse_pem_bundle(b"nothing").is_err());
    assert_none();
}
