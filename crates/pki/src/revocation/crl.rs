//! Certificate revocation lists (RFC 5280 section 5).

mod entries;
mod extensions;
mod fields;
mod number;
mod scope;
mod signature;

use super::distribution_point::Points;
use super::reason::{ReasonSet, RevocationReason};
use super::status_policy::Window;
use crate::{AlgorithmFloor, Certificate, DistinguishedName, Error, Position, name};
use entries::Entries;
use extensions::Extensions;
use openssl::sha::Sha256;
use openssl::x509::{X509Name, X509NameRef};
use signature::ListSignature;
use std::fmt;
use std::sync::{Arc, OnceLock};
use time::OffsetDateTime;
use x509_parser::prelude::FromDer;

pub use number::CrlNumber;

/// Most bytes of one CRL: some 1 600 000 entries, more than all cards of health professionals in
/// France.
pub const CRL_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A parsed list; nothing in it is trusted until its signature has been checked.
///
/// The bytes it was parsed from are not kept: an index of the serial numbers is, and the digest
/// that was signed. Cloning is cheap, and a signature that has been verified once is not verified
/// again for the same key, so one list of many megabytes serves many logins.
#[derive(Clone)]
pub struct Crl {
    inner: Arc<Inner>,
}

struct Inner {
    issuer: DistinguishedName,
    issuer_name: X509Name,
    signature: ListSignature,
    window: Window,
    extensions: Extensions,
    entries: Entries,
    /// Whether nothing critical is unknown, on the list and on every entry.
    is_understood: bool,
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
    /// Parses one DER list, complete or delta.
    ///
    /// # Errors
    /// [`Error::CrlMalformed`] beyond [`CRL_BYTES_MAX`], for trailing bytes, BER that is not DER,
    /// a repeated extension, or anything else that RFC 5280 section 5.1 does not allow.
    pub fn parse(der: &[u8]) -> Result<Self, Error> {
        if der.len() > CRL_BYTES_MAX {
            return Err(Error::CrlMalformed("it is larger than any real list"));
        }
        let fields = fields::read(der)?;
        let unreadable_name = |_| Error::CrlMalformed("its issuer is not readable");
        let issuer_name = X509Name::from_der(fields.issuer).map_err(unreadable_name)?;
        let (_, issuer) = x509_parser::x509::X509Name::from_der(fields.issuer)
            .map_err(|_| Error::CrlMalformed("its issuer is not readable"))?;
        let extensions = extensions::read(&fields.extensions, fields.issuer)?;
        let (entries, are_entries_understood) =
            entries::read(&fields, extensions.scope.is_indirect)?;
        let inner = Inner {
            issuer: DistinguishedName::from_parsed(&issuer),
            issuer_name,
            signature: ListSignature::new(fields.signed, fields.algorithm, fields.signature)?,
            window: fields.window,
            is_understood: extensions.is_understood && are_entries_understood,
            extensions,
            entries,
            signed_by: OnceLock::new(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Who issued the list; unverified.
    #[must_use]
    pub fn issuer(&self) -> &DistinguishedName {
        &self.inner.issuer
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
        self.inner.extensions.number.as_ref()
    }

    /// How many entries it has.
    #[must_use]
    pub fn entries_count(&self) -> usize {
        self.inner.entries.len()
    }

    /// Whether it is a delta list (RFC 5280 section 5.2.4), which only completes another.
    #[must_use]
    pub fn is_delta(&self) -> bool {
        self.base_number().is_some()
    }

    /// Whether it may speak about other issuers' certificates (RFC 5280 section 5.2.5).
    #[must_use]
    pub fn is_indirect(&self) -> bool {
        self.inner.extensions.scope.is_indirect
    }

    /// Whether `authority` is the issuer that the list names; unverified.
    ///
    /// # Errors
    /// [`Error::Cryptography`] when OpenSSL cannot compare two names.
    pub fn names_issuer(&self, authority: &Certificate) -> Result<bool, Error> {
        name::names_match(self.issuer_name(), authority.openssl().subject_name())
    }

    /// The number of the complete list that a delta list starts from; `None` on complete lists.
    #[must_use]
    pub fn base_number(&self) -> Option<&CrlNumber> {
        self.inner.extensions.base_number.as_ref()
    }

    /// Where delta lists are said to be (RFC 5280 section 5.2.6), by URI of any scheme.
    #[must_use]
    pub fn freshest_urls(&self) -> &[String] {
        &self.inner.extensions.freshest_urls
    }

    /// Whether there is an entry for `certificate`, by its issuer and serial number.
    ///
    /// This is no verdict: neither signature nor scope nor age is looked at, and an entry of a
    /// delta list may take a revocation back. [`super::check_revocation`] decides.
    ///
    /// # Errors
    /// [`Error::Cryptography`] when OpenSSL cannot compare two names.
    pub fn has_entry_for(&self, certificate: &Certificate) -> Result<bool, Error> {
        Ok(self.find(certificate)?.is_some())
    }

    pub(super) fn issuer_name(&self) -> &X509NameRef {
        &self.inner.issuer_name
    }

    pub(super) fn window(&self) -> Window {
        self.inner.window
    }

    /// The reasons for which this list, if its signature holds, may speak about a certificate;
    /// empty when it is out of scope or has something critical that is not understood.
    pub(super) fn reasons_for(&self, points: &Points<'_>) -> Result<ReasonSet, Error> {
        if !self.inner.is_understood {
            return Ok(ReasonSet::NONE);
        }
        let scope = &self.inner.extensions.scope;
        scope.reasons_for(points, self.issuer_name())
    }

    /// Whether `signer` is named as the list's issuer, may sign lists, and did sign this one
    /// (RFC 5280 section 6.3.3 (f), (g)). Whether it leads to the anchor is not asked here.
    pub(super) fn is_signed_by(
        &self,
        signer: &Certificate,
        floor: AlgorithmFloor,
    ) -> Result<bool, Error> {
        let subject = signer.openssl().subject_name();
        if !name::names_match(self.issuer_name(), subject)?
            || signer.key_usage().is_some_and(|usage| !usage.crl_sign())
            || floor
                .check_signature_algorithm(self.inner.signature.algorithm(), Position::EndEntity)
                .is_err()
            || floor.check_key(signer, Position::EndEntity).is_err()
        {
            return Ok(false);
        }
        let key = signer.public_key_info();
        if let Some(known) = self.inner.signed_by.get() {
            return Ok(known == key);
        }
        let signed = self.inner.signature.is_by(signer.public_key());
        if signed {
            // Another thread may have been faster; it found the same key.
            let _ = self.inner.signed_by.set(key.to_vec());
        }
        Ok(signed)
    }

    /// The entry for a certificate.
    pub(super) fn find(&self, certificate: &Certificate) -> Result<Option<Entry>, Error> {
        let issuer = certificate.openssl().issuer_name();
        self.inner.entries.find(issuer, certificate.serial())
    }

    /// Whether this delta list brings `base` up to date: same issuer, scope and key identifier
    /// (RFC 5280 section 6.3.3 (c)), a number above the list's, and no gap between them
    /// (section 5.2.4 (c), (d)).
    pub(super) fn updates(&self, base: &Self) -> Result<bool, Error> {
        let (own, other) = (&self.inner.extensions, &base.inner.extensions);
        let (Some(start), Some(end), Some(number)) = (&own.base_number, &own.number, &other.number)
        else {
            return Ok(false);
        };
        Ok(start <= number
            && number < end
            && !base.is_delta()
            && own.scope.der() == other.scope.der()
            && own.authority_key_identifier == other.authority_key_identifier
            && name::names_match(self.issuer_name(), base.issuer_name())?)
    }

    /// Names the series of lists this one belongs to: lists of one key and one scope share their
    /// numbers (RFC 5280 section 5.2.3), but a complete list is published less often than its
    /// deltas, so it is not older for having a lower number than they.
    pub(super) fn scope_key(&self, issuer: &Certificate) -> Vec<u8> {
        let mut of = Sha256::new();
        of.update(issuer.public_key_info());
        of.update(self.inner.extensions.scope.der());
        of.update(if self.is_delta() { b"delta" } else { b"" });
        of.finish().to_vec()
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
