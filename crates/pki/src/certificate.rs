//! One X.509 certificate, parsed once into owned fields.

mod extensions;
mod fields;
mod known;
mod name_forms;

use crate::algorithm::{KeyForm, roca};
use crate::digest::sha256;
use crate::{DistinguishedName, Error, KeyUsage, Oid, SignatureAlgorithm};
use extensions::Extensions;
use fields::Fields;
use openssl::pkey::{PKey, Public};
use openssl::x509::{X509, X509Ref};
use std::fmt;
use std::sync::{Arc, OnceLock};
use time::OffsetDateTime;

pub(crate) use extensions::PrivateExtension;
pub(crate) use name_forms::NameForms;

/// Most bytes of one certificate. Card certificates have some 2.3 kB, and nothing in the PKI
/// of health professionals comes near 16 KiB.
pub const CERTIFICATE_BYTES_MAX: usize = 16 * 1024;
/// Most bytes of a PEM bundle that an operator configures.
const BUNDLE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A certificate that has been *parsed*; nothing in it is trusted yet.
///
/// Cloning is cheap: clones share one immutable allocation.
#[derive(Clone)]
pub struct Certificate {
    inner: Arc<Inner>,
}

struct Inner {
    der: Vec<u8>,
    x509: X509,
    public_key: PKey<Public>,
    /// Few callers ask, and a digest costs as much as a tenth of a path.
    sha256: OnceLock<[u8; 32]>,
    fields: Fields,
    extensions: Extensions,
    issuer_name_hash: OnceLock<u32>,
    has_roca_fingerprint: OnceLock<bool>,
}

