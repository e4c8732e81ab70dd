//! X.509 path building, path validation, revocation decisions and certificate profiles.
//!
//! The crate answers one question: *may this certificate, at this moment, stand for this
//! person?* It follows RFC 5280 (certificates, paths, CRLs) and RFC 6960 (OCSP), and reads
//! card certificates through profiles, which are data ([`profile::Profile`]).
//!
//! What it deliberately does not do: it opens no socket, reads no file and never looks at a
//! clock. Time (`at`), nonces and fetched evidence (CRLs, OCSP responses) arrive as arguments.
//! It writes no cryptography and no ASN.1 parsing: OpenSSL verifies every signature and every
//! candidate path, `x509-parser` and `x509-ocsp` read fields.
//!
//! ```no_run
//! use cardea_pki::{Certificate, PathPolicy, TrustStore, validate_path};
//! use cardea_pki::profile::{Profile, ProfilePolicy};
//! use cardea_pki::revocation::{self, Evidence, RevocationPolicy};
//!
//! # fn login(anchors: &[u8], leaf: &[u8], at: time::OffsetDateTime)
//! #     -> Result<(), cardea_pki::Error> {
//! let store = TrustStore::new(Certificate::parse_pem_bundle(anchors)?, Vec::new());
//! let path = validate_path(&Certificate::parse(leaf)?, &[], &store, &PathPolicy::login(), at)?;
//!
//! let mut evidence = Evidence::default();
//! for source in revocation::sources(&path) {
//!     for url in &source.crl_urls {
//!         // The caller fetches: on success `evidence.add_crl(&source, url, &bytes)`, else
//!         evidence.note_unreachable(&source, url);
//!     }
//! }
//! let good = revocation::check_revocation(&path, &evidence, &RevocationPolicy::default(), at)?;
//! if let Some(profile) = Profile::builtin("cps") {
//!     let identity = profile.identify(&path, &ProfilePolicy::production())?;
//!     println!("{} {}", identity.subject_id, good.age_seconds());
//! }
//! # Ok(())
//! # }
//! ```

mod accepted_policies;
mod algorithm;
mod budget;
mod certificate;
mod der_check;
mod digest;
mod error;
mod expected_subject;
mod key_usage;
mod known_paths;
mod name;
mod oid;
mod openssl_errors;
mod path_builder;
mod path_edges;
mod path_validation;
mod policy;
pub mod profile;
pub mod revocation;
mod trust_anchor;

pub use algorithm::{AlgorithmFloor, SignatureAlgorithm};
pub use certificate::{CERTIFICATE_BYTES_MAX, Certificate};
pub use error::{Error, Position};
pub use expected_subject::{ExpectedName, ExpectedSubject};
pub use key_usage::KeyUsage;
pub use known_paths::KnownPaths;
pub use name::{Attribute, DistinguishedName};
pub use oid::Oid;
pub use path_validation::{
    EXTRA_CERTIFICATES_MAX, ValidatedPath, check_issuing_authority, check_trust_anchor, other_path,
    validate_path,
};
pub use policy::{
    CertificatePolicies, Conformance, ExplicitPolicy, ExtendedKeyUsageChaining, Inhibit,
    PathPolicy, Purpose,
};
pub use profile::ProfessionalIdentity;
pub use revocation::{Evidence, EvidenceSource, RevocationGood, RevocationPolicy};
pub use trust_anchor::TrustStore;
