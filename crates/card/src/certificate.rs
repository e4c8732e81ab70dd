//! Certificates as a card carries them: what they are for, and whose name a prompt can show.

use std::fmt;

use openssl::pkey::{Id, PKey, Public};
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::{Error, KeyAlgorithm, KeyReference, PivSlot};

mod holder;

pub use holder::{CardFamily, CardHolder};

/// Most bytes of one certificate; CPS certificates have about 2.3 kB.
const CERTIFICATE_BYTES_MAX: usize = 16 * 1024;

/// A certificate read from a card. Nothing in it is proven: the server validates it.
#[derive(Clone)]
pub struct CardCertificate {
    key: KeyReference,
    der: Vec<u8>,
    public_key: PKey<Public>,
    key_algorithm: Option<KeyAlgorithm>,
    for_authentication: bool,
    subject_der: Vec<u8>,
    holder: CardHolder,
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
}

impl CardCertificate {
    /// Reads one DER certificate that belongs to `key`.
    ///
    /// # Errors
    /// [`Error::CertificateMalformed`].
    pub fn parse(key: KeyReference, der: Vec<u8>) -> Result<Self, Error> {
        if der.len() > CERTIFICATE_BYTES_MAX {
            return Err(malformed("it is longer than 16 KiB"));
        }
        let (trailing, certificate) = X509Certificate::from_der(&der)
            .map_err(|_| malformed("it is not an X.509 structure"))?;
        if !trailing.is_empty() {
            return Err(malformed("bytes follow it"));
        }
        let public_key = PKey::public_key_from_der(certificate.public_key().raw)
            .map_err(|_| malformed("its public key cannot be read"))?;
        let validity = certificate.validity();
        Ok(Self {
            key,
            key_algorithm: key_algorithm(&public_key),
            public_key,
            for_authentication: is_for_authentication(&certificate),
            subject_der: certificate.subject().as_raw().to_vec(),
            holder: CardHolder::read(&certificate),
            not_before: validity.not_before.to_datetime(),
            not_after: validity.not_after.to_datetime(),
            der,
        })
    }

    /// The key that the certificate belongs to.
    pub fn key(&self) -> &KeyReference {
        &self.key
    }

    /// The certificate in DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The public key.
    pub fn public_key(&self) -> &PKey<Public> {
        &self.public_key
    }

    /// The kind of key.
    ///
    /// # Errors
    /// [`Error::KeyUnsupported`] when cards of this kind are not supported.
    pub fn key_algorithm(&self) -> Result<KeyAlgorithm, Error> {
        self.key_algorithm.ok_or(Error::KeyUnsupported)
    }

    /// Whether the certificate says that its key authenticates its holder as a client:
    /// key usage digitalSignature and extended key usage clientAuth, both present
    /// (RFC 5280 sections 4.2.1.3 and 4.2.1.12).
    pub fn is_for_authentication(&self) -> bool {
        self.for_authentication
    }

    /// The names for a prompt. Unproven, unescaped.
    pub fn holder(&self) -> &CardHolder {
        &self.holder
    }

    /// Start of validity.
    pub fn not_before(&self) -> OffsetDateTime {
        self.not_before
    }

    /// End of validity.
    pub fn not_after(&self) -> OffsetDateTime {
        self.not_after
    }
}

impl fmt::Debug for CardCertificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // No names: this may end up in a log.
        formatter
            .debug_struct("CardCertificate")
            .field("key", &self.key)
            .field("key_algorithm", &self.key_algorithm)
            .field("for_authentication", &self.for_authentication)
            .finish_non_exhaustive()
    }
}

/// Chooses the certificate to log in with: by key usage and extended key usage, never by order.
///
/// The contactless key of a PIV card (slot 9E), which signs without a PIN, is chosen only where no
/// other certificate can be read: without contact. When a card carries the certificates of two
/// periods of one person, the one that begins last wins.
///
/// # Errors
/// [`Error::NoAuthenticationCertificate`]; [`Error::AuthenticationCertificateAmbiguous`] when the
/// candidates name different subjects.
pub fn authentication_certificate(
    certificates: &[CardCertificate],
) -> Result<&CardCertificate, Error> {
    let contactless = KeyReference::Piv(PivSlot::CardAuthentication);
    let is_contactless = certificates.iter().all(|one| one.key == contactless);
    let mut chosen: Option<&CardCertificate> = None;
    for candidate in certificates {
        if !candidate.for_authentication || (candidate.key == contactless && !is_contactless) {
            continue;
        }
        match chosen {
            Some(earlier) if earlier.subject_der != candidate.subject_der => {
                return Err(Error::AuthenticationCertificateAmbiguous);
            }
            Some(earlier) if earlier.not_before >= candidate.not_before => {}
            _ => chosen = Some(candidate),
        }
    }
    chosen.ok_or(Error::NoAuthenticationCertificate)
}

fn is_for_authentication(certificate: &X509Certificate<'_>) -> bool {
    // A repeated extension is an error in x509-parser and counts as "not for authentication".
    let usage = certificate.key_usage().ok().flatten();
    let extended = certificate.extended_key_usage().ok().flatten();
    usage.is_some_and(|usage| usage.value.digital_signature())
        && extended.is_some_and(|extended| extended.value.client_auth)
}

fn key_algorithm(key: &PKey<Public>) -> Option<KeyAlgorithm> {
    match key.id() {
        Id::RSA if key.bits() == 2048 => Some(KeyAlgorithm::Rsa2048),
        Id::EC => {
            let curve = key.ec_key().ok()?.group().curve_name()?;
            (curve == openssl::nid::Nid::X9_62_PRIME256V1).then_some(KeyAlgorithm::P256)
        }
        _ => None,
    }
}

fn malformed(reason: &'static str) -> Error {
    Error::CertificateMalformed { reason }
}

#[cfg(test)]
mod tests;
