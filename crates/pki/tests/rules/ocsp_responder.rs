//! Who may sign an OCSP response.

use crate::authority::{Authority, Draft, NOW, key_usage, name, p256, raw_extension};
use crate::card::{Baseline, CRL_URL, purposes};
use crate::evidence::check_with;
use crate::list::{ListDraft, scope};
use crate::response::{ResponseDraft, key_hash};
use cardea_pki::revocation::{
    Evidence, KnownResponders, OcspResponse, ResponderStatusAbsent, RevocationPolicy, SourceKind,
    check_revocation,
};
use openssl::pkey::{PKey, Private};
use time::Duration;
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::KeyUsages;
use x509_cert::ext::pkix::name::DistributionPointName;
use x509_ocsp::ResponderId;

const OCSP_SIGNING: &str = "1.3.6.1.5.5.7.3.9";
const NO_CHECK: &str = "1.3.6.1.5.5.7.48.1.5";

fn delegate(issuer: &Authority, key: &PKey<Private>) -> Draft {
    let mut draft = issuer.draft_for(name("CN=REPONDEUR ESSAI,C=FR"), key);
    draft.set(key_usage(KeyUsages::DigitalSignature));
    draft.set(purposes(&[OCSP_SIGNING]));
    draft.set(raw_extension(NO_CHECK, false, &[5, 0]));
    draft
}

fn judge(
    baseline: &Baseline,
    response: &ResponseDraft,
    lists: &[&ListDraft],
) -> Result<(), &'static str> {
    judge_with(baseline, response, lists, &RevocationPolicy::default())
}

fn judge_with(
    baseline: &Baseline,
    response: &ResponseDraft,
    lists: &[&ListDraft],
    policy: &RevocationPolicy,
) -> Result<(), &'static str> {
    let root_list = ListDraft::of(&baseline.root).crl();
    let crls = lists
        .iter()
        .map(|list| list.crl())
        .chain([root_list])
        .collect();
    let evidence = Evidence {
        crls,
        ocsp: vec![response.response()],
        ..Evidence::default()
    };
    check_with(baseline, &evidence, policy)
        .map(|_| ())
        .map_err(|error| error.code())
}

/// A response signed by a responder of the card's issuer, with one thing changed.
fn with_delegate(change: impl FnOnce(&mut Draft, &Baseline)) -> Result<(), &'static str> {
    let baseline = Baseline::new();
    let key = p256();
    let mut draft = delegate(&baseline.issuing, &key);
    change(&mut draft, &baseline);
    judge(&baseline, &signed_by(&baseline, &draft, &key), &[])
}

fn signed_by(baseline: &Baseline, draft: &Draft, key: &PKey<Private>) -> ResponseDraft {
    let mut response = ResponseDraft::of(baseline);
    response.key = key.clone();
    response.data.responder_id = ResponderId::ByName(draft.tbs.subject.clone());
    let der = draft.der();
    response.certs = Some(vec![
        x509_cert::Certificate::from_der(&der).expect("a certificate"),
    ]);
    response
}

