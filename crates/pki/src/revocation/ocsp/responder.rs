//! Who signed an OCSP response, and whether they may (RFC 6960 section 4.2.2.2).

use super::{Basic, KnownResponders, embedded};
use crate::digest::sha1;
use crate::path_validation::verify_delegate;
use crate::{AlgorithmFloor, Certificate, Error, Position, key_usage, name};
use openssl::ocsp::OcspFlag;
use openssl::stack::Stack;
use openssl::x509::store::X509StoreBuilder;
use time::OffsetDateTime;
use x509_ocsp::ResponderId;

/// Whom a response may be signed by, and what is asked of them.
pub(in crate::revocation) struct Appointment<'a> {
    /// The issuer of the certificate that the response is about.
    pub(in crate::revocation) issuer: &'a Certificate,
    pub(in crate::revocation) floor: AlgorithmFloor,
    pub(in crate::revocation) at: OffsetDateTime,
    /// Tells whether a responder's certificate is still believed.
    pub(in crate::revocation) stands: &'a dyn Fn(&Certificate) -> Result<bool, Error>,
    pub(in crate::revocation) known: &'a KnownResponders,
}

/// Whether the response is signed by the issuer itself or by a responder that the issuer's own
/// key has given the right to.
pub(super) fn is_authentic(basic: &Basic, appointment: &Appointment<'_>) -> Result<bool, Error> {
    let Appointment { issuer, floor, .. } = *appointment;
    if floor
        .check_signature_algorithm(&basic.signature_algorithm, Position::EndEntity)
        .is_err()
    {
        return Ok(false);
    }
    if names(basic, issuer)? && is_signed_by(basic, issuer)? {
        return Ok(true);
    }
    let certificates = basic.certificates();
    for der in &certificates {
        let Some(delegate) = appointment.delegate(der, basic)? else {
            continue;
        };
        if is_signed_by(basic, &delegate)? {
            if basic.known_certificates.is_none() {
                embedded::remember(certificates.iter());
            }
            return (appointment.stands)(&delegate);
        }
    }
    Ok(false)
}

impl Appointment<'_> {
    /// The certificate with these bytes, when it is the one that the response names and the
    /// issuer made it a responder.
    fn delegate(&self, der: &[u8], basic: &Basic) -> Result<Option<Certificate>, Error> {
        let Self {
            issuer, floor, at, ..
        } = *self;
        if let Some(known) = self.known.find(der, issuer, floor, at) {
            return Ok(names(basic, &known)?.then_some(known));
        }
        // A certificate that does not parse cannot be the responder's; another one may be.
        let Ok(delegate) = Certificate::parse(der) else {
            return Ok(None);
        };
        if !names(basic, &delegate)? || !may_answer(&delegate, issuer, floor, at)? {
            return Ok(None);
        }
        self.known.remember(&delegate, issuer, floor);
        Ok(Some(delegate))
    }
}

/// Whether the responder's identification, by name or by key, means `certificate`.
fn names(basic: &Basic, certificate: &Certificate) -> Result<bool, Error> {
    match &basic.parsed.tbs_response_data.responder_id {
        ResponderId::ByName(_) => match basic.responder_name() {
            Some(responder_name) => {
                name::names_match(responder_name, certificate.openssl().subject_name())
            }
            None => Ok(false),
        },
        ResponderId::ByKey(key_hash) => {
            Ok(sha1(certificate.public_key_bits()) == *key_hash.as_bytes())
        }
    }
}

/// The issuer must have issued the delegate's certificate directly, for this very purpose;
/// `anyExtendedKeyUsage` is not a delegation.
fn may_answer(
    delegate: &Certificate,
    issuer: &Certificate,
    floor: AlgorithmFloor,
    at: OffsetDateTime,
) -> Result<bool, Error> {
    let purposes = delegate.extended_key_usage().unwrap_or_default();
    let signs = |usage: key_usage::KeyUsage| usage.digital_signature() || usage.non_repudiation();
    if !purposes
        .iter()
        .any(|purpose| purpose == key_usage::OCSP_SIGNING)
        || !delegate.key_usage().is_none_or(signs)
    {
        return Ok(false);
    }
    match verify_delegate(delegate, issuer, floor, at) {
        Ok(()) => Ok(true),
        Err(Error::Cryptography(stack)) => Err(Error::Cryptography(stack)),
        Err(_) => Ok(false),
    }
}

/// Verifies the response's signature with exactly this certificate's key. Whether the
/// certificate may sign is decided above, at the given time, so OpenSSL's own look at its path
/// and at the clock is switched off.
///
/// A login asks more than once about the same response: whose key made the signature is kept with
/// it.
fn is_signed_by(basic: &Basic, signer: &Certificate) -> Result<bool, Error> {
    if let Some(known) = basic.signed_by.get() {
        return Ok(known == signer.public_key_info());
    }
    let mut signers = Stack::new()?;
    signers.push(signer.to_openssl())?;
    let nothing_trusted = X509StoreBuilder::new()?.build();
    let flags = OcspFlag::NO_INTERN | OcspFlag::NO_VERIFY;
    let verified = basic.openssl.verify(&signers, &nothing_trusted, flags);
    if verified.is_ok() {
        // Another thread may have been faster; it found the same key.
        let _ = basic.signed_by.set(signer.public_key_info().to_vec());
    }
    Ok(verified.is_ok())
}
