//! The form of a list: one strict DER value with nothing stepped over.

use crate::authority::{NOW, extension, raw_extension};
use crate::card::{Baseline, url};
use crate::evidence::check;
use crate::list::{ListDraft, base_number, number};
use cardea_pki::revocation::Crl;
use openssl::hash::MessageDigest;
use time::Duration;
use x509_cert::certificate::Version;
use x509_cert::der::asn1::{Any, BitString};
use x509_cert::der::{Decode, Encode, Reader, SliceReader};
use x509_cert::ext::pkix::CrlDistributionPoints;
use x509_cert::ext::pkix::crl::CrlReason;
use x509_cert::ext::pkix::crl::dp::DistributionPoint;
use x509_cert::ext::pkix::name::DistributionPointName;
use x509_cert::serial_number::SerialNumber;

#[test]
fn bytes_that_are_not_one_der_list_are_refused() {
    let mut list = ListDraft::of(&Baseline::new().issuing);
    list.revoke(&SerialNumber::new(&[9]).unwrap(), None);
    let der = list.der();
    let changed = |change: &dyn Fn(&mut ListDraft)| {
        let mut list = list.clone();
        change(&mut list);
        list.der()
    };
    let repeated = changed(&|list| list.tbs.crl_extensions = Some(vec![number(1), number(2)]));
    let two_algorithms = changed(&|list| list.digest = MessageDigest::sha384());
    let long_form = {
        // The outer header is 30 82 hh ll.
        let mut bytes = der.clone();
        bytes.splice(1..2, [0x83, 0]);
        bytes
    };
    for (name, bytes) in [
        ("nothing", Vec::new()),
        ("a page", b"<html></html>".to_vec()),
        ("cut short", der[..der.len() - 1].to_vec()),
        ("a byte after it", [der.as_slice(), &[0]].concat()),
        ("long form of a long length", long_form),
        ("a certificate", Baseline::new().card.der()),
        ("a repeated extension", repeated),
        ("two signature algorithms", two_algorithms),
    ] {
        let code = Crl::parse(&bytes).expect_err(name).code();
        assert_eq!(code, "pki.crl_malformed", "{name}");
    }
    let parsed = Crl::parse(&der).expect("a list");
    assert_eq!(parsed.entries_count(), 1);
    assert_eq!(
        parsed.number().map(|number| number.as_be_bytes().to_vec()),
        Some(vec![100])
    );
    assert_eq!(parsed.this_update(), NOW - Duration::HOUR);
}

/// A list with one entry, which a test then changes.
fn listing() -> ListDraft {
    let mut list = ListDraft::of(&Baseline::new().issuing);
    list.revoke(
        &SerialNumber::new(&[9]).unwrap(),
        Some(CrlReason::Superseded),
    );
    list
}

fn is_readable(der: &[u8]) -> bool {
    match Crl::parse(der).map_err(|error| error.code()) {
        Ok(_) => true,
        Err("pki.crl_malformed") => false,
        Err(other) => panic!("{other}"),
    }
}

/// Each deviation inside an entry, where one parser might stop and another go on.
#[test]
fn nothing_inside_an_entry_is_stepped_over() {
    let der = listing().der();
    let patched = |from: &[u8], to: &[u8]| {
        let mut der = der.clone();
        let place = der.windows(from.len()).position(|window| window == from);
        der[place.expect("the bytes")..][..to.len()].copy_from_slice(to);
        der
    };
    // INTEGER 9 and a GeneralizedTime.
    let date = b"\x02\x01\x09\x18\x0f20250530120000Z";
    let with_date = |text: &[u8; 15]| patched(date, &[&date[..5], text].concat());
    for (what, der, expected) in [
        ("as it is", der.clone(), true),
        ("the same date", with_date(b"20250530120000Z"), true),
        ("a month 13", with_date(b"20251330120000Z"), false),
        ("a local time", with_date(b"2025053012+0100"), false),
        (
            "a shorter date",
            patched(date, b"\x02\x01\x09\x18\x0e"),
            false,
        ),
        ("another tag", patched(date, b"\x04\x01\x09"), false),
        ("an empty number", patched(date, b"\x02\x00\x09"), false),
    ] {
        assert_eq!(is_readable(&der), expected, "{what}");
    }
}

