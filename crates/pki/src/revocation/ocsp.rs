//! OCSP requests and responses (RFC 6960).
//!
//! `x509-ocsp` reads the fields, OpenSSL verifies the signature; OpenSSL's own time checks are
//! not used, because they look at the ambient clock.

mod certificate_id;
mod embedded;
mod known_responders;
mod request;
mod responder;

use super::reason::RevocationReason;
use super::status_policy::{NonceAbsent, Window};
use crate::{Certificate, Error, SignatureAlgorithm};
use embedded::Split;
use openssl::memcmp;
use openssl::ocsp as openssl_ocsp;
use openssl::x509::{X509Name, X509NameRef};
use std::fmt;
use std::sync::{Arc, OnceLock};
use time::OffsetDateTime;
use x509_cert::der::asn1::{ObjectIdentifier, OctetString};
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::Extensions;
use x509_ocsp::{
    BasicOcspResponse, CertStatus, OcspGeneralizedTime, OcspResponseStatus, ResponderId,
    ResponseBytes, SingleResponse,
};
use x509_parser::prelude::FromDer;
use x509_parser::x509::AlgorithmIdentifier;

pub use known_responders::KnownResponders;
pub use request::ocsp_request;
pub(super) use responder::Appointment;

/// Most bytes of one response; real ones have some 2 kB with a responder certificate.
pub const OCSP_RESPONSE_BYTES_MAX: usize = 64 * 1024;

/// Most certificates in a response that are looked at.
const EMBEDDED_CERTIFICATES_MAX: usize = 4;

const ID_PKIX_OCSP_BASIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1");
const ID_PKIX_OCSP_NONCE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.2");

/// A parsed response together with the nonce that was sent for it; nothing in it is trusted
/// until its signature has been checked.
#[derive(Clone)]
pub struct OcspResponse {
    inner: Arc<Inner>,
}

struct Inner {
    nonce_sent: Option<Vec<u8>>,
    /// `None` when the responder answered with an error such as `tryLater`.
    basic: Option<Basic>,
}

struct Basic {
    /// Without its certificates, where these were read before.
    parsed: BasicOcspResponse,
    openssl: openssl_ocsp::OcspBasicResponse,
    signature_algorithm: SignatureAlgorithm,
    known_certificates: Option<Vec<Vec<u8>>>,
    /// The public key that is known to have signed the response.
    signed_by: OnceLock<Vec<u8>>,
    /// The name that the response gives its responder, as OpenSSL reads it.
    responder_name: OnceLock<Option<X509Name>>,
}

/// What a response says about one certificate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    pub(super) status: AnswerStatus,
    pub(super) window: Window,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AnswerStatus {
    Good,
    Revoked {
        revoked_at: OffsetDateTime,
        reason: RevocationReason,
    },
    Unknown,
}

impl OcspResponse {
    /// Parses one DER response; `nonce` is the one that was sent, if one was.
    ///
    /// A responder's error answer (`tryLater`, `internalError` …) parses, and counts as a source
    /// that could not be reached.
    ///
    /// # Errors
    /// [`Error::OcspResponseMalformed`] beyond [`OCSP_RESPONSE_BYTES_MAX`], for bytes that are not
    /// DER (an empty body, an HTML page), or for another response type than `id-pkix-ocsp-basic`.
    pub fn parse(der: &[u8], nonce: Option<&[u8]>) -> Result<Self, Error> {
        if der.len() > OCSP_RESPONSE_BYTES_MAX {
            return Err(Error::OcspResponseMalformed(
                "it is larger than any real response",
            ));
        }
        let response = x509_ocsp::OcspResponse::from_der(der)
            .map_err(|_| Error::OcspResponseMalformed("it is not one strict DER response"))?;
        let basic = match response.response_status {
            OcspResponseStatus::Successful => Some(Basic::parse(der, response)?),
            _ => None,
        };
        Ok(Self {
            inner: Arc::new(Inner {
                nonce_sent: nonce.map(<[u8]>::to_vec),
                basic,
            }),
        })
    }

    /// Whether the responder gave an answer at all, rather than an error such as `tryLater`.
    #[must_use]
    pub fn is_answer(&self) -> bool {
        self.inner.basic.is_some()
    }

    fn answers_about(
        &self,
        certificate: &Certificate,
        issuer: &Certificate,
    ) -> Vec<&SingleResponse> {
        let basic = self.inner.basic.iter();
        let singles = basic.flat_map(|basic| &basic.parsed.tbs_response_data.responses);
        singles
            .filter(|single| certificate_id::identifies(&single.cert_id, certificate, issuer))
            .collect()
    }

    /// What the response says about `certificate`, once its signature, its responder's right to
    /// answer for the issuer and its nonce have been checked. Empty when any of that fails or when
    /// it speaks about others: such a response is no evidence.
    pub(super) fn answers(
        &self,
        certificate: &Certificate,
        nonce_absent: NonceAbsent,
        appointment: &Appointment<'_>,
    ) -> Result<Vec<Answer>, Error> {
        let Some(basic) = &self.inner.basic else {
            return Ok(Vec::new());
        };
        let singles = self.answers_about(certificate, appointment.issuer);
        if singles.is_empty()
            || basic.has_unknown_critical_extension(&singles)
            || !self.nonce_fits(nonce_absent)
            || !responder::is_authentic(basic, appointment)?
        {
            return Ok(Vec::new());
        }
        Ok(singles.into_iter().map(read_answer).collect())
    }

