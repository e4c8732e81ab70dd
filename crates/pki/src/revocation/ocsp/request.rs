//! OCSP requests (RFC 6960 section 4.1).

use super::certificate_id;
use crate::{Certificate, Error};
use x509_cert::der::Encode;
use x509_cert::der::asn1::OctetString;
use x509_cert::ext::Extension;
use x509_ocsp::ext::Nonce;
use x509_ocsp::{OcspRequest, Request, TbsRequest};

/// Builds a DER request for one certificate, to be posted as `application/ocsp-request`.
///
/// `nonce` is 16 to 32 random octets made by the caller (RFC 9654 section 2.1), or `None` for
/// responders that sign their answers in advance. Hand the same nonce to
/// [`crate::Evidence::add_ocsp_response`].
///
/// # Errors
/// When the certificate's serial number cannot be written into a request.
pub fn ocsp_request(
    certificate: &Certificate,
    issuer: &Certificate,
    nonce: Option<&[u8]>,
) -> Result<Vec<u8>, Error> {
    let malformed = |_| Error::CertificateMalformed("OCSP cannot identify it");
    let request_extensions = match nonce {
        None => None,
        Some(nonce) => {
            let value = Nonce::new(nonce)
                .and_then(|nonce| nonce.to_der())
                .map_err(malformed)?;
            let extn_value = OctetString::new(value).map_err(malformed)?;
            Some(vec![Extension {
                extn_id: super::ID_PKIX_OCSP_NONCE,
                critical: false,
                extn_value,
            }])
        }
    };
    let request = OcspRequest {
        tbs_request: TbsRequest {
            request_list: vec![Request {
                req_cert: certificate_id::of(certificate, issuer)?,
                single_request_extensions: None,
            }],
            request_extensions,
            ..TbsRequest::default()
        },
        optional_signature: None,
    };
    request.to_der().map_err(malformed)
}
