//! Who holds a card and of which family: from this the two certificates of a card follow.

use time::OffsetDateTime;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::ext::pkix::KeyUsages;

use crate::authority_name::AuthorityName;
use crate::certificate_spec::{CertificateSpec, IssuedCertificate, SubjectAltName};
use crate::distinguished_name::DistinguishedName;
use crate::error::Error;
use crate::identifier::{PersonIdentifier, StructureIdentifier};
use crate::key::KeyKind;
use crate::object_identifier as oid;
use crate::profession::Profession;

/// Families of cards, terminology TRE_G02.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CardFamily {
    /// 0: practising professional.
    Cps,
    /// 1: professional in training.
    Cpf,
    /// 2: director or employee of an establishment.
    Cpe,
    /// 3: authorised staff.
    Cpa,
}

impl CardFamily {
    /// The value of private extension .2.
    #[must_use]
    pub fn card_type(self) -> u8 {
        match self {
            Self::Cps => 0,
            Self::Cpf => 1,
            Self::Cpe => 2,
            Self::Cpa => 3,
        }
    }

    /// The family's short name, as on the command line: `cps`, `cpf`, `cpe`, `cpa`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cps => "cps",
            Self::Cpf => "cpf",
            Self::Cpe => "cpe",
            Self::Cpa => "cpa",
        }
    }

    /// The authority that issues this family's cards.
    #[must_use]
    pub fn issuer(self) -> AuthorityName {
        match self {
            Self::Cps | Self::Cpf => AuthorityName::FORT_PERSONNES,
            Self::Cpe | Self::Cpa => AuthorityName::STANDARD_PERSONNES,
        }
    }

    /// Policy of the family's authentication certificates.
    #[must_use]
    pub fn authentication_policy(self) -> ObjectIdentifier {
        match self {
            Self::Cps => oid::POLICY_CPS_AUTHENTICATION,
            Self::Cpf => oid::POLICY_CPF_AUTHENTICATION,
            Self::Cpe => oid::POLICY_CPE_AUTHENTICATION,
            Self::Cpa => oid::POLICY_CPA_AUTHENTICATION,
        }
    }

    /// Policy of the family's signature certificates.
    #[must_use]
    pub fn signature_policy(self) -> ObjectIdentifier {
        match self {
            Self::Cps => oid::POLICY_CPS_SIGNATURE,
            Self::Cpf => oid::POLICY_CPF_SIGNATURE,
            Self::Cpe => oid::POLICY_CPE_SIGNATURE,
            Self::Cpa => oid::POLICY_CPA_SIGNATURE,
        }
    }
}

/// Structure named on an establishment card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Structure {
    /// `<Departement> (<nn>)`, the ST attribute.
    pub department: String,
    /// Name, the O attribute.
    pub name: String,
    /// Identifier, the OU attribute.
    pub identifier: StructureIdentifier,
}

/// The holder of a card. Every person here is invented.
#[derive(Clone, Debug)]
pub struct CardProfile {
    /// Family of the card.
    pub family: CardFamily,
    /// Given name (GN).
    pub given_name: String,
    /// Family name (SN).
    pub family_name: String,
    /// National identifier (CN).
    pub identifier: PersonIdentifier,
    /// Profession; establishment cards have none.
    pub profession: Option<Profession>,
    /// Structure; professionals' cards have none.
    pub structure: Option<Structure>,
    /// Kind of both keys.
    pub key: KeyKind,
    /// Card number; `None` draws one.
    pub card_number: Option<String>,
}

impl CardProfile {
    fn professional(
        family: CardFamily,
        (given_name, family_name): (&str, &str),
        rpps: &str,
        profession: Profession,
    ) -> Self {
        Self {
            family,
            given_name: given_name.to_owned(),
            family_name: family_name.to_owned(),
            identifier: PersonIdentifier::Rpps(rpps.to_owned()),
            profession: Some(profession),
            structure: None,
            key: KeyKind::Rsa2048,
            card_number: None,
        }
    }

    /// A general practitioner with a CPS.
    #[must_use]
    pub fn doctor() -> Self {
        let name = ("Camille", "DURAND");
        Self::professional(
            CardFamily::Cps,
            name,
            "99700000011",
            Profession::Practising(10),
        )
    }

    /// A pharmacist with a CPS.
    #[must_use]
    pub fn pharmacist() -> Self {
        let name = ("Dominique", "LEFEVRE-TEST");
        Self::professional(
            CardFamily::Cps,
            name,
            "99700000029",
            Profession::Practising(21),
        )
    }

    /// A nurse with a CPS.
    #[must_use]
    pub fn nurse() -> Self {
        let name = ("Alix", "MOREAU");
        Self::professional(
            CardFamily::Cps,
            name,
            "99700000037",
            Profession::Practising(60),
        )
    }

    /// A student of medicine with a CPF: code 10 of the training terminology, not a doctor.
    #[must_use]
    pub fn student() -> Self {
        let name = ("Sacha", "PETIT");
        Self::professional(
            CardFamily::Cpf,
            name,
            "99700000045",
            Profession::InTraining(10),
        )
    }

