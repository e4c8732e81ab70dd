//! PKIs of other countries' cards: a root and an issuing authority each, made in memory.

use time::OffsetDateTime;

use crate::authority::Authority;
use crate::authority_name::AuthorityName;
use crate::certificate_spec::{BasicConstraints, CertificateSpec, IssuedCertificate, Pointers};
use crate::distinguished_name::DistinguishedName;
use crate::error::Error;
use crate::key::KeyKind;
use crate::publication::{PublicationPoints, PublicationSettings};

/// Whose publication points a country's authorities borrow: nobody fetches them.
const BORROWED: AuthorityName = AuthorityName::FORT_PERSONNES;

/// The root and the issuing authority of one country's cards.
#[derive(Clone, Debug)]
pub struct CountryPki {
    root: Authority,
    issuing: Authority,
    at: OffsetDateTime,
}

impl CountryPki {
    /// Authorities of an invented operator.
    ///
    /// # Errors
    /// [`Error`] when OpenSSL or the encoding refuses.
    pub fn new(
        country: &str,
        operator: &str,
        key: KeyKind,
        at: OffsetDateTime,
    ) -> Result<Self, Error> {
        let named = |name: &str| {
            DistinguishedName::new()
                .country(country)
                .organization(operator)
                .common_name(name)
        };
        let points = || PublicationPoints::new(BORROWED, &PublicationSettings::default());
        let mut spec = CertificateSpec::authority(BORROWED, named("ROOT CA TEST-ONLY"), at);
        spec.pointers = Pointers::None;
        let root = Authority::self_signed(&spec, key.generate()?, points())?;
        let mut spec = CertificateSpec::authority(BORROWED, named("CARD CA TEST-ONLY"), at);
        spec.basic_constraints = BasicConstraints::Authority {
            path_length: Some(0),
        };
        let issued = root.issue_with_key(&spec, key.generate()?)?;
        Ok(Self {
            issuing: Authority::from_issued(&issued, points())?,
            root,
            at,
        })
    }

    /// The authorities of German health professionals' cards, on brainpoolP256r1 throughout.
    ///
    /// # Errors
    /// [`Error`] when OpenSSL or the encoding refuses.
    pub fn germany(at: OffsetDateTime) -> Result<Self, Error> {
        Self::new("DE", "CARDEA-TEST NOT-VALID", KeyKind::BrainpoolP256r1, at)
    }

    /// The authorities of United States identity cards.
    ///
    /// # Errors
    /// [`Error`] when OpenSSL or the encoding refuses.
    pub fn united_states(at: OffsetDateTime) -> Result<Self, Error> {
        Self::new("US", "CARDEA-TEST Government", KeyKind::P256, at)
    }

    /// The present that this PKI was made for.
    #[must_use]
    pub fn at(&self) -> OffsetDateTime {
        self.at
    }

    /// The root in DER.
    #[must_use]
    pub fn anchor_der(&self) -> &[u8] {
        self.root.certificate_der()
    }

    /// The root authority.
    #[must_use]
    pub fn root(&self) -> &Authority {
        &self.root
    }

    /// The issuing authority.
    #[must_use]
    pub fn issuing(&self) -> &Authority {
        &self.issuing
    }

    /// Issues a certificate; the issuer that `spec` names is not asked.
    ///
    /// # Errors
    /// [`Error`] when OpenSSL or the encoding refuses.
    pub fn issue(&self, spec: &CertificateSpec) -> Result<IssuedCertificate, Error> {
        self.issuing.issue(spec)
    }
}

/// A card certificate for logging in, without anything of a country.
pub(crate) fn card_certificate(
    subject: DistinguishedName,
    key: KeyKind,
    at: OffsetDateTime,
) -> CertificateSpec {
    let mut spec = CertificateSpec::end_entity(BORROWED, subject, at);
    spec.key = key;
    spec.key_usage = vec![crate::KeyUsages::DigitalSignature];
    spec
}
