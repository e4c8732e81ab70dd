//! Lists that speak for some certificates or some reasons only.

use crate::authority::{NOW, extension, name, raw_extension};
use crate::card::{Baseline, CRL_URL, person, url};
use crate::crl::with_list;
use crate::evidence::{check, check_with};
use crate::list::{ListDraft, scope};
use cardea_pki::revocation::{Evidence, RevocationPolicy};
use time::Duration;
use x509_cert::der::asn1::Ia5String;
use x509_cert::ext::pkix::CrlDistributionPoints;
use x509_cert::ext::pkix::crl::CrlReason;
use x509_cert::ext::pkix::crl::dp::{
    DistributionPoint, IssuingDistributionPoint, ReasonFlags, Reasons,
};
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};

type Outcome = Result<(), &'static str>;

const UNKNOWN: Outcome = Err("pki.revocation_unknown");
const REVOKED: Outcome = Err("pki.certificate_revoked");
const ISSUING: &str = "CN=AC ESSAI PERSONNES,O=ESSAI,C=FR";

/// Attack B4.
#[test]
fn a_list_speaks_only_for_its_kind_of_certificate() {
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

fn full(names: &[GeneralName]) -> DistributionPointName {
    DistributionPointName::FullName(names.to_vec())
}

fn directory(text: &str) -> GeneralName {
    GeneralName::DirectoryName(name(text))
}

/// A name below the issuer's own.
fn relative(common_name: &str) -> DistributionPointName {
    let mut names = person(&[&[("2.5.4.3", common_name)]]).0;
    DistributionPointName::NameRelativeToCRLIssuer(names.remove(0))
}

fn points_of(points: Vec<DistributionPoint>) -> x509_cert::ext::Extension {
    extension("2.5.29.31", false, &CrlDistributionPoints(points))
}

fn point_at(names: DistributionPointName, reasons: Option<ReasonFlags>) -> DistributionPoint {
    DistributionPoint {
        distribution_point: Some(names),
        reasons,
        crl_issuer: None,
    }
}

/// Judges a card with a point of one name by a list with a point of another.
fn at_points(of_card: DistributionPointName, of_list: DistributionPointName) -> Outcome {
    let mut baseline = Baseline::new();
    baseline.card.set(points_of(vec![point_at(of_card, None)]));
    let mut list = ListDraft::of(&baseline.issuing);
    list.set(scope(|point| point.distribution_point = Some(of_list)));
    let lists = [&list, &ListDraft::of(&baseline.root)];
    check(&baseline, lists.map(ListDraft::crl).to_vec())
}

#[test]
fn a_list_speaks_only_for_the_address_it_names() {
    let mail = || GeneralName::Rfc822Name(Ia5String::new("a@igc.test").expect("ASCII"));
    let other = || url("http://igc.test/x.crl");
    let web = || full(&[url(CRL_URL)]);
    let upper_case = url(&CRL_URL.to_uppercase());
    for (what, of_list, expected) in [
        ("the same", web(), Ok(())),
        ("another", full(&[other()]), UNKNOWN),
        ("one in common", full(&[other(), url(CRL_URL)]), Ok(())),
        ("upper case", full(&[upper_case]), UNKNOWN),
        ("named otherwise", full(&[mail()]), UNKNOWN),
        ("relative", relative("CRL1"), UNKNOWN),
        ("the issuer's name", full(&[directory(ISSUING)]), Ok(())),
    ] {
        assert_eq!(at_points(web(), of_list), expected, "{what}");
    }
    let by_mail = at_points(full(&[mail()]), full(&[mail()]));
    assert_eq!(by_mail, Ok(()), "any kind of name is compared");
}

/// Names are compared by RFC 5280 section 7.1. PKITS 4.14.5 to 4.14.9 have the points that are
/// named relative to their issuer.
#[test]
fn a_list_speaks_only_for_the_directory_name_it_has() {
    let below = || full(&[directory(&format!("CN=CRL1,{ISSUING}"))]);
    let shouted = full(&[directory("CN=CRL1,CN=ac  essai personnes,O=essai,C=fr")]);
    let elsewhere = full(&[directory("CN=CRL1,CN=UN AUTRE,O=ESSAI,C=FR")]);
    let short = || relative("CRL1");
    for (what, of_card, of_list, expected) in [
        ("the same", below(), shouted, Ok(())),
        ("another", below(), elsewhere, UNKNOWN),
        ("both relative", short(), short(), Ok(())),
        ("the list relative", below(), short(), Ok(())),
        ("the card relative", short(), below(), Ok(())),
        ("relative, another", short(), relative("CRL2"), UNKNOWN),
    ] {
        assert_eq!(at_points(of_card, of_list), expected, "{what}");
    }
}

/// A card whose points are unreadable to the strict decoder still has its issuer's full list.
#[test]
fn points_that_cannot_be_read_leave_the_issuers_own_list() {
    let judge = |scope: Option<x509_cert::ext::Extension>| {
        let mut baseline = Baseline::new();
        // The one point is named by an X.400 address.
        let points = [0x30, 8, 0x30, 6, 0xa0, 4, 0xa0, 2, 0xa3, 0];
        baseline
            .card
            .set(raw_extension("2.5.29.31", false, &points));
        let mut list = ListDraft::of(&baseline.issuing);
        scope.into_iter().for_each(|scope| list.set(scope));
        let lists = [&list, &ListDraft::of(&baseline.root)];
        check(&baseline, lists.map(ListDraft::crl).to_vec())
    };
    assert_eq!(judge(None), Ok(()));
    let named = full(&[url(CRL_URL)]);
    let named = scope(|point| point.distribution_point = Some(named));
    assert_eq!(judge(Some(named)), UNKNOWN);
}

fn some_reasons() -> ReasonFlags {
    Reasons::KeyCompromise | Reasons::CaCompromise
}

fn other_reasons() -> ReasonFlags {
    Reasons::AffiliationChanged
        | Reasons::Superseded
        | Reasons::CessationOfOperation
        | Reasons::CertificateHold
        | Reasons::PrivilegeWithdrawn
        | Reasons::AaCompromise
}

fn list_about(baseline: &Baseline, reasons: ReasonFlags, hours_old: i64) -> ListDraft {
    let mut list = ListDraft::of(&baseline.issuing);
    list.set(scope(|point| point.only_some_reasons = Some(reasons)));
    list.window(
        NOW - Duration::hours(hours_old),
        Some(NOW + Duration::days(1)),
    );
    list
}

/// RFC 5280 section 6.3.3 (d), (e) and (l).
#[test]
fn lists_about_some_reasons_count_when_they_cover_all_of_them() {
    let baseline = Baseline::new();
    let judge = |lists: &[&ListDraft]| {
        let evidence = Evidence {
            crls: lists
                .iter()
                .map(|list| list.crl())
                .chain([ListDraft::of(&baseline.root).crl()])
                .collect(),
            ..Evidence::default()
        };
        check_with(&baseline, &evidence, &RevocationPolicy::default())
            .map(|good| good.age_seconds())
            .map_err(|error| error.code())
    };
    let some = list_about(&baseline, some_reasons(), 2);
    let others = list_about(&baseline, other_reasons(), 3);
    let unknown = Err("pki.revocation_unknown");
    assert_eq!(judge(&[&some]), unknown);
    assert_eq!(judge(&[&others]), unknown);
    assert_eq!(judge(&[&some, &some]), unknown, "the same twice");
    assert_eq!(
        judge(&[&some, &others]),
        Ok(3 * 3600),
        "as old as the older"
    );
    assert_eq!(
        judge(&[&some, &list_about(&baseline, other_reasons(), 24 * 8)]),
        Err("pki.revocation_stale"),
        "the other half is stale"
    );
    let fresher = list_about(&baseline, other_reasons(), 1);
    assert_eq!(
        judge(&[&others, &some, &fresher]),
        Ok(2 * 3600),
        "the freshest that suffice"
    );
    for half in [&some, &others] {
        let mut revoking = half.clone();
        revoking.revoke(
            &baseline.card.tbs.serial_number,
            Some(CrlReason::KeyCompromise),
        );
        let lists = [&revoking, &some, &others];
        assert_eq!(judge(&lists), Err("pki.certificate_revoked"));
    }
}

/// A point may be about some reasons as well (RFC 5280 section 6.3.3 (d)).
#[test]
fn a_point_about_some_reasons_limits_its_lists() {
    let mut baseline = Baseline::new();
    let second = "http://igc.test/crl/second.crl";
    baseline.card.set(points_of(vec![
        point_at(full(&[url(CRL_URL)]), Some(some_reasons())),
        point_at(full(&[url(second)]), Some(other_reasons())),
    ]));
    let at = |address: &str| {
        let mut list = ListDraft::of(&baseline.issuing);
        let names = full(&[url(address)]);
        list.set(scope(|point| point.distribution_point = Some(names)));
        list
    };
    let judge = |lists: &[&ListDraft]| {
        let root_list = ListDraft::of(&baseline.root).crl();
        let crls = lists.iter().map(|list| list.crl()).chain([root_list]);
        check(&baseline, crls.collect())
    };
    assert_eq!(judge(&[&at(CRL_URL)]), UNKNOWN);
    assert_eq!(judge(&[&at(second)]), UNKNOWN);
    assert_eq!(judge(&[&at(CRL_URL), &at(second)]), Ok(()));
}

/// Attack B13: a later list about other reasons does not know that a hold was lifted.
#[test]
fn only_a_list_about_holds_lifts_one() {
    let baseline = Baseline::new();
    let mut holding = ListDraft::of(&baseline.issuing);
    holding.window(NOW - Duration::hours(9), Some(NOW + Duration::days(1)));
    holding.revoke(
        &baseline.card.tbs.serial_number,
        Some(CrlReason::CertificateHold),
    );
    let judge = |later: ReasonFlags| {
        let lists = [
            &holding,
            &list_about(&baseline, later, 2),
            &list_about(&baseline, some_reasons(), 2),
            &ListDraft::of(&baseline.root),
        ];
        check(&baseline, lists.map(ListDraft::crl).to_vec())
    };
    assert_eq!(judge(other_reasons()), Ok(()));
    assert_eq!(judge(Reasons::Superseded.into()), REVOKED);
}
