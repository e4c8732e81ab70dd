//! A test PKI in the shape of the French health professionals' card PKI, made in memory.
//!
//! Three assurance ranges (ELEMENTAIRE, STANDARD, FORT) with a root each and issuing authorities
//! below; card certificates for authentication and for signature with the multi-valued name, the
//! identifier prefixes and the private extensions of the model; CRLs and OCSP responses. All
//! persons, numbers and authorities are invented, and say TEST in their names.
//!
//! [`CountryPki`] makes the PKIs of other countries' cards ([`hba`], [`piv`]).
//!
//! It makes certificates and never judges them: `cardea-pki` does. It does no I/O and reads no
//! clock, so the present is an argument. Nothing made here may be trusted by a real system.
//!
//! ```
//! use cardea_test_pki::{AuthorityName, CardProfile, CrlSpec, KeyKind, TestPki};
//!
//! let pki = TestPki::shared().unwrap();
//! let card = pki.issue_card(&CardProfile::pharmacist().with_key(KeyKind::P256)).unwrap();
//!
//! // An odd variant: change one field of a good certificate, then issue it.
//! let mut spec = CardProfile::doctor().authentication(pki.at()).unwrap();
//! spec.key = KeyKind::P256;
//! let expired = pki.issue(&spec.expired(pki.at())).unwrap();
//!
//! // What is revoked is said to each CRL, not kept in the PKI.
//! let list = CrlSpec::new(AuthorityName::FORT_PERSONNES, pki.at())
//!     .revoke(&card.authentication, pki.at());
//! let crl = pki.authority(AuthorityName::FORT_PERSONNES).unwrap().crl(&list).unwrap();
//! assert!(!crl.is_empty() && !expired.der.is_empty());
//! ```

mod authority;
mod authority_name;
mod card_profile;
mod certificate_spec;
mod country_pki;
mod crl;
mod distinguished_name;
mod error;
mod extension;
pub mod hba;
mod identifier;
mod key;
mod legacy;
mod moment;
pub mod object_identifier;
mod ocsp;
mod pem;
pub mod piv;
mod profession;
mod publication;
mod test_pki;

pub use x509_cert::der::asn1::ObjectIdentifier;
pub use x509_cert::ext::pkix::KeyUsages;

pub use authority::Authority;
pub use authority_name::{AssuranceRange, AuthorityName, Domain};
pub use card_profile::{CardFamily, CardProfile, IssuedCard, Structure};
pub use certificate_spec::{
    BasicConstraints, CertificateSpec, IssuedCertificate, Pointers, RawExtension, SubjectAltName,
};
pub use country_pki::CountryPki;
pub use crl::{CrlReason, CrlScope, CrlSpec, RevokedEntry};
pub use distinguished_name::DistinguishedName;
pub use error::Error;
pub use identifier::{PersonIdentifier, StructureIdentifier};
pub use key::KeyKind;
pub use ocsp::{OcspSigner, OcspSpec, OcspStatus};
pub use profession::Profession;
pub use publication::{PublicationPoints, PublicationSettings};
pub use test_pki::{PkiSettings, TestPki};
