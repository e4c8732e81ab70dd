//! A small certification authority for tests: drafts of certificates whose every field can be
//! changed before they are signed.

use cardea_pki::Certificate;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Signer;
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};
use time::{Duration, OffsetDateTime, macros::datetime};
use x509_cert::certificate::{CertificateInner, TbsCertificateInner, Version};
use x509_cert::der::asn1::{Any, BitString, GeneralizedTime, Null, ObjectIdentifier, OctetString};
use x509_cert::der::flagset::FlagSet;
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, CertificatePolicies, KeyUsage, KeyUsages,
    SubjectKeyIdentifier, certpolicy::PolicyInformation,
};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::time::{Time, Validity};

/// The moment every test judges at, unless it says otherwise.
pub(crate) const NOW: OffsetDateTime = datetime!(2025-06-01 12:00:00 UTC);

pub(crate) const BASIC_CONSTRAINTS: &str = "2.5.29.19";
pub(crate) const KEY_USAGE: &str = "2.5.29.15";
pub(crate) const EXTENDED_KEY_USAGE: &str = "2.5.29.37";
pub(crate) const CERTIFICATE_POLICIES: &str = "2.5.29.32";
pub(crate) const AUTHORITY_KEY_IDENTIFIER: &str = "2.5.29.35";
pub(crate) const SUBJECT_KEY_IDENTIFIER: &str = "2.5.29.14";

pub(crate) fn oid(dotted: &str) -> ObjectIdentifier {
    ObjectIdentifier::new(dotted).expect("an object identifier")
}

pub(crate) fn name(text: &str) -> Name {
    Name::from_str(text).expect("a name")
}

pub(crate) fn key_on(curve: Nid) -> PKey<Private> {
    let group = EcGroup::from_curve_name(curve).expect("a curve");
    PKey::from_ec_key(EcKey::generate(&group).expect("a key")).expect("a key")
}

pub(crate) fn p256() -> PKey<Private> {
    key_on(Nid::X9_62_PRIME256V1)
}

pub(crate) fn rsa(bits: u32) -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(bits).expect("a key")).expect("a key")
}

pub(crate) fn time_of(moment: OffsetDateTime) -> Time {
    let seconds = u64::try_from(moment.unix_timestamp()).expect("after 1970");
    Time::GeneralTime(
        GeneralizedTime::from_unix_duration(std::time::Duration::from_secs(seconds))
            .expect("before the year 10000"),
    )
}

/// The algorithm identifier of a signature by `key` over `digest`.
pub(crate) fn signature_algorithm(
    key: &PKey<Private>,
    digest: MessageDigest,
) -> AlgorithmIdentifierOwned {
    let null = Some(Any::from(Null));
    let (dotted, parameters) = match (key.id(), digest.type_()) {
        (Id::RSA, Nid::SHA256) => ("1.2.840.113549.1.1.11", null),
        (Id::RSA, Nid::SHA1) => ("1.2.840.113549.1.1.5", null),
        (Id::RSA, Nid::MD5) => ("1.2.840.113549.1.1.4", null),
        (Id::EC, Nid::SHA256) => ("1.2.840.10045.4.3.2", None),
        (Id::EC, Nid::SHA384) => ("1.2.840.10045.4.3.3", None),
        (Id::EC, Nid::SHA1) => ("1.2.840.10045.4.1", None),
        (Id::ED25519, _) => ("1.3.101.112", None),
        other => panic!("no algorithm for {other:?}"),
    };
    AlgorithmIdentifierOwned {
        oid: oid(dotted),
        parameters,
    }
}

pub(crate) fn sign(key: &PKey<Private>, digest: MessageDigest, message: &[u8]) -> BitString {
    let mut signer = if key.id() == Id::ED25519 {
        Signer::new_without_digest(key)
    } else {
        Signer::new(digest, key)
    }
    .expect("a signer");
    BitString::from_bytes(&signer.sign_oneshot_to_vec(message).expect("a signature"))
        .expect("a bit string")
}

pub(crate) fn extension(dotted: &str, critical: bool, value: &impl Encode) -> Extension {
    raw_extension(dotted, critical, &value.to_der().expect("DER"))
}

pub(crate) fn raw_extension(dotted: &str, critical: bool, value: &[u8]) -> Extension {
    let extn_value = OctetString::new(value).expect("octets");
    Extension {
        extn_id: oid(dotted),
        critical,
        extn_value,
    }
}

pub(crate) fn key_usage(usages: impl Into<FlagSet<KeyUsages>>) -> Extension {
    extension(KEY_USAGE, true, &KeyUsage(usages.into()))
}

pub(crate) fn policies(oids: &[&str]) -> Extension {
    let information = |dotted: &&str| PolicyInformation {
        policy_identifier: oid(dotted),
        policy_qualifiers: None,
    };
    let policies = CertificatePolicies(oids.iter().map(information).collect());
    extension(CERTIFICATE_POLICIES, false, &policies)
}

pub(crate) fn authority_constraints(path_len_constraint: Option<u8>) -> Extension {
    extension(
        BASIC_CONSTRAINTS,
        true,
        &BasicConstraints {
            ca: true,
            path_len_constraint,
        },
    )
}

fn serial_number() -> SerialNumber {
    static NEXT: AtomicU32 = AtomicU32::new(0x4000_0000);
    let serial = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    SerialNumber::new(&serial).expect("a positive number")
}

/// A certificate before it is signed.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) tbs: TbsCertificateInner,
    pub(crate) issuer_key: PKey<Private>,
    pub(crate) digest: MessageDigest,
    /// Replaces the outer signature algorithm, to make the two differ.
    pub(crate) outer_algorithm: Option<AlgorithmIdentifierOwned>,
}

