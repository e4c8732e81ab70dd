//! An authority of the predecessor PKI: other name shape, other rules, never to be trusted.

use time::OffsetDateTime;

use crate::authority::Authority;
use crate::authority_name::AuthorityName;
use crate::certificate_spec::{CertificateSpec, Pointers};
use crate::distinguished_name::DistinguishedName;
use crate::error::Error;
use crate::key::KeyKind;
use crate::publication::{PublicationPoints, PublicationSettings};

impl Authority {
    /// Makes a class authority of the PKI that ended in January 2021: C, O and OU, no CN.
    ///
    /// # Errors
    /// [`Error`] when OpenSSL or the encoding refuses.
    pub fn legacy_class(class: u8, key: KeyKind, at: OffsetDateTime) -> Result<Self, Error> {
        let subject = DistinguishedName::new()
            .country("FR")
            .organization("GIP-CARDEA-TEST")
            .organizational_unit(&format!("AC-CLASSE-{class}-TEST"));
        let issuer = AuthorityName::ELEMENTAIRE_PERSONNES;
        let mut spec = CertificateSpec::authority(issuer, subject, at);
        spec.pointers = Pointers::None;
        let points = PublicationPoints::new(issuer, &PublicationSettings::default());
        Self::self_signed(&spec, key.generate()?, points)
    }
}
