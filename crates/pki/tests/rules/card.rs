//! The baseline every test starts from: a root, an issuing authority and a doctor's card.

use crate::authority::{
    Authority, Draft, EXTENDED_KEY_USAGE, NOW, extension, key_usage, oid, p256, policies,
};
use crate::openssl_errors::assert_none;
use cardea_pki::{Certificate, Error, PathPolicy, TrustStore, ValidatedPath, validate_path};
use openssl::pkey::{PKey, Private};
use std::sync::OnceLock;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::Encode;
use x509_cert::der::asn1::{Any, Ia5String, OctetString, PrintableString, SetOfVec, Utf8StringRef};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::crl::dp::DistributionPoint;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{
    AccessDescription, AuthorityInfoAccessSyntax, CrlDistributionPoints, ExtendedKeyUsage,
    KeyUsages,
};
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};

pub(crate) const CARD_POLICY: &str = "1.2.250.1.213.1.7.9.1.1.1.1";
pub(crate) const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";
pub(crate) const SMARTCARD_LOGON: &str = "1.3.6.1.4.1.311.20.2.2";
pub(crate) const CRL_URL: &str = "http://igc.test/crl/issuing.crl";
pub(crate) const ROOT_CRL_URL: &str = "http://igc.test/crl/root.crl";
pub(crate) const LDAP_CRL_URL: &str = "ldap://annuaire.test/cn=AC?certificaterevocationlist;binary";
pub(crate) const LDAP_DELTA_URL: &str = "ldap://annuaire.test/cn=AC?deltarevocationlist;binary";
pub(crate) const OCSP_URL: &str = "http://ocsp.test/";

/// A root, an issuing authority and a doctor's card, made once for all tests.
#[derive(Clone)]
pub(crate) struct Baseline {
    pub(crate) root: Authority,
    pub(crate) issuing: Authority,
    pub(crate) card: Draft,
    pub(crate) card_key: PKey<Private>,
}

impl Baseline {
    pub(crate) fn new() -> Self {
        static BASELINE: OnceLock<Baseline> = OnceLock::new();
        BASELINE.get_or_init(Self::make).clone()
    }

    fn make() -> Self {
        let root = Authority::root("CN=AC RACINE ESSAI,O=ESSAI,C=FR");
        let mut issuing = root.subordinate("CN=AC ESSAI PERSONNES,O=ESSAI,C=FR");
        issuing.draft.set(crl_distribution_points(&[ROOT_CRL_URL]));
        let card_key = p256();
        let card = doctor(&issuing, &card_key);
        Self {
            root,
            issuing,
            card,
            card_key,
        }
    }

    pub(crate) fn store(&self) -> TrustStore {
        TrustStore::new(
            vec![self.root.certificate()],
            vec![self.issuing.certificate()],
        )
    }

    pub(crate) fn validate(&self) -> Result<ValidatedPath, Error> {
        self.validate_with(&PathPolicy::login())
    }

    pub(crate) fn validate_with(&self, policy: &PathPolicy) -> Result<ValidatedPath, Error> {
        let card = Certificate::parse(&self.card.der())?;
        let outcome = validate_path(&card, &[], &self.store(), policy, NOW);
        assert_none();
        outcome
    }

    pub(crate) fn path(&self) -> ValidatedPath {
        self.validate_with(&PathPolicy::rfc5280())
            .expect("the baseline's path is valid")
    }

    /// The issuing authority with its changed draft, and the card signed again beneath it.
    pub(crate) fn with_issuing(mut self, change: impl FnOnce(&mut Draft)) -> Self {
        change(&mut self.issuing.draft);
        self
    }
}

