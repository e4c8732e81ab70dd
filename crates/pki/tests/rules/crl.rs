//! Certificate revocation lists: one baseline, one field changed.

use crate::authority::{NOW, extension, key_usage, p256, raw_extension};
use crate::card::{Baseline, CRL_URL, person, url};
use crate::evidence::{check, check_with};
use crate::list::{ListDraft, number};
use cardea_pki::revocation::{Crl, CrlNumbersSeen, Evidence, RevocationPolicy};
use openssl::hash::MessageDigest;
use time::Duration;
use x509_cert::der::asn1::Ia5String;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::KeyUsages;
use x509_cert::ext::pkix::crl::CrlReason;
use x509_cert::ext::pkix::crl::dp::{IssuingDistributionPoint, Reasons};
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::serial_number::SerialNumber;

fn point() -> IssuingDistributionPoint {
    IssuingDistributionPoint {
        distribution_point: None,
        only_contains_user_certs: false,
        only_contains_ca_certs: false,
        only_some_reasons: None,
        indirect_crl: false,
        only_contains_attribute_certs: false,
    }
}

fn scope(change: impl FnOnce(&mut IssuingDistributionPoint)) -> Extension {
    let mut point = point();
    change(&mut point);
    extension("2.5.29.28", true, &point)
}

/// Judges the card with the changed list of its issuer, and the root's plain one.
fn with_list(change: impl FnOnce(&mut ListDraft, &Baseline)) -> Result<(), &'static str> {
    let baseline = Baseline::new();
    let mut list = ListDraft::of(&baseline.issuing);
    change(&mut list, &baseline);
    check(
        &baseline,
        vec![list.crl(), ListDraft::of(&baseline.root).crl()],
    )
}

#[test]
fn a_listed_certificate_is_revoked() {
    const REVOKED: Result<(), &str> = Err("pki.certificate_revoked");
    let revoke = |reason| {
        with_list(move |list, baseline| list.revoke(&baseline.card.tbs.serial_number, reason))
    };
    assert_eq!(with_list(|_, _| {}), Ok(()), "nobody listed");
    assert_eq!(
        with_list(|list, _| list.revoke(&SerialNumber::new(&[9]).unwrap(), None)),
        Ok(()),
        "another listed"
    );
    assert_eq!(revoke(None), REVOKED, "without a reason");
    assert_eq!(revoke(Some(CrlReason::KeyCompromise)), REVOKED);
    assert_eq!(revoke(Some(CrlReason::CertificateHold)), REVOKED);
    assert_eq!(
        revoke(Some(CrlReason::RemoveFromCRL)),
        REVOKED,
        "nonsense on a complete list"
    );
}

/// Attack B1.
#[test]
fn a_revoked_issuer_revokes_the_card() {
    let baseline = Baseline::new();
    let mut root_list = ListDraft::of(&baseline.root);
    root_list.revoke(
        &baseline.issuing.draft.tbs.serial_number,
        Some(CrlReason::CaCompromise),
    );
    let lists = vec![ListDraft::of(&baseline.issuing).crl(), root_list.crl()];
    assert_eq!(check(&baseline, lists), Err("pki.certificate_revoked"));
    // Even when the card's own status is not known at all.
    assert_eq!(
        check(&baseline, vec![root_list.crl()]),
        Err("pki.certificate_revoked")
    );
}

#[test]
fn the_issuers_own_status_is_needed_too() {
    let baseline = Baseline::new();
    let outcome = check(&baseline, vec![ListDraft::of(&baseline.issuing).crl()]);
    assert_eq!(outcome, Err("pki.revocation_unknown"));
}

/// Attack B2.
#[test]
fn a_list_counts_only_within_its_window() {
    const STALE: Result<(), &str> = Err("pki.revocation_stale");
    let window = |this_update: i64, next_update: Option<i64>| {
        with_list(move |list, _| {
            let moment = |seconds| NOW + Duration::seconds(seconds);
            list.window(moment(this_update), next_update.map(moment));
        })
    };
    const DAY: i64 = 86_400;
    assert_eq!(window(-DAY, Some(0)), Ok(()), "ends now");
    assert_eq!(window(-DAY, Some(-1)), STALE, "ended a second ago");
    assert_eq!(window(-DAY, None), STALE, "no end");
    assert_eq!(
        window(120, Some(DAY)),
        Ok(()),
        "within the clock's allowance"
    );
    assert_eq!(window(121, Some(DAY)), STALE, "from the future");
    assert_eq!(window(-7 * DAY, Some(DAY)), Ok(()), "at the age limit");
    assert_eq!(window(-7 * DAY - 1, Some(DAY)), STALE, "over the age limit");
}

