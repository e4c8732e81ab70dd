//! Self-issued certificates that OpenSSL would take for self-signed ones.
//!
//! An authority that changes its key certifies the new one under its own name (RFC 4158 section
//! 1.5.2). OpenSSL tells such a certificate from a self-signed one by the authority key identifier
//! alone, and ends the path there when that is missing or names the certificate's own key. So
//! OpenSSL is shown a copy whose identifier contradicts; the signatures are checked on the
//! certificates themselves, and no rule of RFC 5280 section 6.1 reads the identifier.

use crate::{Certificate, Error, name};
use openssl::x509::X509;
use x509_cert::der::asn1::{ObjectIdentifier, OctetString};
use x509_cert::der::{Decode, Encode, ErrorKind};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::AuthorityKeyIdentifier;
use x509_cert::serial_number::SerialNumber;

const AUTHORITY_KEY_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.35");

/// The copy to show, where a certificate below the anchor needs one.
pub(super) fn stand_in(certificate: &Certificate) -> Result<Option<X509>, Error> {
    let own = certificate.openssl();
    let contradicts = certificate
        .authority_key_identifier()
        .is_some_and(|wanted| certificate.subject_key_identifier() != Some(wanted));
    if contradicts
        || !certificate.is_version_3()
        || !name::names_match(own.subject_name(), own.issuer_name())?
    {
        return Ok(None);
    }
    // A certificate that this encoder does not read is left to OpenSSL as it is.
    let copy = contradicting_copy(certificate).ok();
    Ok(copy.and_then(|der| X509::from_der(&der).ok()))
}

/// The certificate with an identifier of another serial number, and of another key where it had
/// one of a key.
fn contradicting_copy(certificate: &Certificate) -> x509_cert::der::Result<Vec<u8>> {
    let mut copy = x509_cert::Certificate::from_der(certificate.der())?;
    // Whatever else OpenSSL reads in the copy must be what the certificate says.
    if copy.to_der()? != certificate.der() {
        return Err(ErrorKind::Failed.into());
    }
    let other_serial = if certificate.serial() == [1] { 2 } else { 1 };
    let other_key = certificate
        .authority_key_identifier()
        .map(|_| OctetString::new([0]))
        .transpose()?;
    let identifier = AuthorityKeyIdentifier {
        key_identifier: other_key,
        authority_cert_issuer: None,
        authority_cert_serial_number: Some(SerialNumber::new(&[other_serial])?),
    };
    let extensions = copy.tbs_certificate.extensions.get_or_insert_default();
    let critical = extensions
        .iter()
        .any(|extension| extension.extn_id == AUTHORITY_KEY_IDENTIFIER && extension.critical);
    extensions.retain(|extension| extension.extn_id != AUTHORITY_KEY_IDENTIFIER);
    extensions.push(Extension {
        extn_id: AUTHORITY_KEY_IDENTIFIER,
        critical,
        extn_value: OctetString::new(identifier.to_der()?)?,
    });
    copy.to_der()
}
