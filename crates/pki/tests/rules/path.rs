//! Path validation: the baseline with one field of the card or of its issuer changed.

use crate::authority::{
    Authority, Draft, NOW, authority_constraints, extension, key_usage, name, p256, raw_extension,
    rsa, subject_key_identifier,
};
use crate::card::{Baseline, CARD_POLICY, CLIENT_AUTH, purposes};
use cardea_pki::{Certificate, Error, Oid, PathPolicy, Position, TrustStore, validate_path};
use openssl::hash::MessageDigest;
use time::Duration;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::KeyUsages;
use x509_cert::ext::pkix::constraints::name::{GeneralSubtree, NameConstraints};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::serial_number::SerialNumber;

/// The code of an outcome, for tables.
pub(crate) fn code(outcome: Result<impl Sized, Error>) -> Outcome {
    outcome.map(|_| ()).map_err(|error| error.code())
}

pub(crate) type Outcome = Result<(), &'static str>;

pub(crate) fn with_card(change: impl FnOnce(&mut Draft)) -> Outcome {
    let mut baseline = Baseline::new();
    change(&mut baseline.card);
    code(baseline.validate())
}

pub(crate) fn with_issuing(change: impl FnOnce(&mut Draft)) -> Outcome {
    code(Baseline::new().with_issuing(change).validate())
}

#[test]
fn the_baseline_is_valid_from_card_to_anchor() {
    let baseline = Baseline::new();
    let path = baseline.validate().expect("valid");
    assert_eq!(path.certificates().len(), 3);
    assert_eq!(
        path.end_entity().subject(),
        baseline.card.certificate().subject()
    );
    assert_eq!(
        path.anchor().subject(),
        baseline.root.certificate().subject()
    );
    assert_eq!(path.policies(), [Oid::parse(CARD_POLICY).unwrap()]);
    assert_eq!(path.validated_at(), NOW);
    assert_eq!(path.issued_pairs().count(), 2);
}

#[test]
fn validity_is_judged_to_the_second() {
    let (second, year) = (Duration::SECOND, Duration::days(365));
    for (name, outcome, expected) in [
        (
            "ends now",
            with_card(|card| card.valid_between(NOW - year, NOW)),
            Ok(()),
        ),
        (
            "ended a second ago",
            with_card(|card| card.valid_between(NOW - year, NOW - second)),
            Err("pki.certificate_expired"),
        ),
        (
            "begins now",
            with_card(|card| card.valid_between(NOW, NOW + year)),
            Ok(()),
        ),
        (
            "begins in a second",
            with_card(|card| card.valid_between(NOW + second, NOW + year)),
            Err("pki.certificate_not_yet_valid"),
        ),
        (
            "issuer ended a second ago",
            with_issuing(|draft| draft.valid_between(NOW - year, NOW - second)),
            Err("pki.certificate_expired"),
        ),
        (
            "issuer begins in a second",
            with_issuing(|draft| draft.valid_between(NOW + second, NOW + year)),
            Err("pki.certificate_not_yet_valid"),
        ),
    ] {
        assert_eq!(outcome, expected, "{name}");
    }
}