#[test]
fn a_root_may_issue_its_list_less_often() {
    let baseline = Baseline::new();
    let check_age = |days: i64| {
        let mut root_list = ListDraft::of(&baseline.root);
        root_list.window(NOW - Duration::days(days), Some(NOW + Duration::days(1)));
        check(
            &baseline,
            vec![ListDraft::of(&baseline.issuing).crl(), root_list.crl()],
        )
    };
    assert_eq!(check_age(44), Ok(()));
    assert_eq!(check_age(47), Err("pki.revocation_stale"));
}

#[test]
fn a_grace_is_used_only_when_the_operator_gave_one_and_is_reported() {
    let baseline = Baseline::new();
    let mut list = ListDraft::of(&baseline.issuing);
    list.window(NOW - Duration::days(6), Some(NOW - Duration::hours(2)));
    let evidence = Evidence {
        crls: vec![list.crl(), ListDraft::of(&baseline.root).crl()],
        ..Evidence::default()
    };
    let with_grace = |seconds| RevocationPolicy {
        crl_grace_seconds: seconds,
        ..Default::default()
    };
    assert_eq!(
        check_with(&baseline, &evidence, &with_grace(7199)).map_err(|error| error.code()),
        Err("pki.revocation_stale")
    );
    let good = check_with(&baseline, &evidence, &with_grace(7200)).expect("within the grace");
    assert_eq!(good.age_seconds(), 6 * 86_400);
    assert_eq!(good.stale_by_seconds(), 7200);
    assert_eq!(good.authorities().len(), 1);

    let mut revoking = list.clone();
    revoking.revoke(&baseline.card.tbs.serial_number, None);
    assert_eq!(
        check(
            &baseline,
            vec![revoking.crl(), ListDraft::of(&baseline.root).crl()]
        ),
        Err("pki.certificate_revoked"),
        "a stale list still revokes"
    );
}

/// Attack B3.
#[test]
fn a_list_of_another_key_or_without_the_right_is_not_used() {
    const UNKNOWN: Result<(), &str> = Err("pki.revocation_unknown");
    let foreign_key = with_list(|list, _| list.key = p256());
    assert_eq!(foreign_key, UNKNOWN, "same name, other key");
    let foreign_name = with_list(|list, baseline| list.tbs.issuer = baseline.root.name());
    assert_eq!(foreign_name, UNKNOWN, "same key, other name");
    assert_eq!(
        with_list(|list, _| list.digest(MessageDigest::sha1())),
        UNKNOWN,
        "SHA-1"
    );

    let baseline =
        Baseline::new().with_issuing(|draft| draft.set(key_usage(KeyUsages::KeyCertSign)));
    let lists = vec![
        ListDraft::of(&baseline.issuing).crl(),
        ListDraft::of(&baseline.root).crl(),
    ];
    assert_eq!(
        check(&baseline, lists),
        UNKNOWN,
        "issuer may not sign lists"
    );
}

#[test]
fn a_broken_signature_is_no_list_of_the_issuer() {
    let baseline = Baseline::new();
    let mut der = ListDraft::of(&baseline.issuing).der();
    let position = der
        .windows(5)
        .position(|window| window == b"ESSAI")
        .expect("the issuer's name");
    der[position] = b'e';
    let lists = vec![
        Crl::parse(&der).expect("a list"),
        ListDraft::of(&baseline.root).crl(),
    ];
    assert_eq!(check(&baseline, lists), Err("pki.revocation_unknown"));
}

/// A list that was verified for one issuer is not taken for another one's.
#[test]
fn a_verified_list_stays_bound_to_its_key() {
    let baseline = Baseline::new();
    let list = ListDraft::of(&baseline.issuing).crl();
    let root_list = ListDraft::of(&baseline.root).crl();
    assert_eq!(
        check(&baseline, vec![list.clone(), root_list.clone()]),
        Ok(())
    );
    let mut other = baseline.clone();
    other.issuing = other.root.subordinate(&baseline.issuing.name().to_string());
    other.card = crate::card::doctor(&other.issuing, &other.card_key);
    assert_eq!(
        check(&other, vec![list, root_list]),
        Err("pki.revocation_unknown")
    );
}

