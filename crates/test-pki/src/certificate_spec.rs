//! Everything that a certificate will say, as plain fields.
//!
//! A test starts from a spec that a [`CardProfile`](crate::CardProfile) or an authority made,
//! changes one field, and issues: so each odd certificate differs from a good one in one thing.

use openssl::pkey::{PKey, Private};
use time::{Duration, OffsetDateTime};
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::ext::pkix::KeyUsages;

use crate::authority_name::AuthorityName;
use crate::distinguished_name::DistinguishedName;
use crate::key::KeyKind;
use crate::object_identifier::{EKU_OCSP_SIGNING, EKU_SERVER_AUTH};
use crate::profession::Profession;

/// The content of a certificate before it is signed.
#[derive(Clone, Debug)]
pub struct CertificateSpec {
    /// The authority that [`TestPki::issue`](crate::TestPki::issue) lets sign.
    pub issuer: AuthorityName,
    /// Subject name.
    pub subject: DistinguishedName,
    /// Start of validity.
    pub not_before: OffsetDateTime,
    /// End of validity.
    pub not_after: OffsetDateTime,
    /// Kind of the subject's key.
    pub key: KeyKind,
    /// Serial number; `None` draws 16 random bytes.
    pub serial: Option<Vec<u8>>,
    /// Basic constraints, RFC 5280 section 4.2.1.9.
    pub basic_constraints: BasicConstraints,
    /// Key usage (critical); empty leaves the extension out.
    pub key_usage: Vec<KeyUsages>,
    /// Extended key usage (not critical); empty leaves the extension out.
    pub extended_key_usage: Vec<ObjectIdentifier>,
    /// Certificate policies (not critical); empty leaves the extension out.
    pub policies: Vec<ObjectIdentifier>,
    /// Private key usage period, as signature certificates carry it.
    pub private_key_usage_period: Option<(OffsetDateTime, OffsetDateTime)>,
    /// Subject alternative name.
    pub subject_alt_name: Option<SubjectAltName>,
    /// Whether CDP, freshest CRL and AIA point to the issuer's publication points.
    pub pointers: Pointers,
    /// Private extension .2: type of card. `Some(0)` is a CPS and is not the same as `None`.
    pub card_type: Option<u8>,
    /// Private extension .3: `<issuer 10 digits>/<card 10 digits>`.
    pub card_number: Option<String>,
    /// Private extension .5: kind of certificate; the top bit means test.
    pub certificate_kind: Option<u8>,
    /// Private extension .7 or .8.
    pub profession: Option<Profession>,
    /// Extensions of any content, appended last.
    pub extra_extensions: Vec<RawExtension>,
}

/// Basic constraints of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BasicConstraints {
    /// No extension at all.
    Absent,
    /// `CA:FALSE`, not critical, as on the model's end entities.
    EndEntity,
    /// `CA:TRUE`, critical, with an optional path length.
    Authority {
        /// How many further authorities may stand below.
        path_length: Option<u8>,
    },
}

/// Subject alternative name of a person's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubjectAltName {
    /// `otherName` with the Microsoft user principal name.
    UserPrincipalName(String),
    /// `rfc822Name`.
    Email(String),
    /// `dNSName`.
    DnsName(String),
    /// `uniformResourceIdentifier`.
    Uri(String),
    /// `iPAddress`, 4 or 16 bytes.
    IpAddress(Vec<u8>),
}

/// Which pointers to status information a certificate carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pointers {
    /// CDP (HTTP and LDAP), freshest CRL (LDAP), AIA with OCSP and caIssuers: end entities.
    Full,
    /// CDP only: issuing authorities, whose own status is checkable by CRL only.
    CrlOnly,
    /// None: roots.
    None,
}

/// An extension given in DER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawExtension {
    /// Its object identifier.
    pub oid: ObjectIdentifier,
    /// Whether a verifier that does not know it must refuse.
    pub critical: bool,
    /// The content of `extnValue`.
    pub der: Vec<u8>,
}

/// Fixed days, since the model's certificates live three years to the second.
pub(crate) fn years_after(at: OffsetDateTime, years: i32) -> OffsetDateTime {
    at.replace_year(at.year().saturating_add(years))
        // 29 February has no twin three years on; the day before is the nearest.
        .or_else(|_| (at - Duration::DAY).replace_year(at.year().saturating_add(years)))
        .unwrap_or(at)
}

impl CertificateSpec {
    fn bare(issuer: AuthorityName, subject: DistinguishedName, at: OffsetDateTime) -> Self {
        Self {
            issuer,
            subject,
            not_before: at - Duration::DAY,
            not_after: years_after(at - Duration::DAY, 3),
            key: KeyKind::Rsa2048,
            serial: None,
            basic_constraints: BasicConstraints::EndEntity,
            key_usage: Vec::new(),
            extended_key_usage: Vec::new(),
            policies: Vec::new(),
            private_key_usage_period: None,
            subject_alt_name: None,
            pointers: Pointers::Full,
            card_type: None,
            card_number: None,
            certificate_kind: None,
            profession: None,
            extra_extensions: Vec::new(),
        }
    }