/// Attack B9.
#[test]
fn only_a_responder_that_the_issuer_appointed_may_answer() {
    const UNKNOWN: Result<(), &str> = Err("pki.revocation_unknown");
    let day = Duration::DAY;
    for (what, outcome, expected) in [
        ("appointed", with_delegate(|_, _| {}), Ok(())),
        (
            "no purpose",
            with_delegate(|draft, _| draft.remove("2.5.29.37")),
            UNKNOWN,
        ),
        (
            "any purpose",
            with_delegate(|draft, _| draft.set(purposes(&["2.5.29.37.0"]))),
            UNKNOWN,
        ),
        (
            "client purpose",
            with_delegate(|draft, _| {
                draft.set(purposes(&["1.3.6.1.5.5.7.3.2"]));
            }),
            UNKNOWN,
        ),
        (
            "signs lists only",
            with_delegate(|draft, _| draft.set(key_usage(KeyUsages::CRLSign))),
            UNKNOWN,
        ),
        (
            "expired",
            with_delegate(|draft, _| draft.valid_between(NOW - day * 9, NOW - day)),
            UNKNOWN,
        ),
        (
            "not yet valid",
            with_delegate(|draft, _| draft.valid_between(NOW + day, NOW + day * 9)),
            UNKNOWN,
        ),
        (
            "of another key",
            with_delegate(|draft, _| draft.issuer_key = p256()),
            UNKNOWN,
        ),
        (
            "of the root",
            with_delegate(|draft, baseline| {
                draft.tbs.issuer = baseline.root.name();
                draft.issuer_key = baseline.root.key.clone();
            }),
            UNKNOWN,
        ),
        (
            "unknown critical extension",
            with_delegate(|draft, _| {
                draft.set(raw_extension("1.2.3.4", true, &[5, 0]));
            }),
            UNKNOWN,
        ),
        (
            "SHA-1",
            with_delegate(|draft, _| {
                draft.digest(openssl::hash::MessageDigest::sha1());
            }),
            UNKNOWN,
        ),
    ] {
        assert_eq!(outcome, expected, "{what}");
    }
}

/// Attack B9: the card's own key, and another card's, cannot vouch for the card.
#[test]
fn a_card_cannot_answer_for_itself() {
    let baseline = Baseline::new();
    let response = signed_by(&baseline, &baseline.card, &baseline.card_key);
    assert_eq!(
        judge(&baseline, &response, &[]),
        Err("pki.revocation_unknown")
    );
}

#[test]
fn a_responder_is_named_by_its_name_or_its_key() {
    let baseline = Baseline::new();
    let key = p256();
    let draft = delegate(&baseline.issuing, &key);
    let named = |responder_id: ResponderId| {
        let mut response = signed_by(&baseline, &draft, &key);
        response.data.responder_id = responder_id;
        judge(&baseline, &response, &[])
    };
    assert_eq!(named(ResponderId::ByKey(key_hash(&key))), Ok(()));
    assert_eq!(
        named(ResponderId::ByKey(key_hash(&p256()))),
        Err("pki.revocation_unknown")
    );
    assert_eq!(
        named(ResponderId::ByName(name("CN=UN AUTRE"))),
        Err("pki.revocation_unknown")
    );
    let mut silent = signed_by(&baseline, &draft, &key);
    silent.certs = None;
    assert_eq!(
        judge(&baseline, &silent, &[]),
        Err("pki.revocation_unknown"),
        "not embedded"
    );
}

#[test]
fn a_revoked_responder_is_not_believed() {
    let baseline = Baseline::new();
    let key = p256();
    let draft = delegate(&baseline.issuing, &key);
    let response = signed_by(&baseline, &draft, &key);
    let list = ListDraft::of(&baseline.issuing);
    assert_eq!(judge(&baseline, &response, &[&list]), Ok(()));
    let mut revoking = list;
    revoking.revoke(&draft.tbs.serial_number, None);
    // The list itself still speaks for the card, so the responder's answer must not be what
    // counts: make the list stale.
    revoking.tbs.next_update = Some(crate::authority::time_of(NOW - Duration::MINUTE));
    assert_eq!(
        judge(&baseline, &response, &[&revoking]),
        Err("pki.revocation_stale")
    );
}

