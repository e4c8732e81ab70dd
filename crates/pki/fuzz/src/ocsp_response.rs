//! Any bytes as an OCSP response, and any response of the authority as evidence.

use super::{signing, world};
use cardea_pki::revocation::{
    Evidence, OcspResponse, RevocationPolicy, SourcePreference, check_revocation,
};
use openssl::hash::MessageDigest;
use openssl::ocsp::{OcspBasicResponse, OcspCertId, OcspCertStatus};
use openssl::x509::X509;
use std::sync::LazyLock;

/// The nonce that good responses return.
pub const NONCE: [u8; 16] = *b"a nonce of ours.";

/// Parsing refuses with its code; and once the authority or its responder has signed it, a
/// response in which OpenSSL finds anything but "good" about the card never lets it pass.
pub fn check(data: &[u8]) {
    read(data, None);
    if let Some(signed) = signing::change_response(data, signing::sign_again) {
        for nonce in [None, Some(NONCE.as_slice())] {
            if let Some(response) = read(&signed, nonce) {
                check_verdict(&signed, response);
            }
        }
    }
}

fn read(der: &[u8], nonce: Option<&[u8]>) -> Option<OcspResponse> {
    match OcspResponse::parse(der, nonce) {
        Ok(response) => {
            let openssl = openssl::ocsp::OcspResponse::from_der(der);
            let is_answer = openssl.is_ok_and(|response| response.basic().is_ok());
            assert!(
                is_answer || !response.is_answer(),
                "OpenSSL reads no answer"
            );
            Some(response)
        }
        Err(error) => {
            assert_eq!(error.code(), "pki.ocsp_response_malformed", "{error}");
            None
        }
    }
}

fn check_verdict(der: &[u8], response: OcspResponse) {
    let evidence = Evidence {
        ocsp: vec![response],
        ..Evidence::default()
    };
    let policy = RevocationPolicy {
        preference: SourcePreference::OcspOnly,
        ..RevocationPolicy::default()
    };
    match check_revocation(&world::CARD_PATH, &evidence, &policy, world::AT) {
        Ok(good) => {
            let basic = openssl::ocsp::OcspResponse::from_der(der).and_then(|one| one.basic());
            let basic = basic.expect("OpenSSL reads what we believe");
            assert!(
                openssl_says_good(&basic),
                "a card passed without a good answer"
            );
            assert!(good.age_seconds() >= 0);
        }
        Err(error) => {
            let codes = [
                "pki.certificate_revoked",
                "pki.revocation_unknown",
                "pki.revocation_stale",
                "pki.revocation_unreachable",
            ];
            assert!(codes.contains(&error.code()), "{error}");
        }
    }
}

/// Whether the first answer about the card by either hash is "good", and none is worse.
fn openssl_says_good(basic: &OcspBasicResponse) -> bool {
    let answers: Vec<OcspCertStatus> = CARD_IDS
        .iter()
        .filter_map(|id| basic.find_status(id))
        .map(|answer| answer.status)
        .collect();
    !answers.is_empty() && answers.iter().all(|status| *status == OcspCertStatus::GOOD)
}

/// The card as SHA-1 and SHA-256 identify it (RFC 6960 section 4.1.1).
static CARD_IDS: LazyLock<[OcspCertId; 2]> = LazyLock::new(|| {
    let card = X509::from_der(&world::CARD.der).expect("a good certificate");
    let issuer = X509::from_der(world::CARD_PATH.anchor().der()).expect("a good certificate");
    [MessageDigest::sha1(), MessageDigest::sha256()]
        .map(|digest| OcspCertId::from_cert(digest, &card, &issuer).expect("an identifier"))
});
