//! Everything that is shown of a certificate, without words: the JSON document is this.

use cardea_pki::Certificate;
use openssl::hash::{MessageDigest, hash};
use serde::Serialize;
use time::OffsetDateTime;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::alternative_name::{self, AlternativeName};
use super::card_fields::{
    CardFields, Kind, Profession, person_identifier_kind, structure_identifier_kind,
};
use super::foreign_card;
use super::key_words::{Key, is_weak};
use super::sign_in::SignIn;
use super::usage::{self, Use};
use super::warning::{self, Warning};

const COMMON_NAME: &str = "2.5.4.3";
const SURNAME: &str = "2.5.4.4";
const STATE: &str = "2.5.4.8";
const ORGANISATION: &str = "2.5.4.10";
const ORGANISATIONAL_UNIT: &str = "2.5.4.11";
const TITLE: &str = "2.5.4.12";
const GIVEN_NAME: &str = "2.5.4.42";

/// What the certificate says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Certified {
    CardAuthentication,
    CardSignature,
    CardOther,
    SoftwareAuthentication,
    SoftwareSignature,
    SoftwareOther,
    Server,
    Authority,
    Other,
}

/// Whether it is valid by the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Validity {
    Current,
    Expired,
    NotYetValid,
}

/// A certificate, read and not verified.
#[derive(Serialize)]
pub(super) struct Reading {
    /// Always false: nothing here was verified.
    pub(super) verified: bool,
    pub(super) certified: Certified,
    pub(super) warnings: Vec<Warning>,
    /// Whether it may do for signing in.
    pub(super) sign_in: SignIn,
    /// The profile by which the card was recognised: `cps`, `piv` or `hba`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) profile: Option<&'static str>,
    /// Whether its issuer marked it as a test certificate, where it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) test: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) person: Option<Person>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) profession: Option<Profession>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) structure: Option<Structure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) card: Option<Card>,
    pub(super) alternative_names: Vec<AlternativeName>,
    /// What the key may be used for.
    #[serde(serialize_with = "names_of_uses")]
    pub(super) uses: Vec<Use>,
    /// Purposes without words, by object identifier.
    pub(super) other_uses: Vec<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) not_before: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) not_after: OffsetDateTime,
    pub(super) validity: Validity,
    #[serde(skip)]
    pub(super) read_at: OffsetDateTime,
    pub(super) subject: String,
    pub(super) issuer: String,
    #[serde(skip)]
    pub(super) issuer_name: String,
    pub(super) serial: String,
    pub(super) key: Key,
    pub(super) signature_algorithm: String,
    pub(super) revocation: RevocationAddresses,
    pub(super) policies: Vec<String>,
    pub(super) sha256: String,
    pub(super) sha1: String,
}

/// Whom the subject names.
#[derive(Serialize)]
pub(super) struct Person {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) given_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) family_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) identifier: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) identifier_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) title: Option<String>,
}

/// Where the person works.
#[derive(Serialize)]
pub(super) struct Structure {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) department: Option<String>,
}

/// The card.
#[derive(Serialize)]
pub(super) struct Card {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) family: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) number: Option<String>,
}

/// Where revocation is asked.
#[derive(Serialize)]
pub(super) struct RevocationAddresses {
    pub(super) ocsp: Vec<String>,
    pub(super) crl: Vec<String>,
    pub(super) delta_crl: Vec<String>,
}

impl Reading {
    /// Reads a certificate; `now` decides on its validity.
    pub(super) fn of(certificate: &Certificate, now: OffsetDateTime) -> Self {
        let parsed = X509Certificate::from_der(certificate.der()).ok();
        let parsed = parsed.as_ref().map(|(_, parsed)| parsed);
        let fields = parsed.map(CardFields::read).unwrap_or_default();
        let (uses, other_uses) = parsed.map(uses_of).unwrap_or_default();
        let key = Key::of(certificate.public_key());
        let is_weak = is_weak(certificate, &key);
        let person = person_of(certificate, fields.kind.is_some());
        let fields_are_absent = fields.kind.is_none();
        let certified = certified_as(certificate, &fields, &uses, person.is_some());
        let mut reading = Self {
            verified: false,
            certified,
            warnings: Vec::new(),
            sign_in: SignIn::NotItsUse,
            profile: (fields.kind == Some(Kind::Card)).then_some("cps"),
            test: fields.test.or_else(|| calls_itself_test(certificate)),
            structure: person.as_ref().and_then(|_| structure_of(certificate)),
            person,
            card: (fields.kind == Some(Kind::Card)).then_some(Card {
                family: fields.family.map(str::to_owned),
                number: fields.number,
            }),
            profession: fields.profession,
            alternative_names: parsed.map(alternative_names_of).unwrap_or_default(),
            uses,
            other_uses,
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
            validity: validity_of(certificate, now),
            read_at: now,
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            issuer_name: first_of(certificate.issuer(), COMMON_NAME)
                .or_else(|| first_of(certificate.issuer(), ORGANISATIONAL_UNIT))
                .unwrap_or_default(),
            serial: hexadecimal(certificate.serial()),
            key,
            signature_algorithm: certificate.signature_algorithm().to_string(),
            revocation: RevocationAddresses {
                ocsp: certificate.ocsp_urls().to_vec(),
                crl: certificate.crl_distribution_points().to_vec(),
                delta_crl: certificate.freshest_crl().to_vec(),
            },
            policies: certificate
                .policies()
                .iter()
                .map(ToString::to_string)
                .collect(),
            sha256: hexadecimal(certificate.sha256()),
            sha1: sha1_of(certificate),
        };
        if fields_are_absent {
            foreign_card::recognise(&mut reading, certificate);
        }
        reading.warnings = warning::of(&reading, is_weak);
        reading.sign_in = SignIn::of(&reading);
        reading
    }