    /// An end entity without any usage, valid from the day before `at` for three years.
    #[must_use]
    pub fn end_entity(
        issuer: AuthorityName,
        subject: DistinguishedName,
        at: OffsetDateTime,
    ) -> Self {
        Self::bare(issuer, subject, at)
    }

    /// An authority below `issuer`: CA, certificate and CRL signing, any policy.
    #[must_use]
    pub fn authority(
        issuer: AuthorityName,
        subject: DistinguishedName,
        at: OffsetDateTime,
    ) -> Self {
        Self {
            key: KeyKind::Rsa4096,
            // The model's authorities are years old when a card is made, and live twenty.
            not_before: years_after(at, -5),
            not_after: years_after(at, 15),
            basic_constraints: BasicConstraints::Authority { path_length: None },
            key_usage: vec![KeyUsages::KeyCertSign, KeyUsages::CRLSign],
            policies: vec![crate::object_identifier::ANY_POLICY],
            pointers: Pointers::CrlOnly,
            ..Self::bare(issuer, subject, at)
        }
    }

    /// A delegated OCSP responder of `issuer`, RFC 6960 section 4.2.2.2.
    #[must_use]
    pub fn ocsp_responder(issuer: AuthorityName, at: OffsetDateTime) -> Self {
        let name = format!("TEST OCSP {issuer}");
        let subject = DistinguishedName::new()
            .country("FR")
            .organization("CARDEA-TEST")
            .organizational_unit("IGC-CARDEA TEST")
            .common_name(&name);
        Self {
            key_usage: vec![KeyUsages::DigitalSignature],
            extended_key_usage: vec![EKU_OCSP_SIGNING],
            pointers: Pointers::None,
            extra_extensions: vec![RawExtension {
                oid: crate::object_identifier::OCSP_NO_CHECK,
                critical: false,
                // NULL: the responder's own status is not checked for its lifetime.
                der: vec![5, 0],
            }],
            ..Self::bare(issuer, subject, at)
        }
    }

    /// A TLS server certificate of the organisations' authority.
    #[must_use]
    pub fn tls_server(dns_name: &str, at: OffsetDateTime) -> Self {
        let subject = DistinguishedName::new()
            .country("FR")
            .state("Paris (75)")
            .organization("CARDEA-TEST PORTAIL")
            .organizational_unit("1000000000")
            .common_name(dns_name);
        Self {
            key_usage: vec![KeyUsages::DigitalSignature, KeyUsages::KeyEncipherment],
            extended_key_usage: vec![EKU_SERVER_AUTH, crate::object_identifier::EKU_CLIENT_AUTH],
            policies: vec![crate::object_identifier::POLICY_ORGANISATION],
            subject_alt_name: Some(SubjectAltName::DnsName(dns_name.to_owned())),
            certificate_kind: Some(0x83),
            ..Self::bare(AuthorityName::ELEMENTAIRE_ORGANISATIONS, subject, at)
        }
    }

    /// The same certificate, valid only until the day before `at`.
    #[must_use]
    pub fn expired(mut self, at: OffsetDateTime) -> Self {
        self.not_after = at - Duration::DAY;
        self.not_before = years_after(self.not_after, -3);
        self
    }

    /// The same certificate, valid only until `not_after`.
    #[must_use]
    pub fn ending(mut self, not_after: OffsetDateTime) -> Self {
        self.not_after = not_after;
        self
    }

    /// The same certificate, valid only from the day after `at`.
    #[must_use]
    pub fn not_yet_valid(mut self, at: OffsetDateTime) -> Self {
        self.not_before = at + Duration::DAY;
        self.not_after = years_after(self.not_before, 3);
        self
    }
}

/// A certificate with its private key.
#[derive(Clone)]
pub struct IssuedCertificate {
    /// The certificate in DER.
    pub der: Vec<u8>,
    /// Its private key.
    pub key: PKey<Private>,
    /// Its serial number, big endian, as it stands in the certificate.
    pub serial: Vec<u8>,
    /// The authorities above it, nearest first, without the root.
    pub chain_der: Vec<Vec<u8>>,
    /// What was asked for.
    pub spec: CertificateSpec,
}

impl std::fmt::Debug for IssuedCertificate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("IssuedCertificate")
            .field("subject", &self.spec.subject.one_line())
            .field("issuer", &self.spec.issuer)
            .finish_non_exhaustive()
    }
}

impl IssuedCertificate {
    /// The certificate with one bit of its signature turned.
    #[must_use]
    pub fn tampered_signature(&self) -> Vec<u8> {
        let mut der = self.der.clone();
        if let Some(last) = der.last_mut() {
            *last ^= 1;
        }
        der
    }

    /// The certificate in PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        crate::pem::certificate(&self.der)
    }
}
