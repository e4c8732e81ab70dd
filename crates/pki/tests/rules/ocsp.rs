//! OCSP requests and responses: one baseline, one field changed.

use crate::authority::{oid, p256, raw_extension};
use crate::card::Baseline;
use crate::evidence::check_with;
use crate::list::ListDraft;
use crate::response::{
    MD5, NONCE, ResponseDraft, SHA1, SHA256, certificate_id, other_serial, revoked,
};
use cardea_pki::revocation::{Evidence, NonceAbsent, OcspResponse, RevocationPolicy, ocsp_request};
use openssl::hash::MessageDigest;
use x509_cert::der::asn1::OctetString;
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::CrlReason;
use x509_cert::serial_number::SerialNumber;
use x509_ocsp::{CertId, CertStatus, OcspRequest};

fn judge(
    baseline: &Baseline,
    response: OcspResponse,
    policy: &RevocationPolicy,
) -> Result<(), &'static str> {
    let evidence = Evidence {
        crls: vec![ListDraft::of(&baseline.root).crl()],
        ocsp: vec![response],
        ..Evidence::default()
    };
    check_with(baseline, &evidence, policy)
        .map(|_| ())
        .map_err(|error| error.code())
}

fn with_response(change: impl FnOnce(&mut ResponseDraft, &Baseline)) -> Result<(), &'static str> {
    let baseline = Baseline::new();
    let mut draft = ResponseDraft::of(&baseline);
    change(&mut draft, &baseline);
    judge(&baseline, draft.response(), &RevocationPolicy::default())
}

#[test]
fn a_status_is_what_the_responder_says() {
    let status = |status| with_response(|draft, _| draft.single().cert_status = status);
    assert_eq!(status(CertStatus::good()), Ok(()));
    assert_eq!(status(CertStatus::unknown()), Err("pki.revocation_unknown"));
    assert_eq!(status(revoked(None)), Err("pki.certificate_revoked"));
    assert_eq!(
        status(revoked(Some(CrlReason::KeyCompromise))),
        Err("pki.certificate_revoked")
    );
    assert_eq!(
        status(revoked(Some(CrlReason::CertificateHold))),
        Err("pki.certificate_revoked")
    );
    let twice = with_response(|draft, _| {
        let mut second = draft.data.responses[0].clone();
        second.cert_status = revoked(None);
        draft.data.responses.push(second);
    });
    assert_eq!(twice, Err("pki.certificate_revoked"), "one of two answers");
}

/// Attack B7.
#[test]
fn an_answer_about_another_certificate_is_no_answer() {
    const UNKNOWN: Result<(), &str> = Err("pki.revocation_unknown");
    let with_id = |change: &dyn Fn(&mut CertId, &Baseline)| {
        with_response(|draft, baseline| change(&mut draft.single().cert_id, baseline))
    };
    let other = || OctetString::new([7; 20]).expect("octets");
    let cut_short =
        |octets: &OctetString| OctetString::new(&octets.as_bytes()[..10]).expect("octets");
    for (name, outcome, expected) in [
        (
            "SHA-256",
            with_id(&|id, baseline| *id = certificate_id(baseline, SHA256)),
            Ok(()),
        ),
        (
            "other serial",
            with_id(&|id, _| id.serial_number = other_serial()),
            UNKNOWN,
        ),
        (
            "other issuer name",
            with_id(&|id, _| id.issuer_name_hash = other()),
            UNKNOWN,
        ),
        (
            "other issuer key",
            with_id(&|id, _| id.issuer_key_hash = other()),
            UNKNOWN,
        ),
        (
            "hash cut short",
            with_id(&|id, _| id.issuer_key_hash = cut_short(&id.issuer_key_hash)),
            UNKNOWN,
        ),
        (
            "hash named otherwise",
            with_id(&|id, _| id.hash_algorithm.oid = oid(SHA256)),
            UNKNOWN,
        ),
        (
            "unknown hash",
            with_id(&|id, _| id.hash_algorithm.oid = oid(MD5)),
            UNKNOWN,
        ),
        (
            "the issuer's own",
            with_id(&|id, baseline| {
                id.serial_number = baseline.issuing.draft.tbs.serial_number.clone();
            }),
            UNKNOWN,
        ),
    ] {
        assert_eq!(outcome, expected, "{name}");
    }
}

/// Serial numbers are numbers with a sign: half of all random ones need a zero octet in front.
#[test]
fn an_answer_is_about_the_serial_number_with_all_its_octets() {
    let about = |card: &[u8], answered: &[u8]| {
        let mut baseline = Baseline::new();
        baseline.card.tbs.serial_number = SerialNumber::new(card).expect("a number");
        let mut draft = ResponseDraft::of(&baseline);
        draft.single().cert_id.serial_number = SerialNumber::new(answered).expect("a number");
        judge(&baseline, draft.response(), &RevocationPolicy::default())
    };
    assert_eq!(about(&[0x7f; 16], &[0x7f; 16]), Ok(()));
    assert_eq!(about(&[0xff; 16], &[0xff; 16]), Ok(()));
    let refused = Err("pki.revocation_unknown");
    assert_eq!(about(&[0xff], &[0x7f]), refused);
    assert_eq!(about(&[0x11], &[0x11, 0]), refused);
}

