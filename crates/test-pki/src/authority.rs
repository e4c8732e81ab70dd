//! An authority: a key with a certificate that signs certificates.

use openssl::pkey::{PKey, PKeyRef, Private};
use openssl::rand::rand_bytes;
use x509_cert::Certificate;
use x509_cert::certificate::{TbsCertificate, Version};
use x509_cert::der::{Decode, Encode};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::time::Validity;

use crate::certificate_spec::{CertificateSpec, IssuedCertificate};
use crate::error::Error;
use crate::extension::{IssuerFacts, certificate_extensions};
use crate::key::{key_identifier, public_key_info, sign, signature_algorithm};
use crate::moment::x509_time;
use crate::publication::PublicationPoints;

/// Serial numbers of the model: 16 random bytes for end entities.
const SERIAL_BYTES: usize = 16;

/// A key and certificate that can issue.
#[derive(Clone)]
pub struct Authority {
    pub(crate) certificate_der: Vec<u8>,
    pub(crate) key: PKey<Private>,
    pub(crate) subject: Name,
    pub(crate) key_identifier: Vec<u8>,
    pub(crate) points: PublicationPoints,
    /// This authority and those above it, nearest first, without the root.
    chain_der: Vec<Vec<u8>>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Authority")
            .field("subject", &self.subject.to_string())
            .finish_non_exhaustive()
    }
}

impl Authority {
    /// Makes a root: `spec` signed with its own `key`.
    ///
    /// # Errors
    /// [`Error`] when OpenSSL or the encoding refuses.
    pub fn self_signed(
        spec: &CertificateSpec,
        key: PKey<Private>,
        points: PublicationPoints,
    ) -> Result<Self, Error> {
        let info = public_key_info(&key)?;
        let identifier = key_identifier(&info)?;
        let facts = IssuerFacts {
            key_identifier: &identifier,
            points: &points,
        };
        let (certificate_der, _) = build(spec, &key, &spec.subject.encode()?, &key, &facts)?;
        Self::from_parts(certificate_der, key, points, Vec::new())
    }

    /// Takes up an existing root or issuing authority again, for example from a folder.
    /// `above_der` holds the authorities above it, nearest first, without the root.
    ///
    /// # Errors
    /// [`Error::EncodingFailed`] when the certificate is not one.
    pub fn from_parts(
        certificate_der: Vec<u8>,
        key: PKey<Private>,
        points: PublicationPoints,
        above_der: Vec<Vec<u8>>,
    ) -> Result<Self, Error> {
        let certificate = Certificate::from_der(&certificate_der)?;
        let tbs = &certificate.tbs_certificate;
        let is_root = tbs.subject == tbs.issuer;
        let mut chain_der = if is_root {
            Vec::new()
        } else {
            vec![certificate_der.clone()]
        };
        chain_der.extend(above_der);
        Ok(Self {
            key_identifier: key_identifier(&tbs.subject_public_key_info)?,
            subject: tbs.subject.clone(),
            certificate_der,
            key,
            points,
            chain_der,
        })
    }

    /// Makes an authority of a certificate that this or another authority issued.
    ///
    /// # Errors
    /// [`Error::EncodingFailed`] when the certificate cannot be read back.
    pub fn from_issued(
        issued: &IssuedCertificate,
        points: PublicationPoints,
    ) -> Result<Self, Error> {
        let chain = issued.chain_der.clone();
        Self::from_parts(issued.der.clone(), issued.key.clone(), points, chain)
    }

    /// The authority's certificate in DER.
    #[must_use]
    pub fn certificate_der(&self) -> &[u8] {
        &self.certificate_der
    }

    /// The authority's certificate in PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> String {
        crate::pem::certificate(&self.certificate_der)
    }

    /// The authority's private key.
    #[must_use]
    pub fn key(&self) -> &PKeyRef<Private> {
        &self.key
    }

    /// Where the authority publishes.
    #[must_use]
    pub fn points(&self) -> &PublicationPoints {
        &self.points
    }

    /// Issues `spec` with a new key of the kind that it asks for.
    ///
    /// # Errors
    /// [`Error`] when OpenSSL or the encoding refuses.
    pub fn issue(&self, spec: &CertificateSpec) -> Result<IssuedCertificate, Error> {
        self.issue_with_key(spec, spec.key.generate()?)
    }

    /// Issues `spec` for a key that the caller brings.
    ///
    /// # Errors
    /// [`Error`] when OpenSSL or the encoding refuses.
    pub fn issue_with_key(
        &self,
        spec: &CertificateSpec,
        key: PKey<Private>,
    ) -> Result<IssuedCertificate, Error> {
        let facts = IssuerFacts {
            key_identifier: &self.key_identifier,
            points: &self.points,
        };
        let (der, serial) = build(spec, &key, &self.subject, &self.key, &facts)?;
        let chain_der = self.chain_der.clone();
        Ok(IssuedCertificate {
            der,
            key,
            serial,
            chain_der,
            spec: spec.clone(),
        })
    }
}

fn build(
    spec: &CertificateSpec,
    subject_key: &PKeyRef<Private>,
    issuer: &Name,
    issuer_key: &PKeyRef<Private>,
    facts: &IssuerFacts<'_>,
) -> Result<(Vec<u8>, Vec<u8>), Error> {
    let info = public_key_info(subject_key)?;
    let subject_key_identifier = key_identifier(&info)?;
    let serial = match &spec.serial {
        Some(serial) => serial.clone(),
        None => random_serial()?,
    };
    let algorithm = signature_algorithm(issuer_key);
    let tbs = TbsCertificate {
        version: Version::V3,
        serial_number: SerialNumber::new(&serial)?,
        signature: algorithm.clone(),
        issuer: issuer.clone(),
        validity: Validity {
            not_before: x509_time(spec.not_before)?,
            not_after: x509_time(spec.not_after)?,
        },
        subject: spec.subject.encode()?,
        subject_public_key_info: info,
        issuer_unique_id: None,
        subject_unique_id: None,
        extensions: Some(certificate_extensions(
            spec,
            &subject_key_identifier,
            facts,
        )?),
    };
    let signature = sign(issuer_key, &tbs.to_der()?)?;
    let certificate = Certificate {
        tbs_certificate: tbs,
        signature_algorithm: algorithm,
        signature,
    };
    Ok((certificate.to_der()?, serial))
}

/// 16 random bytes with the first neither zero nor with its top bit set, so that the number takes
/// exactly 16 bytes.
fn random_serial() -> Result<Vec<u8>, Error> {
    let mut serial = vec![0; SERIAL_BYTES];
    rand_bytes(&mut serial)?;
    if let Some(first) = serial.first_mut() {
        *first = (*first & 0x3f) | 0x40;
    }
    Ok(serial)
}
