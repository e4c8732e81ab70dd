//! Delta lists: they complete a list, and revoke also without one.

use crate::authority::{NOW, authority_key_identifier, p256};
use crate::card::Baseline;
use crate::evidence::check_with;
use crate::list::{ListDraft, base_number, number, scope};
use cardea_pki::revocation::{CrlNumbersSeen, Evidence, RevocationPolicy};
use time::Duration;
use x509_cert::ext::pkix::crl::CrlReason;

const REVOKED: Result<i64, &str> = Err("pki.certificate_revoked");
const STALE: Result<i64, &str> = Err("pki.revocation_stale");
const UNKNOWN: Result<i64, &str> = Err("pki.revocation_unknown");
const HOUR: i64 = 3600;

/// A complete list with number 100 of five hours ago, and a delta list of half an hour ago that
/// starts from it.
#[derive(Clone)]
struct Lists {
    baseline: Baseline,
    complete: ListDraft,
    delta: ListDraft,
    seen: CrlNumbersSeen,
}

impl Lists {
    fn new() -> Self {
        let baseline = Baseline::new();
        let mut complete = ListDraft::of(&baseline.issuing);
        complete.window(NOW - Duration::hours(5), Some(NOW + Duration::days(1)));
        let mut delta = ListDraft::of(&baseline.issuing);
        delta.set(base_number(100));
        delta.set(number(105));
        delta.window(NOW - Duration::HOUR / 2, Some(NOW + Duration::HOUR));
        let seen = CrlNumbersSeen::default();
        Self {
            baseline,
            complete,
            delta,
            seen,
        }
    }

    /// The age of the evidence in seconds, or the refusal.
    fn judge(&self, lists: &[&ListDraft]) -> Result<i64, &'static str> {
        let root_list = ListDraft::of(&self.baseline.root).crl();
        let evidence = Evidence {
            crls: lists
                .iter()
                .map(|list| list.crl())
                .chain([root_list])
                .collect(),
            crl_numbers_seen: self.seen.clone(),
            ..Evidence::default()
        };
        check_with(&self.baseline, &evidence, &RevocationPolicy::default())
            .map(|good| good.age_seconds())
            .map_err(|error| error.code())
    }

    fn judge_both(&self) -> Result<i64, &'static str> {
        let outcome = self.judge(&[&self.complete, &self.delta]);
        let reversed = self.judge(&[&self.delta, &self.complete]);
        assert_eq!(outcome, reversed, "the order of the lists does not matter");
        outcome
    }

    fn with(change: impl FnOnce(&mut Self)) -> Result<i64, &'static str> {
        let mut lists = Self::new();
        change(&mut lists);
        lists.judge_both()
    }

    /// With a complete list that has ended, so that only the two together can speak.
    fn with_ended(change: impl FnOnce(&mut Self)) -> Result<i64, &'static str> {
        Self::with(|lists| {
            lists
                .complete
                .window(NOW - Duration::days(3), Some(NOW - Duration::HOUR));
            change(lists);
        })
    }

    fn list_on(&mut self, complete: Option<CrlReason>, delta: Option<CrlReason>) {
        let serial = self.baseline.card.tbs.serial_number.clone();
        for (list, reason) in [(&mut self.complete, complete), (&mut self.delta, delta)] {
            if reason.is_some() {
                list.revoke(&serial, reason);
            }
        }
    }
}

/// RFC 5280 section 5.2.4: the two together have the delta list's times.
#[test]
fn a_delta_list_brings_a_complete_list_up_to_date() {
    assert_eq!(Lists::with(|_| {}), Ok(HOUR / 2));
    assert_eq!(
        Lists::with_ended(|_| {}),
        Ok(HOUR / 2),
        "the complete one has ended"
    );
    let lists = Lists::new();
    assert_eq!(lists.judge(&[&lists.complete]), Ok(5 * HOUR));
    assert_eq!(lists.judge(&[&lists.delta]), UNKNOWN, "attack B5: alone");
}

/// A change of the lists; they are judged where the complete one has ended.
type Change = fn(&mut Lists);

