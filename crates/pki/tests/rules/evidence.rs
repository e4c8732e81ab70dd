//! From all evidence to one of four outcomes.

use crate::authority::NOW;
use crate::card::{Baseline, CRL_URL, OCSP_URL, ROOT_CRL_URL};
use crate::list::ListDraft;
use crate::openssl_errors::assert_none;
use crate::response::ResponseDraft;
use cardea_pki::revocation::{
    Crl, Evidence, RevocationGood, RevocationPolicy, SourceKind, SourcePreference, UnknownStatus,
    check_revocation, sources,
};
use cardea_pki::{Error, Position};
use time::Duration;
use x509_ocsp::CertStatus;

/// Judges the card of `baseline` by lists alone.
pub(crate) fn check(baseline: &Baseline, crls: Vec<Crl>) -> Result<(), &'static str> {
    let evidence = Evidence {
        crls,
        ..Evidence::default()
    };
    check_with(baseline, &evidence, &RevocationPolicy::default())
        .map(|_| ())
        .map_err(|error| error.code())
}

pub(crate) fn check_with(
    baseline: &Baseline,
    evidence: &Evidence,
    policy: &RevocationPolicy,
) -> Result<RevocationGood, Error> {
    let outcome = check_revocation(&baseline.path(), evidence, policy, NOW);
    assert_none();
    outcome
}

#[test]
fn sources_name_each_certificate_below_the_anchor() {
    let baseline = Baseline::new();
    let path = baseline.path();
    let sources = sources(&path);
    assert_eq!(sources.len(), 2);
    let (card, issuing) = (&sources[0], &sources[1]);
    assert_eq!(&card.certificate, path.end_entity());
    assert_eq!(card.issuer, issuing.certificate);
    assert_eq!(&issuing.issuer, path.anchor());
    assert_eq!(card.crl_urls, [CRL_URL, crate::card::LDAP_CRL_URL]);
    assert_eq!(card.delta_urls, [crate::card::LDAP_DELTA_URL]);
    assert_eq!(card.ocsp_urls, [OCSP_URL]);
    assert_eq!(issuing.crl_urls, [ROOT_CRL_URL]);
    assert!(issuing.ocsp_urls.is_empty());
}

/// What each source says; each combination has one outcome.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Says {
    Nothing,
    Good,
    Stale,
    Revoked,
    Unknown,
    Unreachable,
}

fn outcome(crl: Says, ocsp: Says, policy: &RevocationPolicy) -> Result<SourceKind, &'static str> {
    let baseline = Baseline::new();
    let mut evidence = Evidence::default();
    evidence.crls.push(ListDraft::of(&baseline.root).crl());
    let path = baseline.path();
    let source = &sources(&path)[0];
    let mut list = ListDraft::of(&baseline.issuing);
    match crl {
        Says::Nothing => {}
        Says::Unreachable | Says::Unknown => evidence.note_unreachable(source, CRL_URL),
        Says::Good => evidence.crls.push(list.crl()),
        Says::Stale => {
            list.tbs.next_update = Some(crate::authority::time_of(NOW - Duration::MINUTE));
            evidence.crls.push(list.crl());
        }
        Says::Revoked => {
            list.revoke(&baseline.card.tbs.serial_number, None);
            evidence.crls.push(list.crl());
        }
    }
    let mut response = ResponseDraft::of(&baseline);
    match ocsp {
        Says::Nothing => {}
        Says::Unreachable => evidence.note_unreachable(source, OCSP_URL),
        says => {
            let single = &mut response.data.responses[0];
            match says {
                Says::Unknown => single.cert_status = CertStatus::unknown(),
                Says::Revoked => single.cert_status = crate::response::revoked(None),
                Says::Stale => {
                    single.next_update = Some(crate::response::time(NOW - Duration::MINUTE));
                }
                _ => {}
            }
            evidence.ocsp.push(response.response());
        }
    }
    check_revocation(&path, &evidence, policy, NOW)
        .map(|good| good.source())
        .map_err(|error| error.code())
}