    /// A hospital's secretary with a CPE: no profession, and a slash in the identifier.
    #[must_use]
    pub fn secretary() -> Self {
        let identifier = PersonIdentifier::FinessRegister("0B0000011/SECR0001".to_owned());
        Self {
            family: CardFamily::Cpe,
            given_name: "Maxime".to_owned(),
            family_name: "ROUX".to_owned(),
            identifier,
            profession: None,
            structure: Some(Structure {
                department: "Paris (75)".to_owned(),
                name: "HOPITAL DES TESTS".to_owned(),
                identifier: StructureIdentifier::Finess("0B0000011".to_owned()),
            }),
            key: KeyKind::Rsa2048,
            card_number: None,
        }
    }

    /// Authorised staff of the same hospital with a CPA.
    #[must_use]
    pub fn authorised_staff() -> Self {
        Self {
            family: CardFamily::Cpa,
            given_name: "Claude".to_owned(),
            family_name: "GARNIER".to_owned(),
            identifier: PersonIdentifier::FinessRegister("0B0000011/AUTO0002".to_owned()),
            ..Self::secretary()
        }
    }

    /// The same holder with keys of another kind.
    #[must_use]
    pub fn with_key(mut self, key: KeyKind) -> Self {
        self.key = key;
        self
    }

    /// The same holder with another name.
    #[must_use]
    pub fn with_name(mut self, given_name: &str, family_name: &str) -> Self {
        given_name.clone_into(&mut self.given_name);
        family_name.clone_into(&mut self.family_name);
        self
    }

    /// The same holder with another national identifier.
    #[must_use]
    pub fn with_identifier(mut self, identifier: PersonIdentifier) -> Self {
        self.identifier = identifier;
        self
    }

    /// The same holder with a given card number, `<issuer 10 digits>/<card 10 digits>`.
    #[must_use]
    pub fn with_card_number(mut self, card_number: &str) -> Self {
        self.card_number = Some(card_number.to_owned());
        self
    }

    /// The subject name of the holder's certificates.
    ///
    /// # Errors
    /// [`Error::ProfessionUnknown`] when the profession is not in its terminology.
    pub fn subject(&self) -> Result<DistinguishedName, Error> {
        let title = match self.profession {
            Some(profession) => profession.title()?,
            None => "Personnel santé ou social",
        };
        let mut name = DistinguishedName::new().country("FR");
        if let Some(structure) = &self.structure {
            name = name
                .state(&structure.department)
                .organization(&structure.name)
                .organizational_unit(&structure.identifier.organizational_unit());
        }
        Ok(name.title(title).person(
            &self.given_name,
            &self.identifier.common_name(),
            &self.family_name,
        ))
    }

    /// The authentication certificate of a card made at `at`.
    ///
    /// # Errors
    /// [`Error::ProfessionUnknown`] when the profession is not in its terminology.
    pub fn authentication(&self, at: OffsetDateTime) -> Result<CertificateSpec, Error> {
        let mut spec = self.card_certificate(at)?;
        spec.key_usage = vec![KeyUsages::DigitalSignature];
        spec.extended_key_usage = vec![oid::EKU_CLIENT_AUTH, oid::EKU_SMARTCARD_LOGON];
        spec.policies = vec![self.family.authentication_policy()];
        let principal = format!("{}@carte-cps.fr", self.identifier.common_name());
        spec.subject_alt_name = Some(SubjectAltName::UserPrincipalName(principal));
        Ok(spec)
    }

    /// The signature certificate of a card made at `at`: same holder, same chain, other purpose.
    ///
    /// # Errors
    /// [`Error::ProfessionUnknown`] when the profession is not in its terminology.
    pub fn signature(&self, at: OffsetDateTime) -> Result<CertificateSpec, Error> {
        let mut spec = self.card_certificate(at)?;
        spec.key_usage = vec![KeyUsages::NonRepudiation];
        spec.extended_key_usage = vec![oid::EKU_EMAIL_PROTECTION];
        spec.policies = vec![self.family.signature_policy()];
        spec.private_key_usage_period = Some((spec.not_before, spec.not_after));
        Ok(spec)
    }

    /// A software certificate of the same person for authentication: same CN, never a card.
    ///
    /// # Errors
    /// [`Error::ProfessionUnknown`] when the profession is not in its terminology.
    pub fn software(&self, at: OffsetDateTime) -> Result<CertificateSpec, Error> {
        let mut spec = self.authentication(at)?;
        spec.issuer = AuthorityName::ELEMENTAIRE_PERSONNES;
        spec.policies = vec![oid::POLICY_SOFTWARE];
        spec.extended_key_usage = vec![oid::EKU_CLIENT_AUTH];
        spec.subject_alt_name = Some(SubjectAltName::Email("personne@cardea.test".to_owned()));
        spec.card_type = None;
        spec.card_number = None;
        spec.certificate_kind = Some(0x83);
        Ok(spec)
    }

    fn card_certificate(&self, at: OffsetDateTime) -> Result<CertificateSpec, Error> {
        let mut spec = CertificateSpec::end_entity(self.family.issuer(), self.subject()?, at);
        spec.key = self.key;
        spec.card_type = Some(self.family.card_type());
        spec.card_number.clone_from(&self.card_number);
        spec.certificate_kind = Some(0x80);
        spec.profession = self.profession;
        Ok(spec)
    }
}

/// The two certificates of one card, each with its key.
#[derive(Clone, Debug)]
pub struct IssuedCard {
    /// For authentication: digitalSignature, clientAuth and smart card logon.
    pub authentication: IssuedCertificate,
    /// For signatures: nonRepudiation, emailProtection. Never valid for a login.
    pub signature: IssuedCertificate,
    /// The card number that both carry.
    pub card_number: String,
}