#[test]
fn nothing_inside_an_entrys_extensions_is_stepped_over() {
    let reason = |value: &[u8]| raw_extension("2.5.29.21", false, value);
    let invalidity = |value: &[u8]| raw_extension("2.5.29.24", false, value);
    for (what, extensions, expected) in [
        ("a known reason", vec![reason(&[10, 1, 4])], true),
        ("an unknown reason", vec![reason(&[10, 1, 77])], true),
        ("two octets", vec![reason(&[10, 2, 0, 4])], false),
        ("an INTEGER", vec![reason(&[2, 1, 4])], false),
        ("bytes behind", vec![reason(&[10, 1, 4, 0])], false),
        (
            "two reasons",
            vec![reason(&[10, 1, 4]), reason(&[10, 1, 8])],
            false,
        ),
        ("a date", vec![invalidity(b"\x18\x0f20250530120000Z")], true),
        ("no date", vec![invalidity(b"\x18\x01Z")], false),
    ] {
        let mut list = listing();
        list.entry(&SerialNumber::new(&[8]).unwrap(), Some(extensions));
        assert_eq!(is_readable(&list.der()), expected, "{what}");
    }
}

#[test]
fn nothing_inside_a_lists_extensions_is_stepped_over() {
    for (what, oid, value, expected) in [
        ("a number", "2.5.29.20", &[2, 1, 7][..], true),
        ("a negative number", "2.5.29.20", &[2, 1, 0xff], false),
        ("a number of no form", "2.5.29.20", &[4, 1, 7], false),
        ("a scope of no form", "2.5.29.28", &[4, 0], false),
        ("a base of no form", "2.5.29.27", &[5, 0], false),
        ("points of no form", "2.5.29.46", &[5, 0], false),
        ("a key of no form", "2.5.29.35", &[5, 0], false),
        ("what nobody knows", "1.2.3.4", &[5, 0], true),
    ] {
        let mut list = listing();
        list.set(raw_extension(oid, false, value));
        assert_eq!(is_readable(&list.der()), expected, "{what}");
    }
    for version in [Version::V1, Version::V3] {
        let mut list = listing();
        list.tbs.version = version;
        assert!(!is_readable(&list.der()), "{version:?} with extensions");
    }
}

/// RFC 5280 section 5.1.2.1: a list of version 1 has no extensions, nor have its entries.
#[test]
fn a_list_of_version_1_has_no_extensions_anywhere() {
    let mut list = ListDraft::of(&Baseline::new().issuing);
    list.tbs.version = Version::V1;
    list.tbs.crl_extensions = None;
    list.entry(&SerialNumber::new(&[9]).unwrap(), None);
    // The draft writes a version even where it is the default, so it is taken out again.
    let parse = |list: &ListDraft| {
        let mut tbs = list.tbs.to_der().unwrap();
        let version = tbs
            .windows(3)
            .position(|window| window == [2, 1, 0])
            .unwrap();
        tbs.drain(version..version + 3);
        let shorter = SliceReader::new(&tbs)
            .unwrap()
            .peek_header()
            .unwrap()
            .length;
        let shorter = u32::try_from(usize::try_from(shorter).unwrap() - 3).unwrap();
        assert!(shorter < 256, "one length octet after 0x81");
        tbs[2] = u8::try_from(shorter).unwrap();
        let tbs = Any::from_der(&tbs).unwrap();
        let algorithm = Any::encode_from(&list.tbs.signature).unwrap();
        let signature = BitString::from_bytes(&[0; 64]).unwrap();
        let signature = Any::encode_from(&signature).unwrap();
        let whole = vec![tbs, algorithm, signature].to_der().unwrap();
        Crl::parse(&whole)
            .map(|list| list.entries_count())
            .map_err(|error| error.code())
    };
    assert_eq!(parse(&list), Ok(1));
    list.revoke(
        &SerialNumber::new(&[8]).unwrap(),
        Some(CrlReason::Superseded),
    );
    assert_eq!(parse(&list), Err("pki.crl_malformed"));
}