/// RFC 6960 section 4.2.2.2.1: whoever stole a responder's key could otherwise answer for it.
#[test]
fn a_responder_without_the_nocheck_mark_needs_a_status_of_its_own() {
    let mut baseline = Baseline::new();
    // The card's lists are elsewhere, so that only the response speaks for it.
    let point = crate::card::crl_distribution_points(&["http://igc.test/crl/cards.crl"]);
    baseline.card.set(point);
    let key = p256();
    let mut draft = delegate(&baseline.issuing, &key);
    draft.remove(NO_CHECK);
    draft.set(crate::card::crl_distribution_points(&[CRL_URL]));
    let response = signed_by(&baseline, &draft, &key);
    let mut about_responders = ListDraft::of(&baseline.issuing);
    let names = DistributionPointName::FullName(vec![crate::card::url(CRL_URL)]);
    about_responders.set(scope(|point| point.distribution_point = Some(names)));

    const UNKNOWN: Result<(), &str> = Err("pki.revocation_unknown");
    assert_eq!(judge(&baseline, &response, &[]), UNKNOWN, "no list");
    assert_eq!(judge(&baseline, &response, &[&about_responders]), Ok(()));
    let mut stale = about_responders.clone();
    stale.window(NOW - Duration::DAY * 2, Some(NOW - Duration::DAY));
    assert_eq!(
        judge(&baseline, &response, &[&stale]),
        UNKNOWN,
        "a stale list"
    );
    let mut revoking = about_responders.clone();
    revoking.revoke(&draft.tbs.serial_number, None);
    assert_eq!(
        judge(&baseline, &response, &[&revoking]),
        UNKNOWN,
        "revoked"
    );
    assert_eq!(
        judge(&baseline, &response, &[&revoking, &about_responders]),
        UNKNOWN,
        "revoked wins"
    );
    let accepting = RevocationPolicy {
        responder_status_absent: ResponderStatusAbsent::Accept,
        ..RevocationPolicy::default()
    };
    for (lists, expected) in [
        (&[][..], Ok(())),
        (&[&stale][..], Ok(())),
        (&[&revoking][..], UNKNOWN),
    ] {
        let outcome = judge_with(&baseline, &response, lists, &accepting);
        assert_eq!(outcome, expected, "the operator does without a status");
    }
    draft.set(raw_extension(NO_CHECK, false, &[5, 0]));
    let marked = signed_by(&baseline, &draft, &key);
    assert_eq!(judge(&baseline, &marked, &[]), Ok(()), "with the mark");
    assert_eq!(
        judge(&baseline, &marked, &[&revoking]),
        UNKNOWN,
        "a mark does not bring back what a list revokes"
    );
}

/// Attack B9: what is remembered of a responder is only that it was appointed.
#[test]
fn a_known_responder_is_asked_everything_else_each_time() {
    let baseline = Baseline::new();
    let key = p256();
    let mut draft = delegate(&baseline.issuing, &key);
    draft.valid_between(NOW - Duration::DAY, NOW + Duration::MINUTE);
    let response = signed_by(&baseline, &draft, &key);
    let known = KnownResponders::default();
    let path = baseline.path();
    let judge_at = |response: &ResponseDraft, list: Option<&ListDraft>, at| {
        let root_list = ListDraft::of(&baseline.root);
        let evidence = Evidence {
            crls: list
                .into_iter()
                .chain([&root_list])
                .map(ListDraft::crl)
                .collect(),
            ocsp: vec![response.response()],
            known_responders: known.clone(),
            ..Evidence::default()
        };
        check_revocation(&path, &evidence, &RevocationPolicy::default(), at)
            .map(|good| good.source())
            .map_err(|error| error.code())
    };
    const GOOD: Result<SourceKind, &str> = Ok(SourceKind::Ocsp);
    const UNKNOWN: Result<SourceKind, &str> = Err("pki.revocation_unknown");
    assert_eq!(judge_at(&response, None, NOW), GOOD);
    assert_eq!(format!("{known:?}"), "KnownResponders(1)");
    assert_eq!(judge_at(&response, None, NOW), GOOD, "known");
    assert_eq!(format!("{known:?}"), "KnownResponders(1)");
    let mut forged = response.clone();
    forged.key = p256();
    assert_eq!(judge_at(&forged, None, NOW), UNKNOWN, "another signature");
    let mut renamed = response.clone();
    renamed.data.responder_id = ResponderId::ByName(name("CN=UN AUTRE"));
    assert_eq!(judge_at(&renamed, None, NOW), UNKNOWN, "another name");
    let later = NOW + Duration::MINUTE * 2;
    assert_eq!(judge_at(&response, None, later), UNKNOWN, "expired since");
    let mut revoking = ListDraft::of(&baseline.issuing);
    revoking.revoke(&draft.tbs.serial_number, None);
    revoking.window(NOW - Duration::DAY * 2, Some(NOW - Duration::DAY));
    let revoked = judge_at(&response, Some(&revoking), NOW);
    assert_eq!(revoked, Err("pki.revocation_stale"), "revoked since");
}