#[test]
fn an_expiry_says_whose_and_when() {
    let ended = NOW - Duration::SECOND;
    let mut baseline = Baseline::new();
    baseline.card.valid_between(NOW - Duration::days(1), ended);
    match baseline.validate() {
        Err(Error::CertificateExpired {
            position,
            not_after,
            at,
        }) => {
            assert_eq!((position, not_after, at), (Position::EndEntity, ended, NOW));
        }
        other => panic!("{other:?}"),
    }
    let issuing = |draft: &mut Draft| draft.valid_between(NOW - Duration::days(1), ended);
    match Baseline::new().with_issuing(issuing).validate() {
        Err(Error::CertificateExpired { position, .. }) => {
            assert_eq!(position, Position::Issuer(1));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn only_an_authentication_certificate_logs_in() {
    const SERVER_AUTH: &str = "1.3.6.1.5.5.7.3.1";
    const EMAIL_PROTECTION: &str = "1.3.6.1.5.5.7.3.4";
    const ANY_PURPOSE: &str = "2.5.29.37.0";
    const KEY_USAGE: Outcome = Err("pki.key_usage_wrong");
    const PURPOSE: Outcome = Err("pki.extended_key_usage_wrong");
    for (name, outcome, expected) in [
        (
            "client authentication alone",
            with_card(|card| card.set(purposes(&[CLIENT_AUTH]))),
            Ok(()),
        ),
        (
            "both usages on one key",
            with_card(|card| {
                card.set(key_usage(
                    KeyUsages::DigitalSignature | KeyUsages::NonRepudiation,
                ));
            }),
            Ok(()),
        ),
        (
            "the card's signature certificate",
            with_card(|card| {
                card.set(key_usage(KeyUsages::NonRepudiation));
                card.set(purposes(&[EMAIL_PROTECTION]));
            }),
            KEY_USAGE,
        ),
        (
            "non-repudiation with the right purpose",
            with_card(|card| card.set(key_usage(KeyUsages::NonRepudiation))),
            KEY_USAGE,
        ),
        (
            "no key usage",
            with_card(|card| card.remove("2.5.29.15")),
            KEY_USAGE,
        ),
        (
            "server purpose",
            with_card(|card| card.set(purposes(&[SERVER_AUTH]))),
            PURPOSE,
        ),
        (
            "mail purpose",
            with_card(|card| card.set(purposes(&[EMAIL_PROTECTION]))),
            PURPOSE,
        ),
        (
            "any purpose",
            with_card(|card| card.set(purposes(&[ANY_PURPOSE]))),
            PURPOSE,
        ),
        (
            "no purpose",
            with_card(|card| card.remove("2.5.29.37")),
            PURPOSE,
        ),
    ] {
        assert_eq!(outcome, expected, "{name}");
    }
}

#[test]
fn plain_validation_asks_no_purpose() {
    let mut baseline = Baseline::new();
    baseline.card.set(key_usage(KeyUsages::NonRepudiation));
    baseline.card.remove("2.5.29.37");
    assert_eq!(code(baseline.validate_with(&PathPolicy::rfc5280())), Ok(()));
}

#[test]
fn an_anchor_must_be_within_its_validity_and_above_the_key_floor() {
    let day = Duration::DAY;
    let with_root = |change: &dyn Fn(&mut Draft)| {
        let mut baseline = Baseline::new();
        change(&mut baseline.root.draft);
        code(baseline.validate())
    };
    assert_eq!(
        with_root(&|draft| draft.valid_between(NOW - day, NOW)),
        Ok(())
    );
    assert_eq!(
        with_root(&|draft| draft.valid_between(NOW - day * 9, NOW - day)),
        Err("pki.certificate_expired")
    );
    assert_eq!(
        with_root(&|draft| draft.valid_between(NOW + day, NOW + day * 9)),
        Err("pki.certificate_not_yet_valid")
    );
    let mut weak = Authority::root("CN=R,C=FR");
    let check = |root: &Authority| {
        let card = crate::card::doctor(root, &p256()).certificate();
        let store = TrustStore::new(vec![root.certificate()], vec![]);
        code(validate_path(&card, &[], &store, &PathPolicy::login(), NOW))
    };
    assert_eq!(check(&weak), Ok(()));
    weak.key = rsa(1024);
    weak.draft.key(&weak.key);
    weak.draft.set(subject_key_identifier(&weak.key));
    weak.draft.issuer_key = weak.key.clone();
    weak.draft.digest(MessageDigest::sha256());
    assert_eq!(check(&weak), Err("pki.rsa_key_too_short"));
}

#[test]
fn issuers_are_held_to_their_constraints() {
    let subtree = |text: &str| GeneralSubtree {
        base: GeneralName::DirectoryName(name(text)),
        minimum: 0,
        maximum: None,
    };
    let permitted = |text: &str, critical: bool| {
        let constraints = NameConstraints {
            permitted_subtrees: Some(vec![subtree(text)]),
            excluded_subtrees: None,
        };
        extension("2.5.29.30", critical, &constraints)
    };
    let not_authority = raw_extension("2.5.29.19", true, &[0x30, 0x00]);
    for (name, outcome, expected) in [
        (
            "path length 0",
            with_issuing(|draft| draft.set(authority_constraints(Some(0)))),
            Ok(()),
        ),
        (
            "no authority",
            with_issuing(|draft| draft.set(not_authority)),
            Err("pki.issuer_not_authority"),
        ),
        (
            "no basic constraints",
            with_issuing(|draft| draft.remove("2.5.29.19")),
            Err("pki.issuer_not_authority"),
        ),
        (
            "signs lists only",
            with_issuing(|draft| draft.set(key_usage(KeyUsages::CRLSign))),
            Err("pki.key_usage_wrong"),
        ),
        (
            "for servers only",
            with_issuing(|draft| draft.set(purposes(&["1.3.6.1.5.5.7.3.1"]))),
            Err("pki.extended_key_usage_wrong"),
        ),
        (
            "name within",
            with_issuing(|draft| draft.set(permitted("C=FR", true))),
            Ok(()),
        ),
        (
            "name outside",
            with_issuing(|draft| draft.set(permitted("C=BE", true))),
            Err("pki.name_constraint_violated"),
        ),
        (
            "name outside, not critical",
            with_issuing(|draft| draft.set(permitted("C=BE", false))),
            Err("pki.name_constraint_violated"),
        ),
        (
            "unknown critical extension",
            with_issuing(|draft| draft.set(raw_extension("1.2.3.4", true, &[5, 0]))),
            Err("pki.critical_extension_unknown"),
        ),
        (
            "no key identifier",
            with_issuing(|draft| draft.remove("2.5.29.14")),
            Err("pki.path_refused"),
        ),
    ] {
        assert_eq!(outcome, expected, "{name}");
    }
}

#[test]
fn a_path_length_constraint_above_is_enforced() {
    let mut root = Authority::root("CN=R,C=FR");
    let check = |root: &Authority| {
        let upper = root.subordinate("CN=U,C=FR");
        let lower = upper.subordinate("CN=L,C=FR");
        let card = crate::card::doctor(&lower, &p256());
        let store = TrustStore::new(
            vec![root.certificate()],
            vec![lower.certificate(), upper.certificate()],
        );
        code(validate_path(
            &card.certificate(),
            &[],
            &store,
            &PathPolicy::login(),
            NOW,
        ))
    };
    root.draft.set(authority_constraints(Some(2)));
    assert_eq!(check(&root), Ok(()));
    root.draft.set(authority_constraints(Some(1)));
    assert_eq!(check(&root), Err("pki.path_length_exceeded"));
}

#[test]
fn unknown_extensions_matter_only_when_critical() {
    let with = |critical| with_card(|card| card.set(raw_extension("1.2.3.4", critical, &[5, 0])));
    assert_eq!(with(false), Ok(()));
    assert_eq!(with(true), Err("pki.critical_extension_unknown"));
}

#[test]
fn serial_numbers_are_positive_for_a_login() {
    let serial = |content: &[u8]| {
        let length = u8::try_from(content.len()).expect("short");
        SerialNumber::from_der(&[&[2, length], content].concat()).expect("a number")
    };
    let with = |content: &[u8]| with_card(|card| card.tbs.serial_number = serial(content));
    assert_eq!(with(&[1]), Ok(()));
    assert_eq!(with(&[0]), Err("pki.certificate_malformed"));
    assert_eq!(with(&[0xff]), Err("pki.certificate_malformed"));
    let mut baseline = Baseline::new();
    baseline.card.tbs.serial_number = serial(&[0xff]);
    assert_eq!(
        code(baseline.validate_with(&PathPolicy::rfc5280())),
        Ok(()),
        "RFC 5280"
    );
}

#[test]
fn a_changed_byte_breaks_the_signature() {
    let baseline = Baseline::new();
    let der = baseline.card.der();
    let position = der
        .windows(6)
        .position(|window| window == b"DURAND")
        .expect("the surname");
    let mut changed = der;
    changed[position] = b'B';
    let card = Certificate::parse(&changed).expect("still a certificate");
    let outcome = validate_path(&card, &[], &baseline.store(), &PathPolicy::login(), NOW);
    assert_eq!(code(outcome), Err("pki.untrusted_anchor"));
}