#[test]
fn every_combination_of_sources_has_one_outcome() {
    use Says::{Good, Nothing, Revoked, Stale, Unknown, Unreachable};
    const REVOKED: Result<SourceKind, &str> = Err("pki.certificate_revoked");
    const UNKNOWN: Result<SourceKind, &str> = Err("pki.revocation_unknown");
    const STALE: Result<SourceKind, &str> = Err("pki.revocation_stale");
    const UNREACHABLE: Result<SourceKind, &str> = Err("pki.revocation_unreachable");
    for (crl, ocsp, expected) in [
        // Revoked wins, from whichever source.
        (Revoked, Nothing, REVOKED),
        (Revoked, Good, REVOKED),
        (Good, Revoked, REVOKED),
        (Nothing, Revoked, REVOKED),
        (Unreachable, Revoked, REVOKED),
        // A signed "unknown" refuses, whatever a list says.
        (Good, Unknown, UNKNOWN),
        (Nothing, Unknown, UNKNOWN),
        (Unreachable, Unknown, UNKNOWN),
        // The freshest good answer is reported.
        (Good, Good, Ok(SourceKind::Ocsp)),
        (Nothing, Good, Ok(SourceKind::Ocsp)),
        (Stale, Good, Ok(SourceKind::Ocsp)),
        (Unreachable, Good, Ok(SourceKind::Ocsp)),
        // If OCSP fails, a current list suffices.
        (Good, Nothing, Ok(SourceKind::Crl)),
        (Good, Unreachable, Ok(SourceKind::Crl)),
        (Good, Stale, Ok(SourceKind::Crl)),
        // Nothing current speaks for the card.
        (Stale, Unreachable, STALE),
        (Stale, Nothing, STALE),
        (Stale, Stale, STALE),
        (Unreachable, Stale, STALE),
        (Stale, Unknown, UNKNOWN),
        (Unreachable, Unreachable, UNREACHABLE),
        (Nothing, Unreachable, UNREACHABLE),
        (Unreachable, Nothing, UNREACHABLE),
        (Nothing, Nothing, UNKNOWN),
    ] {
        let actual = outcome(crl, ocsp, &RevocationPolicy::default());
        assert_eq!(actual, expected, "CRL {crl:?}, OCSP {ocsp:?}");
    }
}

/// What is read at all, and whose age is told when several kinds say good.
#[test]
fn an_operators_preference_says_which_sources_are_read_and_reported() {
    use Says::{Good, Nothing, Revoked, Stale, Unknown};
    use SourceKind::{Crl as List, Ocsp};
    use SourcePreference::{CrlOnly, CrlThenOcsp, OcspOnly, OcspThenCrl};
    const REVOKED: Result<SourceKind, &str> = Err("pki.certificate_revoked");
    const UNKNOWN: Result<SourceKind, &str> = Err("pki.revocation_unknown");
    const STALE: Result<SourceKind, &str> = Err("pki.revocation_stale");
    for (preference, crl, ocsp, expected) in [
        (OcspThenCrl, Good, Good, Ok(Ocsp)),
        (CrlThenOcsp, Good, Good, Ok(List)),
        (CrlThenOcsp, Stale, Good, Ok(Ocsp)),
        (CrlThenOcsp, Nothing, Good, Ok(Ocsp)),
        (CrlThenOcsp, Good, Revoked, REVOKED),
        (CrlThenOcsp, Revoked, Good, REVOKED),
        (CrlThenOcsp, Good, Unknown, UNKNOWN),
        (CrlOnly, Good, Revoked, Ok(List)),
        (CrlOnly, Good, Unknown, Ok(List)),
        (CrlOnly, Stale, Good, STALE),
        (CrlOnly, Nothing, Good, UNKNOWN),
        (OcspOnly, Good, Good, Ok(Ocsp)),
        (OcspOnly, Good, Nothing, UNKNOWN),
        (OcspOnly, Revoked, Good, Ok(Ocsp)),
        (OcspOnly, Good, Stale, STALE),
    ] {
        let policy = RevocationPolicy {
            preference,
            ..RevocationPolicy::default()
        };
        let actual = outcome(crl, ocsp, &policy);
        assert_eq!(
            actual, expected,
            "{preference:?}, CRL {crl:?}, OCSP {ocsp:?}"
        );
    }
}

