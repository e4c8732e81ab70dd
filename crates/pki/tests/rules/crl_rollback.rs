//! Roll-back protection by CRL numbers.

use crate::authority::{NOW, p256};
use crate::card::Baseline;
use crate::evidence::check_with;
use crate::list::{ListDraft, base_number, number, scope};
use cardea_pki::revocation::{CrlNumbersSeen, CrlSeries, Evidence, RevocationPolicy};
use time::Duration;

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

/// Attack B6, where the issuer numbers nothing: the time of issue stands in for the number.
#[test]
fn an_older_list_than_one_seen_is_refused_without_numbers_too() {
    let baseline = Baseline::new();
    let issuer = baseline.issuing.certificate();
    let issued = |ago: Duration, numbered: Option<u32>| {
        let mut list = ListDraft::of(&baseline.issuing);
        list.tbs.crl_extensions = None;
        if let Some(value) = numbered {
            list.set(number(value));
        }
        list.window(NOW - ago, Some(NOW + Duration::DAY));
        list.crl()
    };
    let mut seen = CrlNumbersSeen::default();
    seen.note(&issued(Duration::hours(2), None), &issuer)
        .expect("the first one");
    // What was seen outlasts a restart.
    let mut seen = CrlNumbersSeen::parse_text(&seen.to_text()).expect("readable");
    let outcome = |seen: &CrlNumbersSeen, ago| {
        let evidence = Evidence {
            crls: vec![issued(ago, None), ListDraft::of(&baseline.root).crl()],
            crl_numbers_seen: seen.clone(),
            ..Evidence::default()
        };
        check_with(&baseline, &evidence, &RevocationPolicy::default())
            .map(|_| ())
            .map_err(|error| error.code())
    };
    assert_eq!(outcome(&seen, Duration::hours(2)), Ok(()), "the same again");
    assert_eq!(outcome(&seen, Duration::HOUR), Ok(()), "a newer one");
    let rolled_back = "pki.crl_rolled_back";
    assert_eq!(outcome(&seen, Duration::hours(3)), Err(rolled_back));
    let mut note = |ago, numbered| {
        seen.note(&issued(ago, numbered), &issuer)
            .map_err(|error| error.code())
    };
    assert_eq!(note(Duration::hours(3), None), Err(rolled_back));
    let renumbered = note(Duration::hours(3), Some(9));
    assert_eq!(renumbered, Err(rolled_back), "its number is higher");
    assert_eq!(note(Duration::HOUR, Some(9)), Ok(()));
}

#[test]
fn a_list_is_of_the_series_of_its_issuers_key_scope_and_kind() {
    let baseline = Baseline::new();
    let (issuing, root) = (baseline.issuing.certificate(), baseline.root.certificate());
    let list = ListDraft::of(&baseline.issuing);
    let own = CrlSeries::of(&list.crl(), &issuing);
    let mut next = list.clone();
    next.set(number(101));
    assert_eq!(CrlSeries::of(&next.crl(), &issuing), own, "the next list");
    let mut delta = list.clone();
    delta.set(base_number(100));
    let mut narrow = list.clone();
    narrow.set(scope(|point| point.only_contains_ca_certs = true));
    for (what, other) in [
        ("a delta list", CrlSeries::of(&delta.crl(), &issuing)),
        ("another scope", CrlSeries::of(&narrow.crl(), &issuing)),
        ("another key", CrlSeries::of(&list.crl(), &root)),
        (
            "another issuer of the same key",
            CrlSeries::of(&ListDraft::of(&baseline.root).crl(), &issuing),
        ),
    ] {
        assert_ne!(other, own, "{what}");
    }
}

#[test]
fn the_numbers_seen_survive_a_restart_as_text() {
    let baseline = Baseline::new();
    let (issuing, root) = (baseline.issuing.certificate(), baseline.root.certificate());
    let mut seen = CrlNumbersSeen::default();
    assert_eq!(seen.to_text(), "");
    seen.note(&ListDraft::of(&baseline.issuing).crl(), &issuing)
        .expect("the first");
    seen.note(&ListDraft::of(&baseline.root).crl(), &root)
        .expect("the root's");
    let text = seen.to_text();
    assert_eq!(text.lines().count(), 2);
    assert_eq!(CrlNumbersSeen::parse_text(&text).expect("readable"), seen);

    let scope = "ab".repeat(32);
    let read = |text: &str| CrlNumbersSeen::parse_text(text).map(|seen| seen.to_text());
    let higher = read(&format!("{scope} 0a\n{scope} ff\n{scope} 07\n")).expect("readable");
    assert_eq!(higher, format!("{scope} ff\n"), "the higher number is kept");
    let later = read(&format!("{scope} - 7\n{scope} 0a 5\n")).expect("readable");
    assert_eq!(later, format!("{scope} 0a 7\n"), "the later time is kept");
    for (what, text) in [
        ("no number", scope.clone()),
        ("a short scope", "abab 07".to_owned()),
        ("half an octet", format!("{scope} 7")),
        ("no hexadecimal", format!("{scope} 0g")),
        ("an empty line", format!("{scope} 07\n\n{scope} 08\n")),
        ("no time", format!("{scope} 07 soon")),
        (
            "a time beyond all calendars",
            format!("{scope} 07 99999999999999"),
        ),
        ("one field too many", format!("{scope} 07 5 5")),
    ] {
        let code = read(&text).expect_err(what).code();
        assert_eq!(code, "pki.crl_malformed", "{what}");
    }
}