#[test]
fn the_right_answer_is_found_among_several() {
    let none = with_response(|draft, _| draft.data.responses.clear());
    assert_eq!(none, Err("pki.revocation_unknown"));
    let second = with_response(|draft, _| {
        let mut first = draft.data.responses[0].clone();
        first.cert_id.serial_number = other_serial();
        first.cert_status = revoked(None);
        draft.data.responses.insert(0, first);
    });
    assert_eq!(second, Ok(()));
}

/// Attack B8. The moment is the one given, whatever the machine's clock says.
#[test]
fn an_answer_counts_only_within_its_window() {
    const STALE: Result<(), &str> = Err("pki.revocation_stale");
    const DAY: i64 = 86_400;
    let window = |this_update, next_update| {
        with_response(move |draft, _| draft.window(this_update, next_update))
    };
    assert_eq!(window(-60, Some(0)), Ok(()), "ends now");
    assert_eq!(window(-60, Some(-1)), STALE, "ended a second ago");
    assert_eq!(
        window(120, Some(DAY)),
        Ok(()),
        "within the clock's allowance"
    );
    assert_eq!(window(121, Some(DAY)), STALE, "from the future");
    assert_eq!(window(-DAY, None), Ok(()), "no end, at the age limit");
    assert_eq!(window(-DAY - 1, None), STALE, "no end, over the age limit");
    assert_eq!(window(-DAY - 1, Some(DAY)), STALE, "over the age limit");
    let stale_revocation = with_response(|draft, _| {
        draft.window(-9 * DAY, Some(-8 * DAY));
        draft.single().cert_status = revoked(None);
    });
    assert_eq!(
        stale_revocation,
        Err("pki.certificate_revoked"),
        "a stale answer still revokes"
    );
    let stale_unknown = with_response(|draft, _| {
        draft.window(-60, Some(-1));
        draft.single().cert_status = CertStatus::unknown();
    });
    assert_eq!(stale_unknown, STALE);
}

/// "Newer revocation information is available all the time" (RFC 6960 section 4.2.2.1).
#[test]
fn an_answer_without_an_end_counts_for_a_day_whatever_age_is_accepted() {
    const DAY: i64 = 86_400;
    let patient = RevocationPolicy {
        ocsp_age_seconds_max: u32::MAX,
        ..RevocationPolicy::default()
    };
    for (age, next_update, expected) in [
        (DAY, None, Ok(())),
        (DAY + 1, None, Err("pki.revocation_stale")),
        (9 * DAY, Some(DAY), Ok(())),
    ] {
        let baseline = Baseline::new();
        let mut draft = ResponseDraft::of(&baseline);
        draft.window(-age, next_update);
        let verdict = judge(&baseline, draft.response(), &patient);
        assert_eq!(verdict, expected, "{age}, {next_update:?}");
    }
}

#[test]
fn a_signature_that_does_not_verify_is_no_answer() {
    const UNKNOWN: Result<(), &str> = Err("pki.revocation_unknown");
    assert_eq!(
        with_response(|draft, _| draft.key = p256()),
        UNKNOWN,
        "other key"
    );
    assert_eq!(
        with_response(|draft, _| draft.digest = MessageDigest::sha1()),
        UNKNOWN,
        "below the floor"
    );
    let baseline = Baseline::new();
    let mut der = ResponseDraft::of(&baseline).der();
    // The two validity times of the answer are the only GeneralizedTimes with this hour.
    let position = der
        .windows(4)
        .rposition(|window| window == b"1300")
        .expect("nextUpdate");
    der[position + 1] = b'9';
    let forged = OcspResponse::parse(&der, None).expect("a response");
    assert_eq!(
        judge(&baseline, forged, &RevocationPolicy::default()),
        UNKNOWN,
        "changed byte"
    );
}

#[test]
fn critical_extensions_that_are_not_known_close_the_answer() {
    let unknown = |critical| raw_extension("1.2.3.4", critical, &[5, 0]);
    let of_response = |critical| {
        with_response(|draft, _| draft.data.response_extensions = Some(vec![unknown(critical)]))
    };
    let of_single = |critical| {
        with_response(|draft, _| draft.single().single_extensions = Some(vec![unknown(critical)]))
    };
    assert_eq!((of_response(false), of_single(false)), (Ok(()), Ok(())));
    let refused = Err("pki.revocation_unknown");
    assert_eq!((of_response(true), of_single(true)), (refused, refused));
}