impl Draft {
    fn new(subject: Name, key: &PKey<Private>, issuer: Name, issuer_key: &PKey<Private>) -> Self {
        let spki = key.public_key_to_der().expect("a public key");
        let tbs = TbsCertificateInner {
            version: Version::V3,
            serial_number: serial_number(),
            signature: signature_algorithm(issuer_key, MessageDigest::sha256()),
            issuer,
            validity: Validity {
                not_before: time_of(NOW - Duration::days(365)),
                not_after: time_of(NOW + Duration::days(730)),
            },
            subject,
            subject_public_key_info: SubjectPublicKeyInfoOwned::from_der(&spki).expect("a key"),
            issuer_unique_id: None,
            subject_unique_id: None,
            extensions: Some(Vec::new()),
        };
        let digest = MessageDigest::sha256();
        Self {
            tbs,
            issuer_key: issuer_key.clone(),
            digest,
            outer_algorithm: None,
        }
    }

    pub(crate) fn extensions(&mut self) -> &mut Vec<Extension> {
        self.tbs.extensions.get_or_insert_default()
    }

    /// Sets an extension, in place of the one with the same identifier if there is one.
    pub(crate) fn set(&mut self, extension: Extension) {
        self.remove(&extension.extn_id.to_string());
        self.extensions().push(extension);
    }

    pub(crate) fn remove(&mut self, dotted: &str) {
        self.extensions()
            .retain(|extension| extension.extn_id != oid(dotted));
    }

    pub(crate) fn valid_between(&mut self, not_before: OffsetDateTime, not_after: OffsetDateTime) {
        self.tbs.validity = Validity {
            not_before: time_of(not_before),
            not_after: time_of(not_after),
        };
    }

    pub(crate) fn digest(&mut self, digest: MessageDigest) {
        self.digest = digest;
        self.tbs.signature = signature_algorithm(&self.issuer_key, digest);
    }

    pub(crate) fn key(&mut self, key: &PKey<Private>) {
        let spki = key.public_key_to_der().expect("a public key");
        self.raw_key(&spki);
    }

    pub(crate) fn raw_key(&mut self, spki: &[u8]) {
        self.tbs.subject_public_key_info =
            SubjectPublicKeyInfoOwned::from_der(spki).expect("a key");
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        let tbs = self.tbs.to_der().expect("DER");
        CertificateInner {
            signature: sign(&self.issuer_key, self.digest, &tbs),
            signature_algorithm: self
                .outer_algorithm
                .clone()
                .unwrap_or_else(|| self.tbs.signature.clone()),
            tbs_certificate: self.tbs.clone(),
        }
        .to_der()
        .expect("DER")
    }

    pub(crate) fn certificate(&self) -> Certificate {
        Certificate::parse(&self.der()).expect("a certificate")
    }
}

/// An authority that issues certificates; its own certificate stays a draft, so that a test can
/// change it.
#[derive(Clone)]
pub(crate) struct Authority {
    pub(crate) key: PKey<Private>,
    pub(crate) draft: Draft,
}

impl Authority {
    pub(crate) fn root(subject: &str) -> Self {
        let key = p256();
        let subject = name(subject);
        let mut draft = Draft::new(subject.clone(), &key, subject, &key);
        make_authority(&mut draft, &key, &key);
        Self { key, draft }
    }

    pub(crate) fn subordinate(&self, subject: &str) -> Self {
        self.subordinate_with_key(subject, &p256())
    }

    pub(crate) fn subordinate_with_key(&self, subject: &str, key: &PKey<Private>) -> Self {
        let mut draft = self.draft_for(name(subject), key);
        make_authority(&mut draft, key, &self.key);
        Self {
            key: key.clone(),
            draft,
        }
    }

    /// A draft with key identifiers and nothing else.
    pub(crate) fn draft_for(&self, subject: Name, key: &PKey<Private>) -> Draft {
        let mut draft = Draft::new(subject, key, self.name(), &self.key);
        draft.set(subject_key_identifier(key));
        draft.set(authority_key_identifier(&self.key));
        draft
    }

    pub(crate) fn name(&self) -> Name {
        self.draft.tbs.subject.clone()
    }

    pub(crate) fn certificate(&self) -> Certificate {
        self.draft.certificate()
    }
}

fn make_authority(draft: &mut Draft, key: &PKey<Private>, issuer_key: &PKey<Private>) {
    draft.set(authority_constraints(None));
    draft.set(key_usage(KeyUsages::KeyCertSign | KeyUsages::CRLSign));
    draft.set(subject_key_identifier(key));
    draft.set(authority_key_identifier(issuer_key));
    draft.set(policies(&["2.5.29.32.0"]));
}

fn key_identifier(key: &PKey<Private>) -> OctetString {
    let spki = key.public_key_to_der().expect("a public key");
    let digest = openssl::hash::hash(MessageDigest::sha1(), &spki).expect("a digest");
    OctetString::new(digest.to_vec()).expect("octets")
}

pub(crate) fn subject_key_identifier(key: &PKey<Private>) -> Extension {
    extension(
        SUBJECT_KEY_IDENTIFIER,
        false,
        &SubjectKeyIdentifier(key_identifier(key)),
    )
}

pub(crate) fn authority_key_identifier(key: &PKey<Private>) -> Extension {
    let identifier = AuthorityKeyIdentifier {
        key_identifier: Some(key_identifier(key)),
        authority_cert_issuer: None,
        authority_cert_serial_number: None,
    };
    extension(AUTHORITY_KEY_IDENTIFIER, false, &identifier)
}