    /// Whether the key may be used for this.
    pub(super) fn has_use(&self, name: &str) -> bool {
        has(&self.uses, name)
    }
}

fn has(uses: &[Use], name: &str) -> bool {
    uses.iter().any(|it| it.name == name)
}

fn names_of_uses<S: serde::Serializer>(uses: &[Use], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(uses.iter().map(|it| it.name))
}

fn certified_as(
    certificate: &Certificate,
    fields: &CardFields,
    uses: &[Use],
    has_person: bool,
) -> Certified {
    let authenticates = has(uses, "digital_signature") && has(uses, "client_auth");
    let signs = has(uses, "non_repudiation");
    match fields.kind {
        _ if certificate.is_authority() => Certified::Authority,
        Some(Kind::Card) if authenticates => Certified::CardAuthentication,
        Some(Kind::Card) if signs => Certified::CardSignature,
        Some(Kind::Card) => Certified::CardOther,
        Some(Kind::Software) if has_person && authenticates => Certified::SoftwareAuthentication,
        Some(Kind::Software) if has_person && signs => Certified::SoftwareSignature,
        Some(Kind::Software) if has_person => Certified::SoftwareOther,
        _ if has(uses, "server_auth") => Certified::Server,
        _ => Certified::Other,
    }
}

/// A surname or a given name makes a person; the identifier's kind is read only where the private
/// extensions say whose rules it follows.
fn person_of(certificate: &Certificate, is_french: bool) -> Option<Person> {
    let subject = certificate.subject();
    let (given_name, family_name) = (first_of(subject, GIVEN_NAME), first_of(subject, SURNAME));
    if given_name.is_none() && family_name.is_none() {
        return None;
    }
    let identifier = first_of(subject, COMMON_NAME);
    let identifier_type = identifier
        .as_deref()
        .filter(|_| is_french)
        .and_then(person_identifier_kind)
        .map(str::to_owned);
    Some(Person {
        given_name,
        family_name,
        identifier,
        identifier_type,
        title: first_of(subject, TITLE),
    })
}

fn structure_of(certificate: &Certificate) -> Option<Structure> {
    let subject = certificate.subject();
    let name = first_of(subject, ORGANISATION);
    let id = first_of(subject, ORGANISATIONAL_UNIT);
    if name.is_none() && id.is_none() {
        return None;
    }
    let id_type = id.as_deref().and_then(structure_identifier_kind);
    let id_type = id_type.map(str::to_owned);
    Some(Structure {
        name,
        id,
        id_type,
        department: first_of(subject, STATE),
    })
}

fn first_of(name: &cardea_pki::DistinguishedName, oid: &str) -> Option<String> {
    name.attributes_of(oid).find_map(|it| it.value.clone())
}

/// Certificates without the mark may still be of a PKI that calls itself one for tests.
fn calls_itself_test(certificate: &Certificate) -> Option<bool> {
    let is_test = |name: &cardea_pki::DistinguishedName| {
        name.relative_names().flatten().any(|attribute| {
            let value = attribute.value.as_deref().unwrap_or_default();
            value
                .split(|it: char| !it.is_ascii_alphanumeric())
                .any(|word| word.eq_ignore_ascii_case("TEST"))
        })
    };
    (is_test(certificate.issuer()) || is_test(certificate.subject())).then_some(true)
}

fn uses_of(parsed: &X509Certificate<'_>) -> (Vec<Use>, Vec<String>) {
    let mut uses = Vec::new();
    let mut others = Vec::new();
    if let Ok(Some(extension)) = parsed.key_usage() {
        uses = usage::of_key_usage(extension.value);
    }
    if let Ok(Some(extension)) = parsed.extended_key_usage() {
        let (named, unnamed) = usage::of_extended(extension.value);
        uses.extend(named);
        others = unnamed;
    }
    (uses, others)
}

fn alternative_names_of(parsed: &X509Certificate<'_>) -> Vec<AlternativeName> {
    match parsed.subject_alternative_name() {
        Ok(Some(extension)) => alternative_name::read(extension.value),
        _ => Vec::new(),
    }
}

/// Both ends belong to the validity (RFC 5280 section 4.1.2.5).
fn validity_of(certificate: &Certificate, now: OffsetDateTime) -> Validity {
    if now > certificate.not_after() {
        Validity::Expired
    } else if now < certificate.not_before() {
        Validity::NotYetValid
    } else {
        Validity::Current
    }
}

/// What Windows shows as the thumbprint; it identifies and secures nothing.
fn sha1_of(certificate: &Certificate) -> String {
    hash(MessageDigest::sha1(), certificate.der())
        .map(|digest| hexadecimal(&digest))
        .unwrap_or_default()
}

fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