/// The card of an invented doctor, as the issuer of French cards would make it.
pub(crate) fn doctor(issuing: &Authority, key: &PKey<Private>) -> Draft {
    let subject = person(&[
        &[("2.5.4.6", "FR")],
        &[("2.5.4.12", "Médecin")],
        &[
            ("2.5.4.42", "CAMILLE"),
            ("2.5.4.3", "899700366240"),
            ("2.5.4.4", "DURAND"),
        ],
    ]);
    let mut card = issuing.draft_for(subject, key);
    card.set(key_usage(KeyUsages::DigitalSignature));
    card.set(purposes(&[CLIENT_AUTH, SMARTCARD_LOGON]));
    card.set(policies(&[CARD_POLICY]));
    card.set(crl_distribution_points(&[CRL_URL, LDAP_CRL_URL]));
    card.set(freshest_crl(&[LDAP_DELTA_URL]));
    card.set(ocsp_access(OCSP_URL));
    card.set(card_type(0));
    card.set(card_number("8025000001/2600301752"));
    card.set(certificate_kind(0x80));
    card.set(profession(10));
    card
}

pub(crate) fn card_type(code: u32) -> Extension {
    extension("1.2.250.1.71.1.2.2", false, &code)
}

pub(crate) fn card_number(number: &str) -> Extension {
    extension(
        "1.2.250.1.71.1.2.3",
        false,
        &PrintableString::new(number).expect("printable"),
    )
}

pub(crate) fn certificate_kind(kind: u8) -> Extension {
    extension(
        "1.2.250.1.71.1.2.5",
        false,
        &OctetString::new([kind]).expect("octets"),
    )
}

pub(crate) fn profession(code: u32) -> Extension {
    extension("1.2.250.1.71.1.2.7", false, &code)
}

pub(crate) fn profession_in_training(code: u32) -> Extension {
    extension("1.2.250.1.71.1.2.8", false, &code)
}

/// A name from sets of attributes; DER sorts the members of each set.
pub(crate) fn person(sets: &[&[(&str, &str)]]) -> Name {
    let member = |(dotted, value): &(&str, &str)| AttributeTypeAndValue {
        oid: oid(dotted),
        value: Any::from(Utf8StringRef::new(value).expect("text")),
    };
    let set = |members: &&[(&str, &str)]| {
        let members: Vec<_> = members.iter().map(member).collect();
        RelativeDistinguishedName(SetOfVec::try_from(members).expect("a set"))
    };
    RdnSequence(sets.iter().map(set).collect())
}

pub(crate) fn purposes(oids: &[&str]) -> Extension {
    let purposes = ExtendedKeyUsage(oids.iter().map(|dotted| oid(dotted)).collect());
    extension(EXTENDED_KEY_USAGE, false, &purposes)
}

pub(crate) fn url(text: &str) -> GeneralName {
    GeneralName::UniformResourceIdentifier(Ia5String::new(text).expect("ASCII"))
}

pub(crate) fn crl_distribution_points(urls: &[&str]) -> Extension {
    distribution_points("2.5.29.31", urls)
}

/// Where delta lists are.
fn freshest_crl(urls: &[&str]) -> Extension {
    distribution_points("2.5.29.46", urls)
}

fn distribution_points(dotted: &str, urls: &[&str]) -> Extension {
    let point = DistributionPoint {
        distribution_point: Some(DistributionPointName::FullName(
            urls.iter().map(|text| url(text)).collect(),
        )),
        reasons: None,
        crl_issuer: None,
    };
    extension(dotted, false, &CrlDistributionPoints(vec![point]))
}

fn ocsp_access(address: &str) -> Extension {
    let description = AccessDescription {
        access_method: oid("1.3.6.1.5.5.7.48.1"),
        access_location: url(address),
    };
    let access = AuthorityInfoAccessSyntax(vec![description]);
    extension(
        "1.3.6.1.5.5.7.1.1",
        false,
        &access.to_der().map(RawDer).expect("DER"),
    )
}

/// Bytes that are DER already.
pub(crate) struct RawDer(pub(crate) Vec<u8>);

impl Encode for RawDer {
    fn encoded_len(&self) -> x509_cert::der::Result<x509_cert::der::Length> {
        self.0.len().try_into()
    }

    fn encode(&self, writer: &mut impl x509_cert::der::Writer) -> x509_cert::der::Result<()> {
        writer.write(&self.0)
    }
}