impl Certificate {
    /// Parses one DER certificate.
    ///
    /// # Errors
    /// [`Error::CertificateTooLarge`] beyond [`CERTIFICATE_BYTES_MAX`];
    /// [`Error::CertificateMalformed`] for trailing bytes, BER that is not DER, a repeated
    /// extension, an over-long serial number, two signature algorithms that differ, or anything
    /// else that RFC 5280 section 4.1 does not allow.
    pub fn parse(der: &[u8]) -> Result<Self, Error> {
        if der.len() > CERTIFICATE_BYTES_MAX {
            return Err(Error::CertificateTooLarge {
                given: der.len(),
                bound: CERTIFICATE_BYTES_MAX,
            });
        }
        let (fields, extensions) = fields::parse(der)?;
        let x509 = X509::from_der(der)
            .map_err(|_| Error::CertificateMalformed("OpenSSL does not read it"))?;
        let public_key = x509
            .public_key()
            .map_err(|_| Error::CertificateMalformed("the public key is not readable"))?;
        let inner = Inner {
            der: der.to_vec(),
            x509,
            public_key,
            sha256: OnceLock::new(),
            fields,
            extensions,
            issuer_name_hash: OnceLock::new(),
            has_roca_fingerprint: OnceLock::new(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// As [`Certificate::parse`], for what is presented again and again, such as the certificate of
    /// a person's card: the last thousand stay parsed.
    ///
    /// # Errors
    /// As [`Certificate::parse`].
    pub fn parse_again(der: &[u8]) -> Result<Self, Error> {
        if der.len() > CERTIFICATE_BYTES_MAX {
            return Self::parse(der);
        }
        let digest = sha256(der);
        if let Some(known) = known::find(&digest) {
            return Ok(known);
        }
        let certificate = Self::parse(der)?;
        known::remember(digest, &certificate);
        Ok(certificate)
    }

    /// Parses a file of PEM certificates, such as an operator's `anchors.pem`.
    ///
    /// # Errors
    /// As [`Certificate::parse`]; also when the file holds no certificate at all.
    pub fn parse_pem_bundle(pem: &[u8]) -> Result<Vec<Self>, Error> {
        if pem.len() > BUNDLE_BYTES_MAX {
            return Err(Error::CertificateTooLarge {
                given: pem.len(),
                bound: BUNDLE_BYTES_MAX,
            });
        }
        let stack = X509::stack_from_pem(pem)
            .map_err(|_| Error::CertificateMalformed("the PEM file is not readable"))?;
        if stack.is_empty() {
            return Err(Error::CertificateMalformed(
                "the PEM file has no certificate",
            ));
        }
        stack
            .iter()
            .map(|x509| Self::parse(&x509.to_der()?))
            .collect()
    }

    /// The certificate's bytes.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.inner.der
    }

    /// SHA-256 of the certificate's bytes.
    #[must_use]
    pub fn sha256(&self) -> &[u8] {
        let digest = || sha256(&self.inner.der);
        self.inner.sha256.get_or_init(digest)
    }

    /// The subject's name.
    #[must_use]
    pub fn subject(&self) -> &DistinguishedName {
        &self.inner.fields.subject
    }

    /// The issuer's name.
    #[must_use]
    pub fn issuer(&self) -> &DistinguishedName {
        &self.inner.fields.issuer
    }

    /// The serial number's content octets, big-endian two's complement, as encoded.
    #[must_use]
    pub fn serial(&self) -> &[u8] {
        &self.inner.fields.serial
    }

    /// The first moment of validity.
    #[must_use]
    pub fn not_before(&self) -> OffsetDateTime {
        self.inner.fields.not_before
    }

    /// The last moment of validity.
    #[must_use]
    pub fn not_after(&self) -> OffsetDateTime {
        self.inner.fields.not_after
    }

    /// The algorithm of the issuer's signature.
    #[must_use]
    pub fn signature_algorithm(&self) -> &SignatureAlgorithm {
        &self.inner.fields.signature_algorithm
    }

    /// The subject's public key.
    #[must_use]
    pub fn public_key(&self) -> &PKey<Public> {
        &self.inner.public_key
    }

    /// How the subject's public key is encoded.
    pub(crate) fn key_form(&self) -> &KeyForm {
        &self.inner.fields.key_form
    }

    /// What checking a signature with the subject's key takes from a budget of signature checks.
    pub(crate) fn check_cost(&self) -> u32 {
        self.key_form().check_cost(self.public_key().bits())
    }

    /// The contents of the subject public key's BIT STRING, which OCSP identifies an issuer by.
    pub(crate) fn public_key_bits(&self) -> &[u8] {
        &self.inner.fields.public_key_bits
    }

    /// The subject public key with its algorithm, as encoded: what tells one key from another
    /// without encoding it again.
    pub(crate) fn public_key_info(&self) -> &[u8] {
        &self.inner.fields.public_key_info
    }

    /// Whether its key is an RSA key of the chips of CVE-2017-15361; an authority's is asked about
    /// at every use of its lists.
    pub(crate) fn has_roca_fingerprint(&self) -> bool {
        let count = || roca::has_fingerprint(self.public_key_bits());
        *self.inner.has_roca_fingerprint.get_or_init(count)
    }

    /// The contents of the CRL distribution points extension (RFC 5280 section 4.2.1.13).
    pub(crate) fn crl_distribution_points_der(&self) -> Option<&[u8]> {
        self.inner.extensions.crl_points_der.as_deref()
    }

    /// The key usage, or `None` when the extension is absent.
    #[must_use]
    pub fn key_usage(&self) -> Option<KeyUsage> {
        self.inner.extensions.key_usage
    }

    /// The extended key usage purposes, or `None` when the extension is absent.
    #[must_use]
    pub fn extended_key_usage(&self) -> Option<&[Oid]> {
        self.inner.extensions.extended_key_usage.as_deref()
    }

    /// The certificate policies this certificate itself asserts; unverified, so prefer
    /// [`crate::ValidatedPath::policies`].
    #[must_use]
    pub fn policies(&self) -> &[Oid] {
        &self.inner.extensions.policies
    }

    /// Whether the basic constraints say that this is a certification authority.
    #[must_use]
    pub fn is_authority(&self) -> bool {
        self.inner.extensions.is_authority
    }

    /// The subject key identifier, if present.
    #[must_use]
    pub fn subject_key_identifier(&self) -> Option<&[u8]> {
        self.inner.extensions.subject_key_identifier.as_deref()
    }

    /// The authority key identifier's key identifier, if present.
    #[must_use]
    pub fn authority_key_identifier(&self) -> Option<&[u8]> {
        self.inner.extensions.authority_key_identifier.as_deref()
    }

    /// Where complete CRLs are said to be, by URI in the certificate's order.
    #[must_use]
    pub fn crl_distribution_points(&self) -> &[String] {
        &self.inner.extensions.crl_urls
    }

    /// Where delta CRLs are said to be (RFC 5280 section 4.2.1.15).
    #[must_use]
    pub fn freshest_crl(&self) -> &[String] {
        &self.inner.extensions.freshest_crl_urls
    }

    /// Where an OCSP responder is said to be.
    #[must_use]
    pub fn ocsp_urls(&self) -> &[String] {
        &self.inner.extensions.ocsp_urls
    }

    /// Where the issuer's certificate is said to be.
    #[must_use]
    pub fn issuer_urls(&self) -> &[String] {
        &self.inner.extensions.issuer_urls
    }

    /// What names it bears and constrains, as far as OpenSSL does not judge them.
    pub(crate) fn name_forms(&self) -> &NameForms {
        &self.inner.extensions.name_forms
    }

    /// Whether it is of version 3, the only one that can say it is an authority.
    pub(crate) fn is_version_3(&self) -> bool {
        self.inner.fields.is_version_3
    }

    /// The hash of the canonical issuer name; OpenSSL counts it anew each time, so it is kept.
    pub(crate) fn issuer_name_hash(&self) -> u32 {
        *self
            .inner
            .issuer_name_hash
            .get_or_init(|| self.inner.x509.issuer_name_hash())
    }

    /// Tells parsed certificates apart while they live, faster than their bytes do: clones share
    /// it, a second parse of the same bytes does not.
    pub(crate) fn instance(&self) -> usize {
        Arc::as_ptr(&self.inner).addr()
    }

    /// An extension this crate has no meaning for, such as a card profile's.
    pub(crate) fn private_extension(&self, oid: &str) -> Option<&PrivateExtension> {
        self.inner
            .extensions
            .private
            .iter()
            .find(|extension| extension.oid == oid)
    }

    pub(crate) fn openssl(&self) -> &X509Ref {
        &self.inner.x509
    }

    pub(crate) fn to_openssl(&self) -> X509 {
        self.inner.x509.clone()
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner) || self.inner.der == other.inner.der
    }
}

impl Eq for Certificate {}

/// Names stand in certificates, so only the fingerprint is printed.
impl fmt::Debug for Certificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Certificate(")?;
        for byte in self.sha256().iter().take(8) {
            write!(formatter, "{byte:02x}")?;
        }
        formatter.write_str("…)")
    }
}