/// The issuing authority names no responder, so its superior's list is read all the same.
#[test]
fn ocsp_alone_still_asks_for_the_authorities_lists() {
    let baseline = Baseline::new();
    let policy = RevocationPolicy {
        preference: SourcePreference::OcspOnly,
        ..RevocationPolicy::default()
    };
    let judge = |root_list: Option<ListDraft>| {
        let evidence = Evidence {
            crls: root_list.iter().map(ListDraft::crl).collect(),
            ocsp: vec![ResponseDraft::of(&baseline).response()],
            ..Evidence::default()
        };
        check_with(&baseline, &evidence, &policy)
            .map(|_| ())
            .map_err(|error| error.code())
    };
    let root_list = ListDraft::of(&baseline.root);
    assert_eq!(judge(None), Err("pki.revocation_unknown"));
    let mut revoking = root_list.clone();
    assert_eq!(judge(Some(root_list)), Ok(()));
    revoking.revoke(&baseline.issuing.draft.tbs.serial_number, None);
    assert_eq!(judge(Some(revoking)), Err("pki.certificate_revoked"));
}

#[test]
fn an_operator_may_let_a_list_speak_when_a_responder_does_not_know_the_card() {
    let policy = RevocationPolicy {
        unknown_status: UnknownStatus::FallBackToCrl,
        ..RevocationPolicy::default()
    };
    assert_eq!(
        outcome(Says::Good, Says::Unknown, &policy),
        Ok(SourceKind::Crl)
    );
    let without = outcome(Says::Nothing, Says::Unknown, &policy);
    assert_eq!(
        without,
        Err("pki.revocation_unknown"),
        "never good by itself"
    );
    let revoked = outcome(Says::Revoked, Says::Unknown, &policy);
    assert_eq!(revoked, Err("pki.certificate_revoked"));
}

#[test]
fn a_body_that_is_no_evidence_counts_as_unreachable() {
    let baseline = Baseline::new();
    let path = baseline.path();
    let source = sources(&path).remove(0);
    let mut evidence = Evidence::default();
    evidence.crls.push(ListDraft::of(&baseline.root).crl());
    let page = b"<html>503</html>";
    assert!(evidence.add_crl(&source, CRL_URL, page).is_err());
    assert!(
        evidence
            .add_ocsp_response(&source, OCSP_URL, b"", None)
            .is_err()
    );
    let error =
        check_revocation(&path, &evidence, &RevocationPolicy::default(), NOW).expect_err("none");
    assert_eq!(error.code(), "pki.revocation_unreachable");

    evidence
        .add_crl(&source, CRL_URL, &ListDraft::of(&baseline.issuing).der())
        .expect("a list");
    let good = check_revocation(&path, &evidence, &RevocationPolicy::default(), NOW).expect("good");
    assert_eq!((good.source(), good.age_seconds()), (SourceKind::Crl, 3600));
    assert_eq!(good.this_update(), NOW - Duration::HOUR);
    assert_eq!(good.stale_by_seconds(), 0);
}

#[test]
fn a_revocation_says_whose_when_and_why() {
    let baseline = Baseline::new();
    let mut list = ListDraft::of(&baseline.issuing);
    list.revoke(
        &baseline.card.tbs.serial_number,
        Some(x509_cert::ext::pkix::CrlReason::Superseded),
    );
    let evidence = Evidence {
        crls: vec![list.crl()],
        ..Evidence::default()
    };
    match check_with(&baseline, &evidence, &RevocationPolicy::default()) {
        Err(Error::CertificateRevoked {
            position,
            revoked_at,
            reason,
        }) => {
            assert_eq!(position, Position::EndEntity);
            assert_eq!(revoked_at, NOW - Duration::days(2));
            assert_eq!(reason.to_string(), "superseded");
        }
        other => panic!("{other:?}"),
    }
}