/// Attack B9: a response whose certificates were read before is read without them, and is judged
/// as it was; one changed octet anywhere makes it another response.
#[test]
fn a_response_with_known_certificates_is_judged_as_the_first_one() {
    let baseline = Baseline::new();
    let key = p256();
    let draft = delegate(&baseline.issuing, &key);
    let response = signed_by(&baseline, &draft, &key);
    let (path, policy) = (baseline.path(), RevocationPolicy::default());
    let judge_bytes = |der: &[u8]| {
        let evidence = Evidence {
            crls: vec![ListDraft::of(&baseline.root).crl()],
            ocsp: vec![OcspResponse::parse(der, None).map_err(|error| error.code())?],
            ..Evidence::default()
        };
        check_revocation(&path, &evidence, &policy, NOW)
            .map(|_| ())
            .map_err(|error| error.code())
    };
    let good = response.der();
    for time in ["unknown", "known", "known again"] {
        assert_eq!(judge_bytes(&good), Ok(()), "{time}");
    }
    for place in 0..good.len() {
        let mut changed = good.clone();
        changed[place] ^= 1;
        assert!(judge_bytes(&changed).is_err(), "octet {place}");
    }
    for end in 0..good.len() {
        assert!(judge_bytes(&good[..end]).is_err(), "{end} octets");
    }
    let mut of_another = response.clone();
    of_another.key = p256();
    let refused = Err("pki.revocation_unknown");
    assert_eq!(judge_bytes(&of_another.der()), refused);
    let mut without = response.clone();
    without.certs = None;
    assert_eq!(
        judge_bytes(&without.der()),
        refused,
        "nobody is brought along"
    );
    let mut revoked = response;
    revoked.single().cert_status = crate::response::revoked(None);
    let refused = Err("pki.certificate_revoked");
    assert_eq!(judge_bytes(&revoked.der()), refused);
}

/// A path judged earlier does not keep an expired issuer's responder alive.
#[test]
fn an_expired_issuer_appoints_nobody() {
    let mut baseline = Baseline::new();
    baseline
        .issuing
        .draft
        .valid_between(NOW - Duration::DAY, NOW + Duration::MINUTE);
    let key = p256();
    let response = signed_by(&baseline, &delegate(&baseline.issuing, &key), &key);
    let evidence = Evidence {
        crls: vec![ListDraft::of(&baseline.root).crl()],
        ocsp: vec![response.response()],
        ..Evidence::default()
    };
    let judge_at = |at| {
        check_revocation(
            &baseline.path(),
            &evidence,
            &RevocationPolicy::default(),
            at,
        )
        .map(|_| ())
        .map_err(|error| error.code())
    };
    assert_eq!(judge_at(NOW + Duration::MINUTE), Ok(()));
    assert_eq!(
        judge_at(NOW + Duration::MINUTE * 2),
        Err("pki.revocation_unknown")
    );
}

#[test]
fn embedded_certificates_beyond_a_few_are_not_looked_at() {
    let baseline = Baseline::new();
    let key = p256();
    let draft = delegate(&baseline.issuing, &key);
    let mut response = signed_by(&baseline, &draft, &key);
    let own = response.certs.take().expect("embedded");
    let stranger = Authority::root("CN=UN AUTRE").draft.der();
    let stranger = x509_cert::Certificate::from_der(&stranger).expect("a certificate");
    let mut crowd = |count: usize| {
        response.certs = Some([vec![stranger.clone(); count], own.clone()].concat());
        judge(&baseline, &response, &[])
    };
    assert_eq!(crowd(3), Ok(()));
    assert_eq!(crowd(4), Err("pki.revocation_unknown"));
    assert!(own[0].to_der().is_ok());
}
