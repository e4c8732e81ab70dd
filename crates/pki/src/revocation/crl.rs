//! Certificate revocation lists (RFC 5280 section 5).

mod entries;
mod scope;

use super::reason::RevocationReason;
use super::status_policy::Window;
use crate::{AlgorithmFloor, Certificate, Error, Position, SignatureAlgorithm, der_check, name};
use entries::Entries;
use openssl::hash::{Hasher, MessageDigest};
use openssl::x509::X509Crl;
use scope::{Scope, Use};
use std::fmt;
use std::sync::{Arc, OnceLock};
use time::OffsetDateTime;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::FreshestCrl;
use x509_cert::ext::pkix::crl::BaseCrlNumber;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

/// Most bytes of one CRL: some 1 600 000 entries, more than all cards of health professionals in
/// France.
pub const CRL_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A CRL number (RFC 5280 section 5.2.3), of any length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrlNumber(Vec<u8>);

impl CrlNumber {
    /// From big-endian octets; leading zeros do not matter.
    #[must_use]
    pub fn from_be_bytes(bytes: &[u8]) -> Self {
        Self(
            bytes
                .iter()
                .copied()
                .skip_while(|byte| *byte == 0)
                .collect(),
        )
    }

    /// Big-endian octets without leading zeros.
    #[must_use]
    pub fn as_be_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Ord for CrlNumber {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0
            .len()
            .cmp(&other.0.len())
            .then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for CrlNumber {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// A parsed list; nothing in it is trusted until its signature has been checked.
///
/// Cloning is cheap, and a signature that has been verified once is not verified again for the
/// same key, so one list of many megabytes serves many logins.
#[derive(Clone)]
pub struct Crl {
    inner: Arc<Inner>,
}

struct Inner {
    openssl: X509Crl,
    signature_algorithm: SignatureAlgorithm,
    window: Window,
    number: Option<CrlNumber>,
    base_number: Option<CrlNumber>,
    freshest_urls: Vec<String>,
    scope: Scope,
    entries: Entries,
    usable: Use,
    /// The public key that is known to have signed the list.
    signed_by: OnceLock<Vec<u8>>,
}

/// What a list says about one certificate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) revoked_at: OffsetDateTime,
    pub(super) reason: RevocationReason,
}

impl Crl {
    /// Parses one DER list.
    ///
    /// # Errors
    /// [`Error::CrlMalformed`] beyond [`CRL_BYTES_MAX`], for trailing bytes, BER that is not DER,
    /// a repeated extension, or two parsers that count the entries differently.
    pub fn parse(der: &[u8]) -> Result<Self, Error> {
        if der.len() > CRL_BYTES_MAX {
            return Err(Error::CrlMalformed("it is larger than any real list"));
        }
        if !der_check::is_one_der_value(der) {
            return Err(Error::CrlMalformed("it is not one strict DER value"));
        }
        let (rest, parsed) = CertificateRevocationList::from_der(der)
            .map_err(|_| Error::CrlMalformed("a field is not readable"))?;
        let openssl =
            X509Crl::from_der(der).map_err(|_| Error::CrlMalformed("OpenSSL does not read it"))?;
        if !rest.is_empty() {
            return Err(Error::CrlMalformed("bytes follow the list"));
        }
        if parsed.signature_algorithm != parsed.tbs_cert_list.signature {
            return Err(Error::CrlMalformed("its two signature algorithms differ"));
        }
        // A parser that stopped early would make revoked cards look good.
        let counted = parsed.tbs_cert_list.revoked_certificates.len();
        if openssl.get_revoked().map_or(0, |revoked| revoked.len()) != counted {
            return Err(Error::CrlMalformed("its entries cannot be counted"));
        }
        let (entries, entries_use) = entries::read(&parsed)?;
        let (scope, scope_use) = scope::read(&parsed)?;
        let inner = Inner {
            openssl,
            signature_algorithm: SignatureAlgorithm::from_parsed(&parsed.signature_algorithm),
            window: Window {
                this_update: parsed.last_update().to_datetime(),
                next_update: parsed.next_update().map(|time| time.to_datetime()),
            },
            number: read_number(&parsed),
            base_number: read_base_number(&parsed)?,
            freshest_urls: read_freshest_urls(&parsed)?,
            scope,
            entries,
            usable: scope_use.max(entries_use),
            signed_by: OnceLock::new(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// When the list was issued.
    #[must_use]
    pub fn this_update(&self) -> OffsetDateTime {
        self.inner.window.this_update
    }

    /// When the next list is promised; a list without it is never current.
    #[must_use]
    pub fn next_update(&self) -> Option<OffsetDateTime> {
        self.inner.window.next_update
    }

    /// The CRL number, if there is one.
    #[must_use]
    pub fn number(&self) -> Option<&CrlNumber> {
        self.inner.number.as_ref()
    }

    /// How many certificates it lists.
    #[must_use]
    pub fn entries_count(&self) -> usize {
        self.inner.entries.len()
    }

    /// Whether it is a delta list (RFC 5280 section 5.2.4), which only completes another.
    #[must_use]
    pub fn is_delta(&self) -> bool {
        self.inner.base_number.is_some()
    }

    /// The number of the complete list that a delta list starts from; `None` on complete lists.
    #[must_use]
    pub fn base_number(&self) -> Option<&CrlNumber> {
        self.inner.base_number.as_ref()
    }

    /// Where delta lists are said to be (RFC 5280 section 5.2.6), by URI of any scheme.
    #[must_use]
    pub fn freshest_urls(&self) -> &[String] {
        &self.inner.freshest_urls
    }

    pub(super) fn window(&self) -> Window {
        self.inner.window
    }

    /// Whether this list may speak for `certificate`: the issuer's name, key and right to sign
    /// lists (RFC 5280 section 6.3.3 (f), (g)), nothing critical unknown, and in scope.
    pub(super) fn speaks_for(
        &self,
        certificate: &Certificate,
        issuer: &Certificate,
        floor: AlgorithmFloor,
    ) -> Result<bool, Error> {
        if self.inner.usable == Use::Nothing || !self.inner.scope.covers(certificate) {
            return Ok(false);
        }
        let issuer_name = certificate.openssl().issuer_name();
        Ok(
            name::names_match(self.inner.openssl.issuer_name(), issuer_name)?
                && self.is_signed_by(issuer, floor)?,
        )
    }

    /// Whether `issuer` is named as the list's issuer, may sign lists, and did sign this one.
    pub(super) fn is_signed_by(
        &self,
        issuer: &Certificate,
        floor: AlgorithmFloor,
    ) -> Result<bool, Error> {
        let subject = issuer.openssl().subject_name();
        if !name::names_match(self.inner.openssl.issuer_name(), subject)?
            || issuer.key_usage().is_some_and(|usage| !usage.crl_sign())
            || floor
                .check_signature_algorithm(&self.inner.signature_algorithm, Position::EndEntity)
                .is_err()
        {
            return Ok(false);
        }
        let key = issuer.public_key().public_key_to_der()?;
        if let Some(known) = self.inner.signed_by.get() {
            return Ok(*known == key);
        }
        let signed = self
            .inner
            .openssl
            .verify(issuer.public_key())
            .unwrap_or(false);
        if signed {
            // Another thread may have been faster; it found the same key.
            let _ = self.inner.signed_by.set(key);
        }
        Ok(signed)
    }

    /// Whether a certificate that the list does not name is not revoked.
    pub(super) fn is_complete(&self) -> bool {
        self.inner.usable == Use::Complete
    }

    /// The entry for a serial number of the list's own issuer.
    pub(super) fn find(&self, certificate: &Certificate) -> Option<Entry> {
        self.inner.entries.find(certificate.serial())
    }

    /// Names the series of lists this one belongs to: lists of one key and one scope share their
    /// numbers (RFC 5280 section 5.2.3).
    pub(super) fn scope_key(&self, issuer: &Certificate) -> Vec<u8> {
        let digest = || -> Result<Vec<u8>, openssl::error::ErrorStack> {
            let mut hasher = Hasher::new(MessageDigest::sha256())?;
            hasher.update(&issuer.public_key().public_key_to_der()?)?;
            hasher.update(self.inner.scope.der())?;
            hasher.update(if self.is_delta() { b"delta" } else { b"" })?;
            Ok(hasher.finish()?.to_vec())
        };
        digest().unwrap_or_default()
    }
}

impl fmt::Debug for Crl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Crl")
            .field("this_update", &self.inner.window.this_update)
            .field("entries", &self.inner.entries.len())
            .finish_non_exhaustive()
    }
}

fn read_number(parsed: &CertificateRevocationList<'_>) -> Option<CrlNumber> {
    parsed
        .extensions()
        .iter()
        .find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::CRLNumber(number) => {
                Some(CrlNumber::from_be_bytes(&number.to_bytes_be()))
            }
            _ => None,
        })
}

fn extension_of<'a>(parsed: &'a CertificateRevocationList<'_>, oid: &str) -> Option<&'a [u8]> {
    let mut extensions = parsed.extensions().iter();
    let found = extensions.find(|extension| extension.oid.to_id_string() == oid);
    found.map(|extension| extension.value)
}

fn read_base_number(parsed: &CertificateRevocationList<'_>) -> Result<Option<CrlNumber>, Error> {
    let Some(value) = extension_of(parsed, "2.5.29.27") else {
        return Ok(None);
    };
    let number = BaseCrlNumber::from_der(value)
        .map_err(|_| Error::CrlMalformed("an extension is not readable"))?;
    Ok(Some(CrlNumber::from_be_bytes(number.0.as_bytes())))
}

fn read_freshest_urls(parsed: &CertificateRevocationList<'_>) -> Result<Vec<String>, Error> {
    let Some(value) = extension_of(parsed, "2.5.29.46") else {
        return Ok(Vec::new());
    };
    let points = FreshestCrl::from_der(value)
        .map_err(|_| Error::CrlMalformed("an extension is not readable"))?;
    let names = points
        .0
        .iter()
        .filter_map(|point| match point.distribution_point.as_ref()? {
            DistributionPointName::FullName(names) => Some(names),
            DistributionPointName::NameRelativeToCRLIssuer(_) => None,
        });
    let urls = names.flatten().filter_map(|name| match name {
        GeneralName::UniformResourceIdentifier(url) => Some(url.to_string()),
        _ => None,
    });
    Ok(urls.take(FRESHEST_URLS_MAX).collect())
}

/// Most addresses that are read from one list.
const FRESHEST_URLS_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::CrlNumber;

    #[test]
    fn numbers_compare_as_integers() {
        let number = CrlNumber::from_be_bytes;
        assert!(number(&[0xff]) < number(&[1, 0]));
        assert!(number(&[1, 2]) < number(&[1, 3]));
        assert_eq!(number(&[0, 0, 7]), number(&[7]));
    }
}
