//! An OCSP response whose every field can be changed before it is signed.

use crate::authority::{NOW, oid, sign, signature_algorithm};
use crate::card::Baseline;
use cardea_pki::revocation::OcspResponse;
use openssl::hash::{MessageDigest, hash};
use openssl::pkey::{PKey, Private};
use time::{Duration, OffsetDateTime};
use x509_cert::Certificate;
use x509_cert::der::asn1::{Any, GeneralizedTime, Null, OctetString};
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::CrlReason;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_ocsp::{
    BasicOcspResponse, CertId, CertStatus, OcspGeneralizedTime, ResponderId, ResponseBytes,
    ResponseData, RevokedInfo, SingleResponse, Version,
};

pub(crate) const BASIC: &str = "1.3.6.1.5.5.7.48.1.1";
pub(crate) const NONCE: &str = "1.3.6.1.5.5.7.48.1.2";
pub(crate) const SHA1: &str = "1.3.14.3.2.26";
pub(crate) const SHA256: &str = "2.16.840.1.101.3.4.2.1";
pub(crate) const MD5: &str = "1.2.840.113549.2.5";

pub(crate) fn time(moment: OffsetDateTime) -> OcspGeneralizedTime {
    let seconds = u64::try_from(moment.unix_timestamp()).expect("after 1970");
    let duration = std::time::Duration::from_secs(seconds);
    OcspGeneralizedTime(GeneralizedTime::from_unix_duration(duration).expect("before 10000"))
}

pub(crate) fn revoked(reason: Option<CrlReason>) -> CertStatus {
    CertStatus::revoked(RevokedInfo {
        revocation_time: time(NOW - Duration::DAY),
        revocation_reason: reason,
    })
}

/// SHA-1 of the contents of the key's BIT STRING.
pub(crate) fn key_hash(key: &PKey<Private>) -> OctetString {
    digest(SHA1, &key_bits(key))
}

fn key_bits(key: &PKey<Private>) -> Vec<u8> {
    let spki = key.public_key_to_der().expect("a public key");
    let spki = SubjectPublicKeyInfoOwned::from_der(&spki).expect("a public key");
    spki.subject_public_key.raw_bytes().to_vec()
}

fn digest(algorithm: &str, bytes: &[u8]) -> OctetString {
    let algorithm = match algorithm {
        SHA1 => MessageDigest::sha1(),
        _ => MessageDigest::sha256(),
    };
    OctetString::new(hash(algorithm, bytes).expect("a digest").to_vec()).expect("octets")
}

pub(crate) fn other_serial() -> SerialNumber {
    SerialNumber::new(&[9]).expect("a number")
}

pub(crate) fn certificate_id(baseline: &Baseline, algorithm: &str) -> CertId {
    let issuer_name = baseline.issuing.name().to_der().expect("DER");
    CertId {
        hash_algorithm: AlgorithmIdentifierOwned {
            oid: oid(algorithm),
            parameters: Some(Any::from(Null)),
        },
        issuer_name_hash: digest(algorithm, &issuer_name),
        issuer_key_hash: digest(algorithm, &key_bits(&baseline.issuing.key)),
        serial_number: baseline.card.tbs.serial_number.clone(),
    }
}

/// A response before it is signed.
#[derive(Clone)]
pub(crate) struct ResponseDraft {
    pub(crate) data: ResponseData,
    pub(crate) key: PKey<Private>,
    pub(crate) certs: Option<Vec<Certificate>>,
    pub(crate) digest: MessageDigest,
    pub(crate) response_type: &'static str,
}

impl ResponseDraft {
    /// "Good" for the baseline's card, signed by its issuer a minute ago, for an hour.
    pub(crate) fn of(baseline: &Baseline) -> Self {
        let data = ResponseData {
            version: Version::V1,
            responder_id: ResponderId::ByName(baseline.issuing.name()),
            produced_at: time(NOW - Duration::MINUTE),
            responses: vec![SingleResponse {
                cert_id: certificate_id(baseline, SHA1),
                cert_status: CertStatus::good(),
                this_update: time(NOW - Duration::MINUTE),
                next_update: Some(time(NOW + Duration::HOUR)),
                single_extensions: None,
            }],
            response_extensions: None,
        };
        Self {
            data,
            key: baseline.issuing.key.clone(),
            certs: None,
            digest: MessageDigest::sha256(),
            response_type: BASIC,
        }
    }

    pub(crate) fn single(&mut self) -> &mut SingleResponse {
        &mut self.data.responses[0]
    }

    pub(crate) fn window(&mut self, this_update: i64, next_update: Option<i64>) {
        let moment = |seconds: i64| time(NOW + Duration::seconds(seconds));
        let single = self.single();
        single.this_update = moment(this_update);
        single.next_update = next_update.map(moment);
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        let tbs = self.data.to_der().expect("DER");
        let basic = BasicOcspResponse {
            tbs_response_data: self.data.clone(),
            signature_algorithm: signature_algorithm(&self.key, self.digest),
            signature: sign(&self.key, self.digest, &tbs),
            certs: self.certs.clone(),
        };
        let response_bytes = ResponseBytes {
            response_type: oid(self.response_type),
            response: OctetString::new(basic.to_der().expect("DER")).expect("octets"),
        };
        x509_ocsp::OcspResponse {
            response_status: x509_ocsp::OcspResponseStatus::Successful,
            response_bytes: Some(response_bytes),
        }
        .to_der()
        .expect("DER")
    }

    pub(crate) fn response(&self) -> OcspResponse {
        OcspResponse::parse(&self.der(), None).expect("a response")
    }
}
