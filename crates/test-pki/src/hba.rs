//! The German health professional's card (Heilberufsausweis): certificate C.HP.AUT.
//!
//! Shape: gemSpec_PKI tables Tab_PKI_268 (certificate) and Tab_PKI_226 (admission), GS-A_4589
//! (names of test cards).

use time::OffsetDateTime;
use x509_cert::der::asn1::{ObjectIdentifier, PrintableStringRef, Utf8StringRef};
use x509_cert::der::{Any, Encode, Tag};
use x509_cert::ext::pkix::name::GeneralName;

use crate::certificate_spec::{CertificateSpec, RawExtension};
use crate::country_pki::card_certificate;
use crate::distinguished_name::DistinguishedName;
use crate::error::Error;
use crate::key::KeyKind;
use crate::object_identifier as oid;

/// The holder of a German card. Every person here is invented.
#[derive(Clone, Debug)]
pub struct HbaProfile {
    /// Given name.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// Number of the card, `<trust service provider>.<ICCSN>`.
    pub card_number: String,
    /// Profession as an object identifier.
    pub profession: ObjectIdentifier,
    /// Profession in words.
    pub profession_item: String,
    /// Telematik-ID; `None` leaves the registration number out.
    pub telematik_id: Option<String>,
    /// Kind of the card's key.
    pub key: KeyKind,
}

impl HbaProfile {
    /// A physician.
    #[must_use]
    pub fn physician() -> Self {
        Self {
            given_name: "Renate".to_owned(),
            family_name: "Müßterfrau".to_owned(),
            card_number: "12.80276883110000129083".to_owned(),
            profession: ObjectIdentifier::new_unwrap("1.2.276.0.76.4.30"),
            profession_item: "Ärztin/Arzt".to_owned(),
            telematik_id: Some("1-HBA-Testkarte-883110000129083".to_owned()),
            key: KeyKind::BrainpoolP256r1,
        }
    }

    /// The subject name: one multi-valued relative distinguished name.
    #[must_use]
    pub fn subject(&self) -> DistinguishedName {
        let common_name = format!("{} {} TEST-ONLY", self.given_name, self.family_name);
        DistinguishedName::new().country("DE").set(&[
            (oid::SERIAL_NUMBER, &self.card_number),
            (oid::GIVEN_NAME, &self.given_name),
            (oid::SURNAME, &self.family_name),
            (oid::COMMON_NAME, &common_name),
        ])
    }

    /// The authentication certificate of a card made at `at`.
    ///
    /// # Errors
    /// [`Error::EncodingFailed`] when a value cannot be encoded.
    pub fn authentication(&self, at: OffsetDateTime) -> Result<CertificateSpec, Error> {
        let mut spec = card_certificate(self.subject(), self.key, at);
        spec.extended_key_usage = vec![oid::EKU_CLIENT_AUTH, oid::EKU_EMAIL_PROTECTION];
        spec.policies = vec![oid::POLICY_HBA_AUTHENTICATION];
        spec.extra_extensions = vec![admission(&[self.profession_info()?])?];
        Ok(spec)
    }

    /// `ProfessionInfo` in DER.
    ///
    /// # Errors
    /// [`Error::EncodingFailed`] when a value cannot be encoded.
    pub fn profession_info(&self) -> Result<Vec<u8>, Error> {
        let items = sequence(&[Utf8StringRef::new(&self.profession_item)?.to_der()?])?;
        let oids = sequence(&[self.profession.to_der()?])?;
        let mut members = vec![items, oids];
        if let Some(number) = &self.telematik_id {
            members.push(PrintableStringRef::new(number)?.to_der()?);
        }
        sequence(&members)
    }
}

/// The admission extension with these `ProfessionInfo`s.
///
/// # Errors
/// [`Error::EncodingFailed`] when a value cannot be encoded.
pub fn admission(profession_infos: &[Vec<u8>]) -> Result<RawExtension, Error> {
    let registrar = DistinguishedName::new()
        .country("DE")
        .organization("Kammer der Tests");
    let authority = GeneralName::DirectoryName(registrar.encode()?).to_der()?;
    let admissions = sequence(&[sequence(profession_infos)?])?;
    Ok(RawExtension {
        oid: oid::ADMISSION,
        critical: false,
        der: sequence(&[authority, sequence(&[admissions])?])?,
    })
}

fn sequence(members: &[Vec<u8>]) -> Result<Vec<u8>, Error> {
    Ok(Any::new(Tag::Sequence, members.concat())?.to_der()?)
}