/// Attack B11.
#[test]
fn a_nonce_that_was_sent_is_checked() {
    let baseline = Baseline::new();
    let sent = [0x5a; 16];
    let octets = |nonce: &[u8]| {
        OctetString::new(nonce)
            .expect("octets")
            .to_der()
            .expect("DER")
    };
    let judge_nonce = |sent: Option<&[u8]>, value: Option<Vec<u8>>, nonce_absent| {
        let mut draft = ResponseDraft::of(&baseline);
        draft.data.response_extensions =
            value.map(|value| vec![raw_extension(NONCE, false, &value)]);
        let response = OcspResponse::parse(&draft.der(), sent).expect("a response");
        let policy = RevocationPolicy {
            nonce_absent,
            ..RevocationPolicy::default()
        };
        judge(&baseline, response, &policy)
    };
    let refused = Err("pki.revocation_unknown");
    let (accept, refuse) = (NonceAbsent::Accept, NonceAbsent::Refuse);
    for (name, outcome, expected) in [
        (
            "returned",
            judge_nonce(Some(&sent), Some(octets(&sent)), refuse),
            Ok(()),
        ),
        (
            "returned bare",
            judge_nonce(Some(&sent), Some(sent.to_vec()), refuse),
            Ok(()),
        ),
        (
            "another",
            judge_nonce(Some(&sent), Some(octets(&[0x5b; 16])), accept),
            refused,
        ),
        (
            "a part",
            judge_nonce(Some(&sent), Some(octets(&sent[..8])), accept),
            refused,
        ),
        (
            "absent, tolerated",
            judge_nonce(Some(&sent), None, accept),
            Ok(()),
        ),
        (
            "absent, required",
            judge_nonce(Some(&sent), None, refuse),
            refused,
        ),
        (
            "not sent",
            judge_nonce(None, Some(octets(&sent)), refuse),
            Ok(()),
        ),
    ] {
        assert_eq!(outcome, expected, "{name}");
    }
}

/// Attack B10.
#[test]
fn a_responders_error_is_never_good() {
    let baseline = Baseline::new();
    for (name, answer) in [
        ("tryLater", x509_ocsp::OcspResponse::try_later()),
        ("internalError", x509_ocsp::OcspResponse::internal_error()),
        (
            "malformedRequest",
            x509_ocsp::OcspResponse::malformed_request(),
        ),
        ("sigRequired", x509_ocsp::OcspResponse::sig_required()),
        ("unauthorized", x509_ocsp::OcspResponse::unauthorized()),
    ] {
        let response = OcspResponse::parse(&answer.to_der().unwrap(), None).expect(name);
        assert!(!response.is_answer());
        let outcome = judge(&baseline, response, &RevocationPolicy::default());
        assert_eq!(outcome, Err("pki.revocation_unreachable"), "{name}");
    }
}

#[test]
fn bytes_that_are_not_one_response_are_refused() {
    let draft = ResponseDraft::of(&Baseline::new());
    let der = draft.der();
    let other_type = {
        let mut draft = draft.clone();
        draft.response_type = "1.2.3.4";
        draft.der()
    };
    let no_bytes = x509_ocsp::OcspResponse {
        response_status: x509_ocsp::OcspResponseStatus::Successful,
        response_bytes: None,
    };
    for (name, bytes) in [
        ("an empty body", Vec::new()),
        ("a page", b"<html></html>".to_vec()),
        ("cut short", der[..der.len() - 1].to_vec()),
        ("a byte after it", [der.as_slice(), &[0]].concat()),
        ("too large", vec![0x30; 65 * 1024]),
        ("another type", other_type),
        ("successful and empty", no_bytes.to_der().unwrap()),
    ] {
        let code = OcspResponse::parse(&bytes, None).expect_err(name).code();
        assert_eq!(code, "pki.ocsp_response_malformed", "{name}");
    }
}

/// OpenSSL reads the request and finds the same certificate in it.
#[test]
fn a_request_names_the_certificate_and_carries_the_nonce() {
    let baseline = Baseline::new();
    let (card, issuer) = (baseline.card.certificate(), baseline.issuing.certificate());
    let nonce = [0x5a; 32];
    let der = ocsp_request(&card, &issuer, Some(&nonce)).expect("a request");
    let request = OcspRequest::from_der(&der).expect("a request");
    assert_eq!(
        request.nonce().map(|nonce| nonce.0.as_bytes().to_vec()),
        Some(nonce.to_vec())
    );
    let expected = certificate_id(&baseline, SHA1);
    assert_eq!(request.tbs_request.request_list[0].req_cert, expected);
    assert!(openssl::ocsp::OcspRequest::from_der(&der).is_ok());

    let without = ocsp_request(&card, &issuer, None).expect("a request");
    assert!(
        OcspRequest::from_der(&without)
            .expect("a request")
            .nonce()
            .is_none()
    );
}
