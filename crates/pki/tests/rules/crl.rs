//! Certificate revocation lists: one baseline, one field changed.

use crate::authority::{NOW, key_usage, p256, raw_extension};
use crate::card::Baseline;
use crate::evidence::{check, check_with};
use crate::list::ListDraft;
use cardea_pki::revocation::{Crl, Evidence, RevocationPolicy};
use openssl::hash::MessageDigest;
use time::Duration;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::KeyUsages;
use x509_cert::ext::pkix::crl::CrlReason;
use x509_cert::serial_number::SerialNumber;

/// Judges the card with the changed list of its issuer, and the root's plain one.
pub(crate) fn with_list(
    change: impl FnOnce(&mut ListDraft, &Baseline),
) -> Result<(), &'static str> {
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