/// Attack B4.
#[test]
fn a_list_speaks_only_for_its_kind_of_certificate() {
    const UNKNOWN: Result<(), &str> = Err("pki.revocation_unknown");
    let scoped =
        |change: fn(&mut IssuingDistributionPoint)| with_list(|list, _| list.set(scope(change)));
    let some_reasons = |point: &mut IssuingDistributionPoint| {
        point.only_some_reasons = Some(Reasons::KeyCompromise.into());
    };
    for (name, outcome, expected) in [
        (
            "end entities",
            scoped(|point| point.only_contains_user_certs = true),
            Ok(()),
        ),
        (
            "authorities",
            scoped(|point| point.only_contains_ca_certs = true),
            UNKNOWN,
        ),
        (
            "attributes",
            scoped(|point| point.only_contains_attribute_certs = true),
            UNKNOWN,
        ),
        (
            "indirect",
            scoped(|point| point.indirect_crl = true),
            Ok(()),
        ),
        ("some reasons", scoped(some_reasons), UNKNOWN),
    ] {
        assert_eq!(outcome, expected, "{name}");
    }
}

/// PKITS 4.14.8 has the point that is named relative to its issuer.
#[test]
fn a_list_speaks_only_for_its_distribution_point() {
    let at = |point_name: DistributionPointName| {
        with_list(|list, _| {
            list.set(scope(|point| point.distribution_point = Some(point_name)));
        })
    };
    let full = |name: GeneralName| DistributionPointName::FullName(vec![name]);
    let mail = GeneralName::Rfc822Name(Ia5String::new("a@igc.test").expect("ASCII"));
    let relative = person(&[&[("2.5.4.3", "CRL1")]]).0.remove(0);
    const UNKNOWN: Result<(), &str> = Err("pki.revocation_unknown");
    for (name, outcome, expected) in [
        ("the card's", at(full(url(CRL_URL))), Ok(())),
        ("another", at(full(url("http://igc.test/x.crl"))), UNKNOWN),
        ("named otherwise", at(full(mail)), UNKNOWN),
        (
            "relative",
            at(DistributionPointName::NameRelativeToCRLIssuer(relative)),
            UNKNOWN,
        ),
    ] {
        assert_eq!(outcome, expected, "{name}");
    }
}

/// Attack B5: a delta list does not stand alone.
#[test]
fn extensions_that_are_not_understood_close_the_list() {
    let with = |dotted: &str, critical| {
        with_list(|list, _| list.set(raw_extension(dotted, critical, &[2, 1, 99])))
    };
    const DELTA: &str = "2.5.29.27";
    assert_eq!(with("1.2.3.4", false), Ok(()));
    assert_eq!(
        with("1.2.3.4", true),
        Err("pki.revocation_unknown"),
        "unknown and critical"
    );
    assert_eq!(with(DELTA, true), Err("pki.revocation_unknown"), "a delta");
    assert_eq!(
        with(DELTA, false),
        Err("pki.revocation_unknown"),
        "a delta not marked critical"
    );
}

/// Revoked wins from whichever source: a delta list or one for some reasons revokes as well.
#[test]
fn a_list_that_says_nothing_by_silence_still_revokes() {
    let baseline = Baseline::new();
    let check_delta = |reason| {
        let mut delta = ListDraft::of(&baseline.issuing);
        delta.set(raw_extension("2.5.29.27", true, &[2, 1, 99]));
        delta.revoke(&baseline.card.tbs.serial_number, Some(reason));
        let lists = [
            &delta,
            &ListDraft::of(&baseline.issuing),
            &ListDraft::of(&baseline.root),
        ];
        check(&baseline, lists.map(ListDraft::crl).to_vec())
    };
    assert_eq!(
        check_delta(CrlReason::KeyCompromise),
        Err("pki.certificate_revoked")
    );
    assert_eq!(check_delta(CrlReason::RemoveFromCRL), Ok(()));
}