fn each_has_its_outcome(cases: &[(&str, Change, Result<i64, &str>)]) {
    for (what, change, expected) in cases {
        assert_eq!(Lists::with_ended(change), *expected, "{what}");
    }
}

/// Attack B5, RFC 5280 section 5.2.4 (c) and (d).
#[test]
fn a_delta_list_completes_a_list_with_a_fitting_number() {
    each_has_its_outcome(&[
        ("starts there", |_| {}, Ok(HOUR / 2)),
        (
            "starts earlier",
            |lists| lists.delta.set(base_number(7)),
            Ok(HOUR / 2),
        ),
        (
            "starts later",
            |lists| lists.delta.set(base_number(101)),
            STALE,
        ),
        (
            "has no number",
            |lists| lists.delta.tbs.crl_extensions = Some(vec![base_number(100)]),
            STALE,
        ),
        (
            "has the same number",
            |lists| lists.delta.set(number(100)),
            STALE,
        ),
        (
            "has a lower number",
            |lists| lists.delta.set(number(99)),
            STALE,
        ),
        (
            "the list has none",
            |lists| lists.complete.tbs.crl_extensions = None,
            STALE,
        ),
        (
            "has ended as well",
            |lists| {
                let ended = Some(NOW - Duration::MINUTE);
                lists.delta.window(NOW - Duration::hours(3), ended);
            },
            STALE,
        ),
    ]);
}

/// RFC 5280 section 6.3.3 (c) and (h).
#[test]
fn a_delta_list_completes_a_list_of_its_own_scope_and_key() {
    fn limit(list: &mut ListDraft) {
        list.set(scope(|point| point.only_contains_user_certs = true));
    }
    fn identify(list: &mut ListDraft) {
        let identifier = authority_key_identifier(&list.key);
        list.set(identifier);
    }
    each_has_its_outcome(&[
        ("of another scope", |lists| limit(&mut lists.delta), STALE),
        (
            "both of one scope",
            |lists| {
                limit(&mut lists.complete);
                limit(&mut lists.delta);
            },
            Ok(HOUR / 2),
        ),
        ("of another key", |lists| lists.delta.key = p256(), STALE),
        (
            "one key identifier",
            |lists| {
                identify(&mut lists.complete);
                identify(&mut lists.delta);
            },
            Ok(HOUR / 2),
        ),
        (
            "two key identifiers",
            |lists| {
                identify(&mut lists.complete);
                lists.delta.set(authority_key_identifier(&p256()));
            },
            STALE,
        ),
        (
            "only one has an identifier",
            |lists| identify(&mut lists.delta),
            STALE,
        ),
    ]);
}

#[test]
fn a_stale_delta_list_leaves_a_current_list_as_it_is() {
    let stale = |lists: &mut Lists| {
        lists
            .delta
            .window(NOW - Duration::hours(3), Some(NOW - Duration::MINUTE));
    };
    assert_eq!(Lists::with(stale), Ok(5 * HOUR));
    let revoking = Lists::with(|lists| {
        stale(lists);
        lists.list_on(None, Some(CrlReason::KeyCompromise));
    });
    assert_eq!(revoking, REVOKED, "and still revokes");
}

/// Attack B13, RFC 5280 section 6.3.3 (i) to (k).
#[test]
fn a_delta_list_revokes_holds_and_takes_back() {
    use CrlReason::{CertificateHold, KeyCompromise, RemoveFromCRL};
    for (complete, delta, expected) in [
        (None, Some(KeyCompromise), REVOKED),
        (None, Some(CertificateHold), REVOKED),
        (Some(KeyCompromise), None, REVOKED),
        (Some(CertificateHold), None, REVOKED),
        (Some(CertificateHold), Some(RemoveFromCRL), Ok(HOUR / 2)),
        (Some(CertificateHold), Some(KeyCompromise), REVOKED),
        (None, Some(RemoveFromCRL), Ok(HOUR / 2)),
        // What is final is not taken back.
        (Some(KeyCompromise), Some(RemoveFromCRL), REVOKED),
    ] {
        let outcome = Lists::with(|lists| lists.list_on(complete, delta));
        assert_eq!(outcome, expected, "{complete:?}, then {delta:?}");
    }
}