/// Serial numbers are numbers with a sign: 255 is not -1, and a longer one is another.
#[test]
fn serial_numbers_are_found_by_all_their_octets() {
    let outcome = |card: &[u8], listed: &[&[u8]]| {
        let mut baseline = Baseline::new();
        baseline.card.tbs.serial_number = SerialNumber::new(card).unwrap();
        let mut list = ListDraft::of(&baseline.issuing);
        for serial in listed {
            list.entry(&SerialNumber::new(serial).unwrap(), None);
        }
        let lists = [&list, &ListDraft::of(&baseline.root)];
        check(&baseline, lists.map(ListDraft::crl).to_vec())
    };
    const REVOKED: Result<(), &str> = Err("pki.certificate_revoked");
    let (long, longer) = ([0x11; 19], [0x11; 20]);
    for (what, card, listed, expected) in [
        ("one octet", &[0x7f][..], &[&[0x7f][..]][..], REVOKED),
        ("with the highest bit", &[0xff], &[&[0xff]], REVOKED),
        ("another", &[0xff], &[&[0x7f], &[0xfe], &[1, 0xff]], Ok(())),
        (
            "zeros behind",
            &[0x11],
            &[&[0x11, 0], &[0x11, 0, 0]],
            Ok(()),
        ),
        ("twenty octets", &longer, &[&[1], &longer], REVOKED),
        ("nineteen of twenty", &long, &[&longer], Ok(())),
        ("twenty for nineteen", &longer, &[&long], Ok(())),
        (
            "the first of many",
            &[1],
            &[&[1], &[2], &[3], &[4]],
            REVOKED,
        ),
        ("the last of many", &[4], &[&[1], &[3], &[2], &[4]], REVOKED),
        ("listed twice", &[4], &[&[4], &[4]], REVOKED),
    ] {
        assert_eq!(outcome(card, listed), expected, "{what}");
    }
}

/// Of two entries for one certificate the one that cannot be taken back counts.
#[test]
fn a_hold_beside_a_revocation_takes_nothing_back() {
    let outcome = |reasons: &[CrlReason]| {
        let baseline = Baseline::new();
        let mut older = ListDraft::of(&baseline.issuing);
        older.window(NOW - Duration::hours(5), Some(NOW + Duration::days(1)));
        for reason in reasons {
            older.revoke(&baseline.card.tbs.serial_number, Some(*reason));
        }
        assert_eq!(older.crl().entries_count(), reasons.len());
        let silent = ListDraft::of(&baseline.issuing);
        let lists = [&older, &silent, &ListDraft::of(&baseline.root)];
        check(&baseline, lists.map(ListDraft::crl).to_vec())
    };
    use CrlReason::{CertificateHold, KeyCompromise, RemoveFromCRL};
    const REVOKED: Result<(), &str> = Err("pki.certificate_revoked");
    assert_eq!(
        outcome(&[CertificateHold]),
        Ok(()),
        "lifted by the later list"
    );
    assert_eq!(outcome(&[CertificateHold, CertificateHold]), Ok(()));
    assert_eq!(outcome(&[CertificateHold, KeyCompromise]), REVOKED);
    assert_eq!(outcome(&[KeyCompromise, CertificateHold]), REVOKED);
    assert_eq!(outcome(&[KeyCompromise, RemoveFromCRL]), REVOKED);
}

#[test]
fn a_list_tells_what_is_in_it() {
    let mut list = ListDraft::of(&Baseline::new().issuing);
    let parsed = list.crl();
    assert_eq!(
        parsed.issuer().to_string(),
        "C=FR, O=ESSAI, CN=AC ESSAI PERSONNES"
    );
    assert!(!parsed.is_delta() && parsed.base_number().is_none());
    assert!(parsed.freshest_urls().is_empty());
    let address = "ldap://annuaire.test/cn=AC?deltarevocationlist;binary";
    let freshest = CrlDistributionPoints(vec![DistributionPoint {
        distribution_point: Some(DistributionPointName::FullName(vec![url(address)])),
        reasons: None,
        crl_issuer: None,
    }]);
    list.set(extension("2.5.29.46", false, &freshest));
    list.set(base_number(300));
    let parsed = list.crl();
    assert_eq!(parsed.freshest_urls(), [address]);
    let base = parsed
        .base_number()
        .map(|number| number.as_be_bytes().to_vec());
    assert_eq!((parsed.is_delta(), base), (true, Some(vec![1, 44])));
}