#[test]
fn entries_that_are_not_understood_close_the_whole_list() {
    let with_entry = |extensions: Vec<Extension>| {
        with_list(|list, _| list.entry(&SerialNumber::new(&[9]).unwrap(), Some(extensions)))
    };
    assert_eq!(
        with_entry(vec![raw_extension("1.2.3.4", false, &[5, 0])]),
        Ok(())
    );
    assert_eq!(
        with_entry(vec![raw_extension("1.2.3.4", true, &[5, 0])]),
        Err("pki.revocation_unknown"),
        "critical"
    );
    assert_eq!(
        with_entry(vec![raw_extension("2.5.29.29", true, &[0x30, 0])]),
        Err("pki.revocation_unknown"),
        "another issuer's certificate"
    );
}

/// Attack B13.
#[test]
fn a_hold_ends_with_later_evidence_and_a_revocation_never_does() {
    let baseline = Baseline::new();
    let outcome = |reason, hours_of_silent_list: i64| {
        let mut older = ListDraft::of(&baseline.issuing);
        older.window(NOW - Duration::hours(5), Some(NOW + Duration::days(1)));
        older.revoke(&baseline.card.tbs.serial_number, Some(reason));
        let mut silent = ListDraft::of(&baseline.issuing);
        silent.window(
            NOW - Duration::hours(hours_of_silent_list),
            Some(NOW + Duration::days(1)),
        );
        let root_list = ListDraft::of(&baseline.root);
        check(
            &baseline,
            [&older, &silent, &root_list].map(ListDraft::crl).to_vec(),
        )
    };
    const REVOKED: Result<(), &str> = Err("pki.certificate_revoked");
    assert_eq!(
        outcome(CrlReason::CertificateHold, 4),
        Ok(()),
        "lifted later"
    );
    assert_eq!(
        outcome(CrlReason::CertificateHold, 5),
        REVOKED,
        "same moment"
    );
    assert_eq!(
        outcome(CrlReason::CertificateHold, 6),
        REVOKED,
        "earlier list"
    );
    assert_eq!(outcome(CrlReason::KeyCompromise, 4), REVOKED, "final");
}

/// Attack B6.
#[test]
fn an_older_list_than_one_seen_is_refused() {
    let baseline = Baseline::new();
    let issuer = baseline.issuing.certificate();
    let numbered = |value| {
        let mut list = ListDraft::of(&baseline.issuing);
        list.set(number(value));
        list
    };
    let mut seen = CrlNumbersSeen::default();
    seen.note(&numbered(256).crl(), &issuer)
        .expect("the first one");
    let outcome = |seen: &CrlNumbersSeen, list: &ListDraft| {
        let evidence = Evidence {
            crls: vec![list.crl(), ListDraft::of(&baseline.root).crl()],
            crl_numbers_seen: seen.clone(),
            ..Evidence::default()
        };
        check_with(&baseline, &evidence, &RevocationPolicy::default())
            .map(|_| ())
            .map_err(|error| error.code())
    };
    assert_eq!(outcome(&seen, &numbered(256)), Ok(()), "the same again");
    assert_eq!(outcome(&seen, &numbered(1000)), Ok(()), "a newer one");
    assert_eq!(outcome(&seen, &numbered(255)), Err("pki.crl_rolled_back"));
    let mut without = numbered(255);
    without.tbs.crl_extensions = None;
    assert_eq!(
        outcome(&seen, &without),
        Err("pki.crl_rolled_back"),
        "no number after one with a number"
    );
    let mut revoking = numbered(255);
    revoking.revoke(&baseline.card.tbs.serial_number, None);
    assert_eq!(
        outcome(&seen, &revoking),
        Err("pki.certificate_revoked"),
        "still revokes"
    );

    let noted = seen
        .note(&numbered(255).crl(), &issuer)
        .expect_err("an older one");
    assert_eq!(noted.code(), "pki.crl_rolled_back");
    let mut forged = numbered(9999);
    forged.key = p256();
    let noted = seen.note(&forged.crl(), &issuer).expect_err("a forged one");
    assert_eq!(noted.code(), "pki.crl_malformed");
    assert_eq!(
        outcome(&seen, &numbered(1000)),
        Ok(()),
        "the forged number is not remembered"
    );
}

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