/// The numbers of the two order them, also where both are of one second; unrelated lists have only
/// their times (`a_hold_ends_with_later_evidence_and_a_revocation_never_does`).
#[test]
fn a_hold_is_taken_back_by_a_delta_list_of_the_same_second() {
    use CrlReason::{CertificateHold, KeyCompromise, RemoveFromCRL};
    let same_second = |complete, delta, change: fn(&mut Lists)| {
        Lists::with(|lists| {
            lists.list_on(Some(complete), delta);
            for list in [&mut lists.complete, &mut lists.delta] {
                list.window(NOW - Duration::HOUR, Some(NOW + Duration::HOUR));
            }
            change(lists);
        })
    };
    let removed = Some(RemoveFromCRL);
    assert_eq!(same_second(CertificateHold, removed, |_| {}), Ok(HOUR));
    for (what, outcome) in [
        ("silent", same_second(CertificateHold, None, |_| {})),
        ("final", same_second(KeyCompromise, removed, |_| {})),
        (
            "a number not higher",
            same_second(CertificateHold, removed, |lists| {
                lists.delta.set(number(100));
            }),
        ),
        (
            "of no current window",
            same_second(CertificateHold, removed, |lists| {
                let ended = Some(NOW - Duration::MINUTE);
                lists.delta.window(NOW - Duration::HOUR, ended);
            }),
        ),
    ] {
        assert_eq!(outcome, REVOKED, "{what}");
    }
}

/// Only a delta list that completes the list with the hold takes the hold back, and only while
/// it is current.
#[test]
fn a_hold_is_not_taken_back_by_a_delta_list_that_does_not_count() {
    let outcome = |change: fn(&mut ListDraft)| {
        Lists::with(|lists| {
            lists.list_on(
                Some(CrlReason::CertificateHold),
                Some(CrlReason::RemoveFromCRL),
            );
            change(&mut lists.delta);
        })
    };
    assert_eq!(outcome(|_| {}), Ok(HOUR / 2));
    assert_eq!(outcome(|delta| delta.set(base_number(101))), REVOKED);
    assert_eq!(outcome(|delta| delta.key = p256()), REVOKED);
    assert_eq!(
        outcome(|delta| delta.window(NOW - Duration::hours(3), Some(NOW - Duration::MINUTE))),
        REVOKED
    );
}

/// Revoked wins from whichever source.
#[test]
fn a_delta_list_revokes_also_without_the_list_it_starts_from() {
    let mut lists = Lists::new();
    lists.list_on(None, Some(CrlReason::KeyCompromise));
    assert_eq!(lists.judge(&[&lists.delta]), REVOKED);
    lists.delta.set(base_number(999));
    assert_eq!(lists.judge_both(), REVOKED);
    lists.delta.key = p256();
    assert_eq!(
        lists.judge_both(),
        Ok(5 * HOUR),
        "of another key it says nothing"
    );
}

/// Attack B6 for delta lists; complete lists are published less often, so a lower number than a
/// delta list's is no roll-back.
#[test]
fn an_older_delta_list_than_one_seen_does_not_count() {
    let mut lists = Lists::new();
    let issuer = lists.baseline.issuing.certificate();
    lists
        .seen
        .note(&lists.complete.crl(), &issuer)
        .expect("the first");
    lists
        .seen
        .note(&lists.delta.crl(), &issuer)
        .expect("the first delta");
    assert_eq!(lists.judge_both(), Ok(HOUR / 2));
    lists
        .seen
        .note(&lists.complete.crl(), &issuer)
        .expect("not older");
    lists.delta.set(number(104));
    assert_eq!(lists.judge_both(), Ok(5 * HOUR), "an older delta");
    lists
        .complete
        .window(NOW - Duration::days(3), Some(NOW - Duration::HOUR));
    assert_eq!(lists.judge_both(), Err("pki.crl_rolled_back"));
}