    /// Checks the nonce when one was sent (RFC 9654 section 2.1).
    fn nonce_fits(&self, absent: NonceAbsent) -> bool {
        let Some(sent) = &self.inner.nonce_sent else {
            return true;
        };
        let Some(returned) = self.inner.basic.as_ref().and_then(Basic::nonce) else {
            return absent == NonceAbsent::Accept;
        };
        returned.len() == sent.len() && memcmp::eq(&returned, sent)
    }
}

impl Basic {
    fn parse(der: &[u8], response: x509_ocsp::OcspResponse) -> Result<Self, Error> {
        let bytes = response
            .response_bytes
            .filter(|bytes| bytes.response_type == ID_PKIX_OCSP_BASIC)
            .ok_or(Error::OcspResponseMalformed("it has no basic response"))?;
        let basic = bytes.response.as_bytes();
        if let Some(Split { rest, certificates }) = embedded::split_known(basic) {
            let malformed = |_| Error::OcspResponseMalformed("it is not readable in parts");
            let short = x509_ocsp::OcspResponse {
                response_status: OcspResponseStatus::Successful,
                response_bytes: Some(ResponseBytes {
                    response_type: ID_PKIX_OCSP_BASIC,
                    response: OctetString::new(rest.as_slice()).map_err(malformed)?,
                }),
            };
            let short = short.to_der().map_err(malformed)?;
            return Self::read(&short, &rest, Some(certificates));
        }
        Self::read(der, basic, None)
    }

    fn read(
        response: &[u8],
        basic: &[u8],
        known_certificates: Option<Vec<Vec<u8>>>,
    ) -> Result<Self, Error> {
        let malformed = Error::OcspResponseMalformed;
        let parsed = BasicOcspResponse::from_der(basic)
            .map_err(|_| malformed("its basic response is not strict DER"))?;
        let openssl = openssl_ocsp::OcspResponse::from_der(response)
            .and_then(|response| response.basic())
            .map_err(|_| malformed("OpenSSL does not read it"))?;
        let algorithm = parsed
            .signature_algorithm
            .to_der()
            .map_err(|_| malformed("its signature algorithm is not readable"))?;
        let (_, algorithm) = AlgorithmIdentifier::from_der(&algorithm)
            .map_err(|_| malformed("its signature algorithm is not readable"))?;
        let signature_algorithm = SignatureAlgorithm::from_parsed(&algorithm);
        Ok(Self {
            parsed,
            openssl,
            signature_algorithm,
            known_certificates,
            signed_by: OnceLock::new(),
            responder_name: OnceLock::new(),
        })
    }

    /// The name of the responder; none where it is identified by its key, or not readable.
    fn responder_name(&self) -> Option<&X509NameRef> {
        let read = || match &self.parsed.tbs_response_data.responder_id {
            ResponderId::ByName(name) => X509Name::from_der(&name.to_der().ok()?).ok(),
            ResponderId::ByKey(_) => None,
        };
        let name = self.responder_name.get_or_init(read).as_ref();
        name.map(AsRef::as_ref)
    }

    /// The certificates that came with the response, in DER, as far as they are looked at.
    fn certificates(&self) -> Vec<Vec<u8>> {
        match &self.known_certificates {
            Some(known) => known
                .iter()
                .take(EMBEDDED_CERTIFICATES_MAX)
                .cloned()
                .collect(),
            None => {
                let embedded = self.parsed.certs.iter().flatten();
                embedded
                    .take(EMBEDDED_CERTIFICATES_MAX)
                    .filter_map(|certificate| certificate.to_der().ok())
                    .collect()
            }
        }
    }

    /// The returned nonce's octets; some responders leave out the OCTET STRING around them.
    fn nonce(&self) -> Option<Vec<u8>> {
        let extensions = self.parsed.tbs_response_data.response_extensions.as_ref()?;
        let nonce = extensions
            .iter()
            .find(|extension| extension.extn_id == ID_PKIX_OCSP_NONCE)?;
        let value = nonce.extn_value.as_bytes();
        let octets = x509_ocsp::ext::Nonce::from_der(value).map(|nonce| nonce.0.into_bytes());
        Some(octets.unwrap_or_else(|_| value.to_vec()))
    }

    fn has_unknown_critical_extension(&self, singles: &[&SingleResponse]) -> bool {
        let of_response = self.parsed.tbs_response_data.response_extensions.iter();
        let of_singles = singles
            .iter()
            .filter_map(|single| single.single_extensions.as_ref());
        of_response.chain(of_singles).any(has_unknown_critical)
    }
}

fn has_unknown_critical(extensions: &Extensions) -> bool {
    extensions
        .iter()
        .any(|extension| extension.critical && extension.extn_id != ID_PKIX_OCSP_NONCE)
}

fn read_answer(single: &SingleResponse) -> Answer {
    let status = match single.cert_status {
        CertStatus::Good(_) => AnswerStatus::Good,
        CertStatus::Unknown(_) => AnswerStatus::Unknown,
        CertStatus::Revoked(info) => AnswerStatus::Revoked {
            revoked_at: read_time(info.revocation_time),
            reason: info
                .revocation_reason
                .map_or(RevocationReason::Unspecified, |reason| {
                    u8::try_from(reason as u32)
                        .map_or(RevocationReason::Unspecified, RevocationReason::from_code)
                }),
        },
    };
    let window = Window {
        this_update: read_time(single.this_update),
        next_update: single.next_update.map(read_time),
    };
    Answer { status, window }
}

/// `GeneralizedTime` reaches to the year 9999, which both time types hold.
fn read_time(time: OcspGeneralizedTime) -> OffsetDateTime {
    i64::try_from(time.0.to_unix_duration().as_secs())
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

impl fmt::Debug for OcspResponse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("OcspResponse")
            .field("is_answer", &self.is_answer())
            .finish_non_exhaustive()
    }
}
