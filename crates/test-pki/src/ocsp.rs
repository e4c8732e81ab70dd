//! OCSP responses, signed in process (RFC 6960).

use openssl::hash::{MessageDigest, hash};
use openssl::pkey::PKeyRef;
use openssl::pkey::Private;
use time::{Duration, OffsetDateTime};
use x509_cert::Certificate;
use x509_cert::der::asn1::{Null, OctetString};
use x509_cert::der::{Any, Decode, Encode};
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::AlgorithmIdentifierOwned;
use x509_ocsp::{
    BasicOcspResponse, CertId, CertStatus, OcspGeneralizedTime, OcspRequest, OcspResponse,
    ResponderId, ResponseData, RevokedInfo, SingleResponse,
};

use crate::authority::Authority;
use crate::certificate_spec::IssuedCertificate;
use crate::crl::CrlReason;
use crate::error::Error;
use crate::key::{sign, signature_algorithm};
use crate::moment::generalized_time;
use crate::object_identifier as oid;
use crate::test_pki::TestPki;

/// What a responder says about a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OcspStatus {
    /// Not revoked.
    Good,
    /// Revoked.
    Revoked {
        /// Since when.
        at: OffsetDateTime,
        /// Why, where it says.
        reason: Option<CrlReason>,
    },
    /// The responder does not know the certificate.
    Unknown,
}

/// Who signs a response.
#[derive(Clone, Debug)]
pub enum OcspSigner {
    /// The delegated responder of the certificate's issuer.
    Delegated,
    /// The issuing authority itself.
    Issuer,
    /// Some other certificate, included in the response: for responses that must be refused.
    Other(Box<IssuedCertificate>),
}

/// The content of a response before it is signed.
#[derive(Clone, Debug)]
pub struct OcspSpec {
    /// Status of the certificate.
    pub status: OcspStatus,
    /// When the status was known to be right.
    pub this_update: OffsetDateTime,
    /// When newer information comes; `None` means at any time.
    pub next_update: Option<OffsetDateTime>,
    /// When the response was signed.
    pub produced_at: OffsetDateTime,
    /// Nonce, RFC 8954.
    pub nonce: Option<Vec<u8>>,
    /// Who signs.
    pub signer: OcspSigner,
}

impl OcspSpec {
    /// A response signed by the delegated responder a minute before `at`, good for ten minutes.
    #[must_use]
    pub fn new(status: OcspStatus, at: OffsetDateTime) -> Self {
        let this_update = at - Duration::MINUTE;
        Self {
            status,
            this_update,
            next_update: Some(this_update + Duration::minutes(10)),
            produced_at: this_update,
            nonce: None,
            signer: OcspSigner::Delegated,
        }
    }
}

impl TestPki {
    /// A signed OCSP response about `certificate`, in DER.
    ///
    /// # Errors
    /// [`Error`] when the issuer is missing, or OpenSSL or the encoding refuses.
    pub fn ocsp_response(
        &self,
        certificate: &IssuedCertificate,
        spec: &OcspSpec,
    ) -> Result<Vec<u8>, Error> {
        let issuer = self.authority(certificate.spec.issuer)?;
        let cert_id = cert_id(issuer, &certificate.serial)?;
        match &spec.signer {
            OcspSigner::Delegated => {
                let responder = self.responder(certificate.spec.issuer)?;
                let signer = Some(responder.der.as_slice());
                respond(vec![cert_id], spec, &responder.key, signer, &responder.der)
            }
            OcspSigner::Issuer => respond(
                vec![cert_id],
                spec,
                &issuer.key,
                None,
                &issuer.certificate_der,
            ),
            OcspSigner::Other(other) => respond(
                vec![cert_id],
                spec,
                &other.key,
                Some(&other.der),
                &other.der,
            ),
        }
    }

    /// Answers an OCSP request as the delegated responder of `certificate`'s issuer would: for the
    /// certificate identifiers and the nonce that the request holds.
    ///
    /// # Errors
    /// [`Error::EncodingFailed`] when the request cannot be read; else as for
    /// [`TestPki::ocsp_response`].
    pub fn answer_ocsp_request(
        &self,
        certificate: &IssuedCertificate,
        request_der: &[u8],
        spec: &OcspSpec,
    ) -> Result<Vec<u8>, Error> {
        let request = OcspRequest::from_der(request_der)?;
        let mut spec = spec.clone();
        spec.nonce = request.nonce().map(|nonce| nonce.0.as_bytes().to_vec());
        let asked = request
            .tbs_request
            .request_list
            .into_iter()
            .map(|one| one.req_cert)
            .collect();
        let responder = self.responder(certificate.spec.issuer)?;
        respond(
            asked,
            &spec,
            &responder.key,
            Some(&responder.der),
            &responder.der,
        )
    }

    /// An OCSP response of an error status, which nobody signs.
    ///
    /// # Errors
    /// [`Error::EncodingFailed`] never in practice.
    pub fn ocsp_try_later() -> Result<Vec<u8>, Error> {
        Ok(OcspResponse::try_later().to_der()?)
    }
}

fn cert_id(issuer: &Authority, serial: &[u8]) -> Result<CertId, Error> {
    let name_hash = hash(MessageDigest::sha1(), &issuer.subject.to_der()?)?;
    Ok(CertId {
        hash_algorithm: AlgorithmIdentifierOwned {
            oid: oid::SHA1,
            parameters: Some(Any::from(Null)),
        },
        issuer_name_hash: OctetString::new(name_hash.as_ref())?,
        issuer_key_hash: OctetString::new(issuer.key_identifier.as_slice())?,
        serial_number: SerialNumber::new(serial)?,
    })
}

fn respond(
    asked: Vec<CertId>,
    spec: &OcspSpec,
    key: &PKeyRef<Private>,
    included_der: Option<&[u8]>,
    signer_der: &[u8],
) -> Result<Vec<u8>, Error> {
    let status = match spec.status {
        OcspStatus::Good => CertStatus::good(),
        OcspStatus::Unknown => CertStatus::unknown(),
        OcspStatus::Revoked { at, reason } => CertStatus::revoked(RevokedInfo {
            revocation_time: OcspGeneralizedTime(generalized_time(at)?),
            revocation_reason: reason,
        }),
    };
    let this_update = OcspGeneralizedTime(generalized_time(spec.this_update)?);
    let next_update = spec
        .next_update
        .map(generalized_time)
        .transpose()?
        .map(OcspGeneralizedTime);
    let responses = asked.into_iter().map(|cert_id| SingleResponse {
        cert_id,
        cert_status: status,
        this_update,
        next_update,
        single_extensions: None,
    });
    let nonce = match &spec.nonce {
        Some(nonce) => {
            let value = OctetString::new(nonce.as_slice())?;
            Some(vec![crate::extension::extension(
                oid::OCSP_NONCE,
                false,
                &value,
            )?])
        }
        None => None,
    };
    let signer = Certificate::from_der(signer_der)?;
    let data = ResponseData {
        version: x509_ocsp::Version::V1,
        responder_id: ResponderId::ByName(signer.tbs_certificate.subject),
        produced_at: OcspGeneralizedTime(generalized_time(spec.produced_at)?),
        responses: responses.collect(),
        response_extensions: nonce,
    };
    let signature = sign(key, &data.to_der()?)?;
    let certs = match included_der {
        Some(der) => Some(vec![Certificate::from_der(der)?]),
        None => None,
    };
    let response = BasicOcspResponse {
        tbs_response_data: data,
        signature_algorithm: signature_algorithm(key),
        signature,
        certs,
    };
    Ok(OcspResponse::successful(response)?.to_der()?)
}
